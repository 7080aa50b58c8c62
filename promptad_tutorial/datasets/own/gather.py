"""Which pictures there are in the folders that somebody named, and which mask belongs to which."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from promptad_tutorial.datasets.folders import without_ending
from promptad_tutorial.datasets.samples import GOOD, UNLABELLED
from promptad_tutorial.files.listing import (
    IMAGE_SUFFIXES,
    describe_contents,
    existing_folder,
    files_below,
)
from promptad_tutorial.files.names import bad_name, good_name, is_picture, kind_of, nfc

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
    for one in found:
        named = [part for part in one.within.parts[:-1] if bad_name(part)]
        if named:
            raise ValueError(
                f"a folder of good pictures cannot hold one called {named[0]!r}: give the folder "
                f"of good ones alone as --good, and {named[0]} as --bad"
            )
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
        if good_name(defect) or defect.casefold() == UNLABELLED:
            raise ValueError(
                f"a folder of bad pictures cannot hold one called {defect!r}: move {root / defect} "
                "out, or rename it to what is wrong with its pictures"
            )
        rest = Path(*within.parts[1:]) if len(within.parts) > 1 else within
        found.append(Found(path, defect, rest))
    stems = {_key(one, one.path.stem) for one in found}
    beside = [
        one.path
        for one in found
        if without_ending(one.path.stem) != one.path.stem
        and _key(one, without_ending(one.path.stem)) in stems
    ]
    return _not_empty(
        [one for one in found if one.path not in beside], root, "bad pictures"
    ), beside


def _key(one: Found, stem: str) -> tuple[str, Path, str]:
    return one.defect, one.within.parent, nfc(stem)


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
        stem = nfc(without_ending(path.stem)).casefold()
        by_name[_folder_of(path, root), stem].append(path)
    matched, problems, used = [], [], set()
    for one in bad:
        stem = nfc(one.path.stem).casefold()
        places = [str(one.path.parent), nfc(one.defect).casefold(), ""]
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
    return nfc(parts[0]).casefold() if len(parts) > 1 else ""


def other_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """Visible files in a folder and below it that are no pictures, and pictures of a kind that
    nobody can read here, such as .heic ones."""
    files = files_below(existing_folder(folder, "a folder of pictures"))
    kinds = {path: kind_of(path) for path in files}
    return [p for p in files if kinds[p] == "other"], [p for p in files if kinds[p] == "unreadable"]


def _pictures_below(root: Path) -> list[Path]:
    return [path for path in files_below(root) if is_picture(path)]


def _not_empty(found: list[Found], root: Path, what: str) -> list[Found]:
    if not found:
        raise ValueError(
            f"expected {what} ({', '.join(IMAGE_SUFFIXES)}, ...) below {root}, found "
            f"{describe_contents(root)}"
        )
    return found
