"""The layout of KolektorSDD2: pictures and masks side by side, and the masks say what is good.

<root>/train/10000.png  <root>/train/10000_GT.png  <root>/test/20000.png  <root>/test/20000_GT.png
"""

from __future__ import annotations

from pathlib import Path

from promptad_tutorial.datasets.findings import Findings
from promptad_tutorial.datasets.folders import beside, folder_named
from promptad_tutorial.datasets.samples import GOOD, ProductLine, Sample
from promptad_tutorial.files.listing import list_images
from promptad_tutorial.files.names import nfc
from promptad_tutorial.files.pictures import ImageError, read_mask

DEFECT = "defect"  # the data name no kinds


def lines(root: Path, found: Findings) -> tuple[str, ...] | None:
    """One, where there are pictures with `_GT` masks directly in train/ and test/."""
    parts = [folder_named(root, name) for name in ("train", "test")]
    masked = all(p is not None and beside(list_images(p, lambda *_: None)) for p in parts)
    return (root.name,) if masked else None


def read(root: Path, name: str, found: Findings) -> tuple[ProductLine, bool]:
    """Training and test samples; defects in train are left out. Reads every mask."""
    train, test = (_read(root, part, found) for part in ("train", "test"))
    good = [one for one in train if one.label == 0]
    if len(good) < len(train):
        what = f"{len(train) - len(good)} defects in train"
        found.note(root, what, "they are left out: good ones are learnt from")
    return ProductLine(name, root, tuple(good), tuple(test)), False


def _read(root: Path, part: str, found: Findings) -> list[Sample]:
    folder = folder_named(root, part)
    pictures = () if folder is None else list_images(folder, found.fix)
    masks = beside(pictures)
    samples = []
    for path in pictures:
        mask = masks.get(nfc(path.stem))
        if path in masks.values():
            continue
        if mask is None:
            found.fix(path, "no mask says whether it is good", f"add {path.stem}_GT", ValueError)
            continue
        try:
            marked = read_mask(mask).any()
        except ImageError as error:
            found.fix(mask, f"the mask cannot be read ({error})", "copy it again", ValueError)
            continue
        samples.append(Sample(path, 1, DEFECT, mask) if marked else Sample(path, 0, GOOD))
    return samples
