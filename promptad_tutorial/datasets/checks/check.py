"""Checking a dataset's folder: as a loader reads it, what no loader reads, then every file."""

from __future__ import annotations

from pathlib import Path

from promptad_tutorial.datasets.checks.content import Seen, check_content
from promptad_tutorial.datasets.checks.strays import check_strays
from promptad_tutorial.datasets.findings import Findings
from promptad_tutorial.datasets.opening import LAYOUTS, open_dataset, recognise
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
    seen = _read(folder, name, found)
    check_strays(folder, seen, found, by_table=name in ("visa", "realiad"))
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
