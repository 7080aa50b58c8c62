"""What no loader reads: whoever put it there may believe that it counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from promptad_tutorial.datasets.checks.content import Seen
from promptad_tutorial.datasets.findings import Findings
from promptad_tutorial.datasets.folders import without_ending
from promptad_tutorial.datasets.masks import mask_files
from promptad_tutorial.datasets.visa import SPLIT_FILE
from promptad_tutorial.files.listing import folders_below, list_images, path_key, shorten, visible
from promptad_tutorial.files.names import folded, is_picture, nfc

TRUTH = ("ground_truth", "masks", "mask", "gt", "labels")  # folders of masks
# Parts of MVTec LOCO and MVTec AD 2 that a few-shot method does not need.
SPARE = ("validation", "test_private", "test_private_mixed")


def check_strays(root: Path, seen: Sequence[Seen], found: Findings, by_table: bool = False) -> None:
    """Report pictures, masks and other files that are not among `seen`, links to nowhere, folders
    that cannot be opened, and names that are one on another system. `by_table`: a table says what
    is read, so that more pictures are no fault.
    """
    used = {one.sample.image for one in seen}
    used |= {file for one in seen if one.sample.mask for file in mask_files(one.sample.mask)}

    def unopened(error: OSError) -> None:
        what = f"cannot be opened ({error.strerror})"
        found.fix(Path(error.filename), what, "give read permission")

    for folder in folders_below(root, unopened=unopened):
        files = visible(folder)
        _check_names(folder, files, found)
        pictures = [path for path in list_images(folder, found.fix) if path not in used]
        _check_pictures(root, folder, pictures, found, by_table)
        extra = [
            path.name
            for path in files
            if path.is_file()
            and not is_picture(path)
            and path != root / SPLIT_FILE
            and path.suffix != ".json"
        ]
        if extra:
            found.note(folder, f"extra files ({shorten(extra)})", "nothing to do: they are ignored")


def _check_pictures(
    root: Path, folder: Path, pictures: list[Path], found: Findings, by_table: bool
) -> None:
    parts = {part.casefold() for part in folder.relative_to(root).parts}
    masks = [p for p in pictures if parts & set(TRUTH) or without_ending(p.stem) != p.stem]
    for path in sorted(masks, key=path_key):
        found.fix(path, "a mask without a picture", "add the picture or remove the mask")
    others = [path.name for path in pictures if path not in masks]
    what = f"{len(others)} pictures that nothing reads ({shorten(others)})"
    if others and (by_table or parts & set(SPARE)):
        found.note(folder, what, "nothing to do: the layout keeps them for other uses")
    elif others:
        remedy = "move them into train/good, test/good or test/<defect>, or take them out"
        found.fix(folder, what, remedy)


def _check_names(folder: Path, paths: Sequence[Path], found: Findings) -> None:
    alike: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        alike[folded(path.name)].append(path.name)
    for names in alike.values():
        if len(names) > 1:
            how = "case" if len(set(map(nfc, names))) > 1 else "how accents are stored"
            found.fix(
                folder,
                f"names that differ in {how} alone ({', '.join(names)})",
                "rename one: on Windows and macOS they are the same file",
            )
