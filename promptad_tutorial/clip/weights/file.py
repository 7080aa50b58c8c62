"""Is a file of weights whole? Its own header and, where it is known, its checksum say so.

A download that broke off, a page of HTML in place of weights and a Git LFS pointer are recognised
before anything is loaded.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from promptad_tutorial.clip.weights.model_support import BackboneError
from promptad_tutorial.files.writing import file_sha256

CHUNK = 1 << 20  # bytes read at a time
LENGTH = 8  # bytes at the start of a .safetensors file that say how long its header is


def check_whole(path: Path, sha256: str = "", suffix: str | None = None) -> None:
    """Raise BackboneError, which names the file, unless all of it is there.

    A .safetensors file says in its header where its last tensor ends; .pt and .bin files are zip
    archives, whose directory stands at the end. ``sha256``: the checksum that the bytes must have,
    or its first digits; "" if nobody knows it. ``suffix``: that of the file that a part will be.
    """
    size = path.stat().st_size
    if size == 0:
        raise _damaged(path, "the file is empty")
    with path.open("rb") as file:
        start = file.read(64)
    if start.startswith(b"version https://git-lfs"):
        raise _damaged(path, "it is a Git LFS pointer of a few lines, not the weights themselves")
    if start.lstrip()[:5].lower() in (b"<!doc", b"<html"):
        raise _damaged(path, "it is a web page, not weights: a login page, or a wrong address")
    if (path.suffix if suffix is None else suffix) == ".safetensors":
        _check_safetensors(path, size)
    elif start.startswith(b"PK") and not zipfile.is_zipfile(path):
        raise _damaged(path, "the file ends too early: it is half written")
    if sha256:
        found = file_sha256(path)
        if not found.startswith(sha256):
            raise _damaged(
                path, f"expected sha256 {sha256}, found {found}: it is not what was sent"
            )


def _check_safetensors(path: Path, size: int) -> None:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(LENGTH), "little")
        if size < LENGTH or length > 100_000_000:  # the format's own limit
            raise _damaged(path, "it does not begin as a .safetensors file")
        text = file.read(length)
    if len(text) < length:
        raise _damaged(path, "the file ends in its header: it is half written")
    try:
        ends = [
            int(entry["data_offsets"][1])
            for name, entry in json.loads(text).items()
            if name != "__metadata__"
        ]
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise _damaged(path, "its header cannot be read") from error
    wanted = LENGTH + length + max(ends, default=0)
    if size != wanted:
        less = "it is half written" if size < wanted else "something was added to it"
        raise _damaged(path, f"its header promises {wanted} bytes, found {size}: {less}")


def _damaged(path: Path, what: str) -> BackboneError:
    return BackboneError(
        f"could not read weights from {path}: {what}. Remove the file and fetch or copy it again."
    )
