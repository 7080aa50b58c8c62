"""Checking a dataset's folder: as a loader reads it, what no loader reads, then every file."""

from __future__ import annotations

from pathlib import Path

from promptad_tutorial.datasets.checks.content import Seen, check_content
from promptad_tutorial.datasets.checks.strays import check_strays
from promptad_tutorial.datasets.findings import Findings
from promptad_tutorial.datasets.opening import LAYOUTS, Dataset, open_as, open_dataset, recognise
from promptad_tutorial.files.listing import existing_folder

MIN_SIDE = 64  # pixels: below, a picture shows less than the patches of the smallest backbone


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
    seen = _read(open_as(folder, name, found), found)
    check_strays(folder, seen, found, by_table=name in ("visa", "realiad"))
    check_content(seen, found, min_side, jobs)
    if not found.faults:
        _load(folder, found)
    return found, seen


def _read(dataset: Dataset, found: Findings) -> list[Seen]:
    seen = []
    masked = any(map(dataset.needs_masks, dataset.product_lines))
    if not dataset.product_lines:
        found.fix(dataset.root, "no product line", "expected <category>/train/good")
    for line in dataset.product_lines:
        train, test = dataset.read(line, found)
        seen += [Seen(sample, line, "train") for sample in train]
        seen += [Seen(sample, line, "test") for sample in test]
        defects = [sample for sample in test if sample.label == 1]
        if test and not defects and test[0].label is not None:
            found.note(dataset.folder(line), "no defects to test", "add test/<defect> to measure")
        have = any(sample.mask for sample in defects)
        if defects and not (have or masked):
            found.note(
                dataset.folder(line),
                "no masks at all, so figures at pixel level are not available",
                "nothing to do for image scores; else add ground_truth/<defect>/<name>_mask.png",
            )
        for sample in defects if masked or have else ():
            if sample.mask is None:
                beside = dataset.folder(line) / "ground_truth" / sample.defect
                place = f"{found.name(beside)}/" if dataset.layout == "mvtec" else ""
                remedy = f"add {place}{sample.image.stem}_mask.png"
                found.fix(sample.image, "the mask is missing", remedy)
    return seen


def _load(folder: Path, found: Findings) -> None:
    """What the loaders refuse is a fault, whatever the checks above say."""
    try:
        dataset = open_dataset(folder)
        for name in dataset.product_lines:
            dataset.load(name)
    except (ValueError, OSError) as error:
        found.fix(folder, f"does not open ({' '.join(str(error).split())})", "see the message")
