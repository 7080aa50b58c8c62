"""The MVTec AD layout, which many other datasets share (method.md section 8).

<root>/<category>/train/good/000.png
<root>/<category>/test/good/000.png
<root>/<category>/test/<defect>/000.png
<root>/<category>/ground_truth/<defect>/000_mask.png   (or 000.png)
"""

from __future__ import annotations

from pathlib import Path

from promptad_tutorial.datasets.masks import check_masks_present, find_masks
from promptad_tutorial.datasets.samples import GOOD, ProductLine, Sample
from promptad_tutorial.files.listing import (
    IMAGE_SUFFIXES,
    check_known,
    describe_contents,
    existing_folder,
    list_folders,
    list_images,
    required_images,
)


def is_category(folder: Path) -> bool:
    """Whether a folder looks like one category: `train/`, or `test/` with `ground_truth/`.

    A damaged category still counts, so that it is an error when loaded instead of going missing.
    """
    train, test, truth = ((folder / n).is_dir() for n in ("train", "test", "ground_truth"))
    return train or (test and truth)


def list_categories(root: str | Path) -> tuple[str, ...]:
    """The categories in `root`, in natural order; other files and folders are ignored.

    Raises `FileNotFoundError` or `NotADirectoryError` if `root` is no folder.
    """
    folders = list_folders(existing_folder(root, "a dataset in the MVTec AD layout"))
    return tuple(f.name for f in folders if is_category(f))


def has_masks(folder: Path) -> bool:
    """Whether a category has any mask at all: own pictures often have none."""
    files = (folder / "ground_truth").rglob("*")
    return any(f.suffix.lower() in IMAGE_SUFFIXES and not f.name.startswith(".") for f in files)


def load_mvtec(root: str | Path, category: str, *, require_masks: bool = True) -> ProductLine:
    """One category of a dataset in the MVTec AD layout. Reads names only, no image.

    With `require_masks=False` an anomalous image may lack its mask and then has `mask=None`.

    Raises `ValueError` for an unknown category or a folder without images, and
    `FileNotFoundError` for a missing `train/good`, `test` or mask.
    """
    root = existing_folder(root, "a dataset in the MVTec AD layout")
    check_known(category, list_categories(root), "category", root)
    folder = root / category
    good = required_images(folder / "train" / GOOD, f"the normal training images of {category!r}")
    train = tuple(Sample(path, 0, GOOD) for path in good)
    test = _load_test(folder)
    if require_masks:
        where = f"<name>_mask.png or <name>.png in {folder / 'ground_truth'}/<defect>"
        check_masks_present(test, category, where)
    return ProductLine(category, folder, train, test)


def _load_test(folder: Path) -> tuple[Sample, ...]:
    test_folder = existing_folder(folder / "test", f"the test images of {folder.name!r}")
    samples: list[Sample] = []
    for defect_folder in list_folders(test_folder):
        defect = defect_folder.name
        images = list_images(defect_folder)
        if defect == GOOD:
            samples.extend(Sample(path, 0, GOOD) for path in images)
        else:
            masks = find_masks(folder / "ground_truth" / defect)
            samples.extend(Sample(path, 1, defect, masks.get(path.stem)) for path in images)
    if not samples:
        raise ValueError(
            f"expected test images in {test_folder}/good or {test_folder}/<defect>, found "
            f"{describe_contents(test_folder)}"
        )
    return tuple(samples)
