"""Files that are written whole or not at all, and what is in them."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from promptad_tutorial.files.names import cell

if TYPE_CHECKING:
    import pandas as pd


def write_whole(path: Path, text: str, encoding: str = "utf-8") -> Path:
    """Write a text file beside its place and move it there: it is whole, or the old one.

    Its folder is made. Line ends stay as they are in `text`; a file's name in it that is no text
    in any encoding is written with escapes. OSError if it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=path.name[:60], suffix=".part")
    try:
        with os.fdopen(handle, "w", -1, encoding, "backslashreplace", "") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(part, 0o644)  # mkstemp gives the owner alone a look
        os.replace(part, path)
    finally:
        Path(part).unlink(missing_ok=True)
    return path


def write_table(path: Path, frame: pd.DataFrame) -> Path:
    """Write a table as CSV, whole, as spreadsheets want it: with a byte-order mark (else Excel
    garbles names), and no cell that would run as a formula. Names of any kind can be in it.
    """
    safe = frame.rename(columns=lambda name: cell(str(name)))
    safe = safe.map(lambda value: cell(value) if isinstance(value, str) else value)
    return write_whole(path, safe.to_csv(index=False, lineterminator="\n"), "utf-8-sig")


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes, in hexadecimal. OSError if it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
