"""The MVTec AD layout and those that follow it (method.md section 8).

<root>/<category>/train/good/000.png
<root>/<category>/test/good/000.png
<root>/<category>/test/<defect>/000.png
<root>/<category>/ground_truth/<defect>/000_mask.png   (or 000.png)

MVTec LOCO has ground_truth/<defect>/000/000.png, several masks of one picture; MVTec AD 2 has
test_public/ with ground_truth/ inside; BTAD says ok and ko; prepared VisA is of this layout too.
"""

from __future__ import annotations

from pathlib import Path

from promptad_tutorial.datasets.findings import Findings
from promptad_tutorial.datasets.folders import folder_named, good_folders, read_good, read_test
from promptad_tutorial.datasets.samples import ProductLine, Sample
from promptad_tutorial.files.listing import files_below, list_folders
from promptad_tutorial.files.names import is_picture


def is_category(folder: Path) -> bool:
    """Whether a folder looks like one category: `train/`, or `test/` with `ground_truth/`.

    A damaged category still counts, so that it is an error when loaded instead of going missing.
    """
    train, truth = folder_named(folder, "train"), folder_named(folder, "ground_truth")
    return train is not None or (truth is not None and _test(folder) is not None)


def lines(root: Path, found: Findings) -> tuple[str, ...] | None:
    """The categories in `root`, or `root` itself where it is one."""
    if is_category(root):
        return (root.name,)
    return tuple(folder.name for folder in list_folders(root) if is_category(folder)) or None


def read(root: Path, name: str, found: Findings) -> tuple[ProductLine, bool]:
    """One category by its names, and whether it has any mask at all: own pictures often do not."""
    folder = root if is_category(root) else root / name
    train, test, truth = folder_named(folder, "train"), _test(folder), _truth(folder)
    learnt: list[Sample] = []
    tested: list[Sample] = []
    if train is None:
        found.fix(folder, "no folder train", "add train/good, with pictures", FileNotFoundError)
    else:
        good = good_folders(train, found)
        if not good:
            found.fix(train, "no folder good", "add it, with good pictures", FileNotFoundError)
        for one in good:
            learnt += read_good(one, f"the normal training images of {folder.name!r}", found)
    if test is None:
        remedy = "add test/good and test/<defect>, with pictures"
        found.fix(folder, "no folder test", remedy, FileNotFoundError)
    else:
        tested = read_test(test, truth, found)
        if not good_folders(test, found):
            found.note(test, "no folder good", "add test/good, with pictures to compare with")
    masked = truth is not None and any(map(is_picture, files_below(truth)))
    return ProductLine(name, folder, tuple(learnt), tuple(tested)), masked


def _test(folder: Path) -> Path | None:
    return folder_named(folder, "test") or folder_named(folder, "test_public")


def _truth(folder: Path) -> Path | None:
    test = _test(folder)
    inside = folder_named(test, "ground_truth") if test is not None else None
    return folder_named(folder, "ground_truth") or inside
