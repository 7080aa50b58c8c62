"""Is a file of weights whole? Its own header and, where it is known, its checksum say so.

A download that broke off, a page of HTML in place of weights and a Git LFS pointer are recognised
before anything is loaded.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from safetensors import SafetensorError, safe_open

from promptad_tutorial.clip.weights.model_support import BackboneError
from promptad_tutorial.files.writing import file_sha256

CHUNK = 1 << 20  # bytes read at a time


def check_whole(path: Path, sha256: str = "", suffix: str | None = None) -> None:
    """Raise BackboneError, which names the file, unless all of it is there.

    A .safetensors file says in its header where its last tensor ends; .pt and .bin files are zip
    archives, whose directory stands at the end. ``sha256``: the checksum that the bytes must have,
    or its first digits; "" if nobody knows it. ``suffix``: that of the file that a part will be.
    """
    if path.stat().st_size == 0:
        raise _damaged(path, "the file is empty")
    with path.open("rb") as file:
        start = file.read(64)
    if start.startswith(b"version https://git-lfs"):
        raise _damaged(path, "it is a Git LFS pointer of a few lines, not the weights themselves")
    if start.lstrip()[:5].lower() in (b"<!doc", b"<html"):
        raise _damaged(path, "it is a web page, not weights: a login page, or a wrong address")
    if (path.suffix if suffix is None else suffix) == ".safetensors":
        _check_safetensors(path)
    elif start.startswith(b"PK"):
        _check_archive(path)
    if sha256:
        found = file_sha256(path)
        if not found.startswith(sha256):
            raise _damaged(
                path, f"expected sha256 {sha256}, found {found}: it is not what was sent"
            )


def _check_safetensors(path: Path) -> None:
    try:
        with safe_open(path, framework="pt"):  # reads the header, compares it with the size
            pass
    except (SafetensorError, OSError) as error:
        raise _damaged(path, f"it is no whole .safetensors file ({error})") from error


def _check_archive(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise _damaged(path, "the file ends too early: it is half written") from error
    if any(name.endswith("/constants.pkl") for name in names):
        stem = re.sub(r"[@].*", "", path.stem)
        raise BackboneError(
            f"{path} is a TorchScript program with weights in it, as OpenAI published its own, and "
            "programs are not run here. The same weights as plain tensors: promptad-tutorial "
            f"check-backbone --backbone {stem}-quickgelu --pretrained openai --download"
        )


def _damaged(path: Path, what: str) -> BackboneError:
    return BackboneError(
        f"could not read weights from {path}: {what}. Remove the file and fetch or copy it again."
    )
