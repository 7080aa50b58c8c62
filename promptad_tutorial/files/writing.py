"""Files that are written whole or not at all, and what is in them."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path


def write_whole(path: Path, text: str) -> Path:
    """Write a text file beside its place and move it there: it is whole, or the old one.

    Its folder is made. Line ends stay as they are in `text`. OSError if it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=path.name[:60], suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(part, 0o644)  # mkstemp gives the owner alone a look
        os.replace(part, path)
    finally:
        Path(part).unlink(missing_ok=True)
    return path


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes, in hexadecimal. OSError if it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
