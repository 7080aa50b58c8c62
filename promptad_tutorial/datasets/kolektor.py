"""The layout of KolektorSDD2: pictures and masks side by side, and the masks say what is good.

<root>/train/10000.png  <root>/train/10000_GT.png  <root>/test/20000.png  <root>/test/20000_GT.png
"""

from __future__ import annotations

from pathlib import Path

from promptad_tutorial.datasets.findings import Findings
from promptad_tutorial.datasets.folders import beside, folder_named
from promptad_tutorial.datasets.samples import GOOD, Sample
from promptad_tutorial.files.listing import list_images
from promptad_tutorial.files.names import nfc
from promptad_tutorial.files.pictures import ImageError, read_mask

DEFECT = "defect"  # the data name no kinds


def is_kolektor(root: Path) -> bool:
    """Whether there are pictures with `_GT` masks directly in train/ and test/."""
    parts = [folder_named(root, name) for name in ("train", "test")]
    return all(p is not None and beside(list_images(p, lambda *_: None)) for p in parts)


def read_kolektor(root: Path, found: Findings) -> tuple[list[Sample], list[Sample]]:
    """Training and test samples; defects in train are left out. Reads every mask."""
    train, test = (_read(root, name, found) for name in ("train", "test"))
    left = sum(one.label == 1 for one in train)
    if left:
        found.note(root, f"{left} defects in train", "they are left out: good ones are learnt from")
    return [one for one in train if one.label == 0], test


def _read(root: Path, name: str, found: Findings) -> list[Sample]:
    folder = folder_named(root, name)
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
