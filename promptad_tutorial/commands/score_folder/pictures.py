"""All pictures under a folder, sorted, whatever the file system says."""

from __future__ import annotations

from pathlib import Path

from promptad_tutorial.files.listing import (
    IMAGE_SUFFIXES,
    describe_contents,
    existing_folder,
    files_below,
)
from promptad_tutorial.files.names import kind_of


def pictures_under(folder: str | Path, leave_out: Path | None = None) -> tuple[Path, ...]:
    """The pictures in `folder` and its sub-folders, in natural order of their parts.

    Links to folders are followed, each folder once. Hidden files and folders are ignored, and so is
    everything under `leave_out`: what is written there must not be scored. Listed too are a link to
    nowhere and what people call a picture but nobody can read here: whoever reads it finds the
    fault, and it does not pass as good.

    Raises FileNotFoundError or NotADirectoryError for no folder, ValueError for no picture in it.
    """
    root = existing_folder(folder, "a folder of pictures")
    found = [p for p in files_below(root, leave_out) if kind_of(p) in ("picture", "unreadable")]
    if not found:
        raise ValueError(
            f"expected pictures ({', '.join(IMAGE_SUFFIXES)}, ...) in {root} or its sub-folders, "
            f"found {describe_contents(root)}"
        )
    return tuple(found)
