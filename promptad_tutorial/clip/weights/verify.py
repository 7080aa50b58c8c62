"""Is a file of weights whole? Its own header and, where it is known, its checksum say so.

A download that broke off, a page of HTML in place of weights and a Git LFS pointer are recognised
before anything is loaded.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from safetensors import SafetensorError, safe_open

from promptad_tutorial.clip.choice import BackboneError
from promptad_tutorial.files.writing import file_sha256


def check_whole(path: Path, sha256: str = "", suffix: str = "") -> None:
    """Raise BackboneError, which names the file, unless all of it is there.

    A .safetensors file says in its header where its last tensor ends; .pt and .bin files are zip
    archives, whose directory stands at the end. ``sha256``: the checksum that the bytes must have,
    or its first digits; "" if nobody knows it. ``suffix``: that of the file that a part will be.
    """
    problem = _problem(path, suffix or path.suffix)
    if sha256 and not problem:
        found = file_sha256(path)
        if not found.startswith(sha256):
            problem = f"expected sha256 {sha256}, found {found}: it is not what was sent"
    if problem:
        raise BackboneError(
            f"could not read weights from {path}: {problem}. Remove the file and fetch or copy it "
            "again."
        )


def _problem(path: Path, suffix: str) -> str:
    """What is wrong with a file, "" if nothing; BackboneError for a program with weights in it."""
    with path.open("rb") as file:
        start = file.read(64)
    if not start:
        return "the file is empty"
    if start.startswith(b"version https://git-lfs"):
        return "it is a Git LFS pointer of a few lines, not the weights themselves"
    if start.lstrip()[:5].lower() in (b"<!doc", b"<html"):
        return "it is a web page, not weights: a login page, or a wrong address"
    if suffix == ".safetensors":
        try:
            with safe_open(path, framework="pt"):  # reads the header, compares it with the size
                return ""
        except (SafetensorError, OSError) as error:
            return f"it is no whole .safetensors file ({error})"
    if not start.startswith(b"PK"):
        return ""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        return "the file ends too early: it is half written"
    if any(name.endswith("/constants.pkl") for name in names):
        raise BackboneError(
            f"{path} is a TorchScript program with weights in it, as OpenAI published its own, and "
            "programs are not run here. The same weights as plain tensors: promptad-tutorial "
            f"check-backbone --backbone {path.stem.partition('@')[0]}-quickgelu "
            "--pretrained openai --download"
        )
    return ""
