"""Listing files so that the result never depends on the file system: filtered, in natural order."""

from __future__ import annotations

import difflib
import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")

NaturalKey = tuple[tuple[str | int, ...], str]


def natural_key(name: str) -> NaturalKey:
    """Sort key in which `2.png` comes before `10.png`, the same on every file system.

    Letter case is ignored first and decides last. The name is brought to Unicode form NFC because
    macOS hands out decomposed accents and Linux composed ones.

    >>> sorted(["10.png", "2.png", "B.png", "a.png"], key=natural_key)
    ['2.png', '10.png', 'a.png', 'B.png']
    """
    name = unicodedata.normalize("NFC", name)
    # re.split with a group alternates text, digits, text, ...: keys compare str with str and
    # int with int.
    pieces = re.split(r"(\d+)", name.casefold())
    return tuple(int(p) if i % 2 else p for i, p in enumerate(pieces)), name


def path_key(path: Path) -> tuple[NaturalKey, ...]:
    """`natural_key` of every part of a path: a common root folder never changes the order."""
    return tuple(natural_key(part) for part in path.parts)


def existing_folder(folder: str | Path, role: str) -> Path:
    """The absolute path of a folder that exists; `~` is expanded, links are kept.

    Raises `FileNotFoundError` or `NotADirectoryError`, naming the folder's `role`.
    """
    path = Path(os.path.abspath(Path(folder).expanduser()))
    if not path.exists():
        raise FileNotFoundError(f"expected {role} at {path}, found nothing there: check the path")
    if not path.is_dir():
        raise NotADirectoryError(f"expected {role} at {path}, found a file: give the folder")
    return path


def list_folders(folder: Path) -> tuple[Path, ...]:
    """The visible sub-folders (links to folders included), in natural order."""
    found = (p for p in folder.iterdir() if not p.name.startswith(".") and p.is_dir())
    return tuple(sorted(found, key=path_key))


def list_images(folder: Path) -> tuple[Path, ...]:
    """The image files directly in a folder, in natural order; everything else is ignored.

    Hidden files are ignored too: macOS leaves `._000.png` files that are no images.
    Raises `FileNotFoundError` for an image name that is a link to nowhere.
    """
    found = []
    for path in folder.iterdir():
        if path.name.startswith(".") or path.suffix.lower() not in IMAGE_SUFFIXES:
            continue
        if path.is_symlink() and not path.exists():
            raise FileNotFoundError(
                f"{path} is a link to {os.readlink(path)}, which is not there: "
                "restore the target or remove the link"
            )
        if path.is_file():
            found.append(path)
    return tuple(sorted(found, key=path_key))


def required_images(folder: Path, role: str) -> tuple[Path, ...]:
    """`list_images`, where a missing or empty folder is an error that names its `role`.

    Raises `FileNotFoundError` without the folder and `ValueError` without an image in it.
    """
    folder = existing_folder(folder, role)
    images = list_images(folder)
    if not images:
        raise ValueError(
            f"expected {role} in {folder}: at least one image ({', '.join(IMAGE_SUFFIXES)}), "
            f"found {describe_contents(folder)}"
        )
    return images


def describe_contents(folder: Path, limit: int = 6) -> str:
    """What a folder holds, in a few words for an error message."""
    entries = sorted(folder.iterdir(), key=path_key)
    if not entries:
        return "an empty folder"
    return shorten([p.name + ("/" if p.is_dir() else "") for p in entries], limit)


def shorten(names: Sequence[str], limit: int = 6) -> str:
    """The first `limit` names, comma separated, and how many more there are."""
    more = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {more} more" if more > 0 else "")


def check_known(name: str, known: Sequence[str], role: str, root: Path) -> None:
    """Raise a `ValueError` that lists the `known` names, closest first, if `name` is not one."""
    if name in known:
        return
    by_folded = {k.casefold(): k for k in known}
    close = difflib.get_close_matches(name.casefold(), list(by_folded), n=1)
    hint = f" Did you mean {by_folded[close[0]]!r}?" if close else ""
    listed = ", ".join(known) if known else "none"
    raise ValueError(f"no {role} {name!r} in {root}; there are: {listed}.{hint}")
