"""Are the minifactory's pictures complete? Every file that its manifest speaks of, undamaged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from promptad_tutorial.datasets import Dataset, dataset_from_environment
from promptad_tutorial.files.listing import shorten

MANIFEST = "manifest.json"  # `minifactory build` writes it last
ENDS = {".jpg": b"\xff\xd9", ".png": b"IEND\xaeB`\x82"}  # the last bytes of a whole file


def pictures_are_complete() -> str:
    """The dataset in use opens, and the minifactory's has every picture and mask.

    A dataset without a manifest is somebody's own: its layout is checked, its number of pictures
    is not known. Raises ValueError for missing or damaged files, with the first of their names.
    """
    dataset = dataset_from_environment()
    if (dataset.root / MANIFEST).is_file():
        expected = tuple(expected_files(dataset.root / MANIFEST))
        missing = [path for path in expected if not (dataset.root / path).is_file()]
        if missing:
            raise ValueError(_told(dataset, missing, len(expected), "missing"))
        damaged = [path for path in expected if not _is_whole(dataset.root / path)]
        if damaged:
            raise ValueError(_told(dataset, damaged, len(expected), "damaged"))
    lines = [dataset.load(name) for name in dataset.product_lines]
    pictures = sum(len(line.train) + len(line.test) for line in lines)
    return f"the data are complete: {len(lines)} product lines, {pictures} pictures"


def expected_files(manifest: Path) -> Iterator[str]:
    """The path of every picture and mask that a manifest's plan makes, below its folder.

    Raises ValueError for a file that is no manifest.
    """
    try:
        found = json.loads(manifest.read_text())
        plan = found["plan"]
        for line in found["lines"]:
            name = line["name"]
            yield from (f"{name}/train/good/{i:03}.jpg" for i in range(plan["train_good"]))
            yield from (f"{name}/test/good/{i:03}.jpg" for i in range(plan["test_good"]))
            for defect in (each.replace(" ", "_") for each in line["defects"]):
                for i in range(plan["each_defect"]):
                    yield f"{name}/test/{defect}/{i:03}.jpg"
                    yield f"{name}/ground_truth/{defect}/{i:03}_mask.png"
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{MANIFEST} is damaged: expected a plan and product lines") from error


def _is_whole(path: Path) -> bool:
    """Whether a file ends as its format does: a broken copy or download stops before."""
    end = ENDS[path.suffix]
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - len(end)))
        return file.read() == end


def _told(dataset: Dataset, paths: list[str], expected: int, what: str) -> str:
    return (
        f"of {expected} files in {dataset.root.name}/ {len(paths)} "
        f"{'is' if len(paths) == 1 else 'are'} {what}: {shorten(paths, 2)}"
    )
