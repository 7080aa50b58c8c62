"""Your own pictures: a folder of good images and, if you have one, a folder to score."""

from __future__ import annotations

from pathlib import Path

from promptad_tutorial.datasets.masks import check_masks_present, find_masks
from promptad_tutorial.datasets.samples import GOOD, UNLABELLED, ProductLine, Sample
from promptad_tutorial.files.listing import (
    describe_contents,
    existing_folder,
    list_folders,
    list_images,
    required_images,
)


def load_folder(
    good_dir: str | Path,
    test_dir: str | Path | None = None,
    *,
    name: str | None = None,
    require_masks: bool = False,
) -> ProductLine:
    """A product line from a plain folder of good images and an optional folder to score.

    `test_dir` is either flat (its images are unlabelled: they can be scored, not evaluated) or has
    sub-folders, `good/` and one for each defect. A mask lies beside its image: `a_mask.png` beside
    `a.png`. `name` is the product's name, by default that of `good_dir`, or of the folder above
    it where `good_dir` is called `good`.

    Raises `FileNotFoundError` for a missing folder (or mask, with `require_masks=True`) and
    `ValueError` for a folder without images or a test folder that is both flat and sorted.
    """
    good_dir = existing_folder(good_dir, "a folder of good images")
    train = tuple(Sample(p, 0, GOOD) for p in required_images(good_dir, "good images"))
    if name is None:
        name = good_dir.parent.name if good_dir.name.casefold() == GOOD else good_dir.name
    test = () if test_dir is None else _load_test(existing_folder(test_dir, "a folder to score"))
    if require_masks:
        check_masks_present(test, name, "<name>_mask.png beside each image")
    return ProductLine(name, good_dir, train, test)


def _load_test(folder: Path) -> tuple[Sample, ...]:
    flat = list_images(folder)
    filled = [f for f in list_folders(folder) if list_images(f)]
    if flat and filled:
        raise ValueError(
            f"expected {folder} to hold images or sub-folders of images, found both "
            f"({flat[0].name} beside {filled[0].name}/): move the images into good/ or into a "
            "folder named after their defect"
        )
    if not flat and not filled:
        raise ValueError(
            f"expected images to score in {folder} or its sub-folders, found "
            f"{describe_contents(folder)}"
        )
    if flat:
        return tuple(Sample(path, None, UNLABELLED) for path in flat)
    samples: list[Sample] = []
    for sub_folder in filled:
        images, masks = list_images(sub_folder), find_masks(sub_folder)
        stems = {path.stem for path in images}
        for path in images:
            stem = path.stem.removesuffix("_mask")
            if stem != path.stem and stem in stems:
                continue  # a mask, not an image to score
            samples.append(_labelled(path, sub_folder.name, masks))
    return tuple(samples)


def _labelled(path: Path, defect: str, masks: dict[str, Path]) -> Sample:
    if defect.casefold() == GOOD:
        return Sample(path, 0, GOOD)
    mask = masks.get(path.stem)
    return Sample(path, 1, defect, None if mask == path else mask)
