"""All pictures under a folder, sorted, whatever the file system says."""

from __future__ import annotations

import os
from pathlib import Path

from promptad_tutorial.files.listing import (
    IMAGE_SUFFIXES,
    describe_contents,
    existing_folder,
    path_key,
)


def pictures_under(folder: str | Path, leave_out: Path | None = None) -> tuple[Path, ...]:
    """The image files in `folder` and its sub-folders, in natural order of their parts.

    Links to folders are followed, each folder once. Hidden files and folders are ignored, and so is
    everything under `leave_out`: what is written there must not be scored. A link to nowhere is
    listed: whoever reads it finds the fault, and the others are not lost.

    Raises FileNotFoundError or NotADirectoryError for no folder, ValueError for no picture in it.
    """
    root = existing_folder(folder, "a folder of pictures")
    seen = set() if leave_out is None else {os.path.realpath(leave_out)}
    found: list[Path] = []
    for here, folders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(here)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found.extend(Path(here, name) for name in names if is_picture_name(name))
    if not found:
        raise ValueError(
            f"expected pictures ({', '.join(IMAGE_SUFFIXES)}) in {root} or its sub-folders, found "
            f"{describe_contents(root)}"
        )
    return tuple(sorted(found, key=lambda path: path_key(path.relative_to(root))))


def is_picture_name(name: str) -> bool:
    """Whether a file of this name counts as a picture: not hidden, and a suffix of an image."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES
