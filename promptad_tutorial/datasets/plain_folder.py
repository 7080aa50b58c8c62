"""Your own pictures: a folder of good images and, if you have one, a folder to score."""

from __future__ import annotations

from pathlib import Path

from promptad_tutorial.datasets.findings import Findings
from promptad_tutorial.datasets.folders import (
    folder_named,
    good_folders,
    read_good,
    read_test,
    report_missing_masks,
)
from promptad_tutorial.datasets.samples import UNLABELLED, ProductLine, Sample
from promptad_tutorial.files.listing import existing_folder, list_folders, list_images
from promptad_tutorial.files.names import good_name, printable

MASKS = "<name>_mask.png beside each image"


def lines(root: Path, found: Findings) -> tuple[str, ...]:
    """A plain folder shows one product."""
    read(root, root.name, found)
    return (root.name,)


def read(root: Path, name: str, found: Findings) -> tuple[ProductLine, bool]:
    """A folder with good/ (or ok/, normal/, ...) and optionally test/; or of good pictures alone.

    Pictures of defects beside good/ stop a loader: there would be no good ones to compare with.
    """
    good, test = good_folders(root, found), folder_named(root, "test")
    if not good:
        return _read(root, test, name, found), False
    others = [f for f in list_folders(root) if f not in (*good, test) and _has_pictures(f)]
    if others:
        place = printable(f"--good '{good[0]}' --bad '{others[0]}'")
        found.fix(
            root,
            f"found images in {', '.join(f.name for f in others)} too, beside {good[0].name}",
            "move the defects, and some good images to compare with, into test/<defect> and "
            f"test/good; or `promptad-tutorial init-data {place} --name NAME --out NEW` does it",
            ValueError,
        )
    return _read(good[0], test, name, found), False


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
    good = existing_folder(good_dir, "a folder of good images")
    test = None if test_dir is None else existing_folder(test_dir, "a folder to score")
    found = Findings(good)
    if name is None:
        name = good.parent.name if good_name(good.name) else good.name
    line = _read(good, test, name, found)
    if require_masks:
        report_missing_masks(line, MASKS, found)
    found.refuse()
    return line


def _read(good: Path, test: Path | None, name: str, found: Findings) -> ProductLine:
    learnt = tuple(read_good(good, "good images", found))
    if test is None:
        return ProductLine(name, good, learnt, ())
    flat = list_images(test, found.fix)
    filled = [f for f in list_folders(test) if _has_pictures(f)]
    if flat and filled:
        found.fix(
            test,
            f"found both images and sub-folders of images ({flat[0].name} beside "
            f"{filled[0].name}/)",
            "move the images into good/ or into a folder named after their defect",
            ValueError,
        )
    if flat:
        tested = [Sample(path, None, UNLABELLED) for path in flat]
    else:
        tested = read_test(test, None, found)
    return ProductLine(name, good, learnt, tuple(tested))


def _has_pictures(folder: Path) -> bool:
    return bool(list_images(folder, lambda *_: None))
