"""Checking a dataset's folder: as a loader reads it, what no loader reads, then every file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from promptad_tutorial.datasets.checks.content import Seen, check_content
from promptad_tutorial.datasets.findings import Findings
from promptad_tutorial.datasets.folders import without_ending
from promptad_tutorial.datasets.masks import mask_files
from promptad_tutorial.datasets.opening import LAYOUTS, open_dataset, recognise
from promptad_tutorial.datasets.visa import SPLIT_FILE
from promptad_tutorial.files.listing import (
    existing_folder,
    folders_below,
    list_images,
    path_key,
    shorten,
    visible,
)
from promptad_tutorial.files.names import folded, is_picture, nfc

MIN_SIDE = 64  # pixels: below, a picture shows less than the patches of the smallest backbone
TRUTH = ("ground_truth", "masks", "mask", "gt", "labels")  # folders of masks
# Parts of MVTec LOCO and MVTec AD 2 that a few-shot method does not need.
SPARE = ("validation", "test_private", "test_private_mixed")


def check_dataset(
    root: str | Path, layout: str | None = None, min_side: int = MIN_SIDE, jobs: int = -1
) -> tuple[Findings, list[Seen]]:
    """Everything that is wrong with the dataset in `root`, and the pictures it has.

    `layout` is one of LAYOUTS, by default what the folder looks most like. Pictures with a side of
    less than `min_side` pixels are too small. Nothing is changed.

    Raises FileNotFoundError or NotADirectoryError for no folder, ValueError for another layout.
    """
    folder = existing_folder(root, "a dataset")
    name = layout or recognise(folder)
    if name not in LAYOUTS:
        raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}; got {layout!r}")
    found = Findings(folder)
    seen = _read(folder, name, found)
    _check_strays(folder, seen, found, by_table=name in ("visa", "realiad"))
    check_content(seen, found, min_side, jobs)
    if not found.faults:  # what the loaders refuse is a fault, whatever the checks above say
        try:
            dataset = open_dataset(folder)
            for line in dataset.product_lines:
                dataset.load(line)
        except (ValueError, OSError) as error:
            found.fix(folder, f"does not open ({' '.join(str(error).split())})", "see the message")
    return found, seen


def _read(root: Path, name: str, found: Findings) -> list[Seen]:
    layout = LAYOUTS[name]
    names = layout.lines(root, found)
    if not names:
        found.fix(root, "no product line", "expected <category>/train/good")
    lines = [layout.read(root, one, found) for one in names or ()]
    need_masks = any(masked for _, masked in lines)
    seen = []
    for line, _ in lines:
        seen += [Seen(sample, line.name, "train") for sample in line.train]
        seen += [Seen(sample, line.name, "test") for sample in line.test]
        defects = [sample for sample in line.test if sample.label == 1]
        if line.test and not defects and line.test[0].label is not None:
            found.note(line.root, "no defects to test", "add test/<defect> to measure")
        have = any(sample.mask for sample in defects)
        if defects and not (have or need_masks):
            found.note(
                line.root,
                "no masks at all, so figures at pixel level are not available",
                "nothing to do for image scores; else add ground_truth/<defect>/<name>_mask.png",
            )
        for sample in defects if need_masks or have else ():
            if sample.mask is None:
                beside = line.root / "ground_truth" / sample.defect
                place = f"{found.name(beside)}/" if name == "mvtec" else ""
                remedy = f"add {place}{sample.image.stem}_mask.png"
                found.fix(sample.image, "the mask is missing", remedy)
    return seen


def _check_strays(root: Path, seen: Sequence[Seen], found: Findings, by_table: bool) -> None:
    """What no loader reads: whoever put it there may believe that it counts.

    Links to nowhere, folders that cannot be opened and names that are one on another system too.
    `by_table`: a table says what is read, so that more pictures are no fault.
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
