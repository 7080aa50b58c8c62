"""Which pictures there are in the folders that somebody named, and which mask belongs to which."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from promptad_tutorial.datasets.samples import GOOD, UNLABELLED
from promptad_tutorial.files.listing import (
    IMAGE_SUFFIXES,
    describe_contents,
    existing_folder,
    path_key,
)

DEFECT = "defect"  # the name of what lies directly in the folder of bad pictures


@dataclass(frozen=True)
class Found:
    """A picture in a source folder."""

    path: Path
    defect: str  # GOOD, or the defect's name
    within: Path  # its path below the folder of its class, without which equal names look alike
    mask: Path | None = None


def good_pictures(folder: Path) -> list[Found]:
    """Every picture in the folder and below it, in natural order.

    Raises FileNotFoundError or NotADirectoryError for no folder, ValueError without a picture.
    """
    root = existing_folder(folder, "the folder of good pictures (--good)")
    found = [Found(path, GOOD, path.relative_to(root)) for path in _pictures_below(root)]
    return _not_empty(found, root, "good pictures")


def bad_pictures(folder: Path) -> tuple[list[Found], list[Path]]:
    """Every picture of a defect, and files that look like masks beside their picture.

    Sub-folders are the defects' names; what lies directly in the folder is called "defect".
    Raises as `good_pictures`, and ValueError for a sub-folder that cannot be a defect's name.
    """
    root = existing_folder(folder, "the folder of bad pictures (--bad)")
    found = []
    for path in _pictures_below(root):
        within = path.relative_to(root)
        defect = within.parts[0] if len(within.parts) > 1 else DEFECT
        if defect.casefold() in (GOOD, UNLABELLED):
            raise ValueError(
                f"a folder of bad pictures cannot hold one called {defect!r}: move {root / defect} "
                "out, or rename it to what is wrong with its pictures"
            )
        rest = Path(*within.parts[1:]) if len(within.parts) > 1 else within
        found.append(Found(path, defect, rest))
    stems = {(one.defect, one.within.parent, one.path.stem) for one in found}
    beside = [
        one.path
        for one in found
        if one.path.stem.endswith("_mask")
        and (one.defect, one.within.parent, one.path.stem.removesuffix("_mask")) in stems
    ]
    return _not_empty(
        [one for one in found if one.path not in beside], root, "bad pictures"
    ), beside


def mask_files(folder: Path) -> list[Path]:
    """Every mask in the folder and below it. Raises as `good_pictures`."""
    root = existing_folder(folder, "the folder of masks (--masks)")
    found = _pictures_below(root)
    if not found:
        raise ValueError(f"expected masks in {root}, found {describe_contents(root)}")
    return found


def with_masks(
    bad: Sequence[Found], masks: Sequence[Path], root: Path | None
) -> tuple[list[Found], list[str]]:
    """The bad pictures with their masks, and what does not match, one line each.

    A mask is called as its picture, with or without `_mask`. It lies in a folder of the defect's
    name, or directly in `root`, or beside its picture.
    """
    by_name: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for path in masks:
        by_name[_folder_of(path, root), path.stem.removesuffix("_mask").casefold()].append(path)
    matched, problems, used = [], [], set()
    for one in bad:
        stem = one.path.stem.casefold()
        places = [str(one.path.parent), one.defect.casefold(), ""]
        found = next((by_name[p, stem] for p in places if (p, stem) in by_name), [])
        if len(found) == 1 and found[0] not in used:
            matched.append(Found(one.path, one.defect, one.within, found[0]))
        elif found:
            problems.append(f"{one.path}: more than one picture or mask is called {one.path.stem}")
        else:
            problems.append(f"{one.path}: no mask is called {one.path.stem}_mask or so")
        used.update(found)
    problems += [f"{path}: a mask without a picture" for path in masks if path not in used]
    return matched, problems


def _folder_of(path: Path, root: Path | None) -> str:
    """Where a mask was looked for: the defect's name, "" for the root, or the picture's folder."""
    if root is None or not path.is_relative_to(root):
        return str(path.parent)
    parts = path.relative_to(root).parts
    return parts[0].casefold() if len(parts) > 1 else ""


def other_files(folder: Path) -> list[Path]:
    """Visible files in a folder and below it that have no picture's suffix, such as .heic ones."""
    root = existing_folder(folder, "a folder of pictures")
    system = ("thumbs.db", "desktop.ini")
    return [p for p in _files_below(root) if not _is_picture(p) and p.name.casefold() not in system]


def _pictures_below(root: Path) -> list[Path]:
    return [path for path in _files_below(root) if _is_picture(path)]


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES


def _files_below(root: Path) -> list[Path]:
    found = []
    seen: set[str] = set()
    for here, folders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(here)
        if real in seen:  # a link in a circle
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(here, name) for name in names if not name.startswith(".")]
    return sorted(found, key=lambda path: path_key(path.relative_to(root)))


def _not_empty(found: list[Found], root: Path, what: str) -> list[Found]:
    if not found:
        raise ValueError(
            f"expected {what} ({', '.join(IMAGE_SUFFIXES)}) in {root} or its sub-folders, found "
            f"{describe_contents(root)}"
        )
    return found
