"""Your own pictures: a folder of good images and, if you have one, a folder to score."""

from __future__ import annotations

from pathlib import Path

from promptad_tutorial.datasets.findings import Findings
from promptad_tutorial.datasets.folders import folder_named, good_folders, read_good, read_test
from promptad_tutorial.datasets.samples import UNLABELLED, Sample
from promptad_tutorial.files.listing import list_folders, list_images
from promptad_tutorial.files.names import good_name, printable

Split = tuple[list[Sample], list[Sample]]  # to learn from, and to test


def read_plain(root: Path, found: Findings) -> Split:
    """A folder with good/ (or ok/, normal/, ...) and optionally test/; or of good pictures alone.

    Pictures of defects beside good/ stop a loader: there would be no good ones to compare with.
    """
    good, test = good_folders(root, found), folder_named(root, "test")
    if not good:
        return read_folders(root, test, found)
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
    return read_folders(good[0], test, found)


def read_folders(good: Path, test: Path | None, found: Findings) -> Split:
    """The good pictures of one folder, and those to score of another one, flat or sorted.

    A flat folder's pictures are unlabelled. A mask lies beside its picture: a_mask.png of a.png.
    """
    learnt = read_good(good, "good images", found)
    if test is None:
        return learnt, []
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
        return learnt, [Sample(path, None, UNLABELLED) for path in flat]
    return learnt, read_test(test, None, found)


def product_name(good: Path) -> str:
    """The product that a folder of good pictures shows: its own name, or of the one above good/."""
    return good.parent.name if good_name(good.name) else good.name


def _has_pictures(folder: Path) -> bool:
    return bool(list_images(folder, lambda *_: None))
