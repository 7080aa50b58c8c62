"""Faults inside the files: pictures that do not open, masks that do not fit, and leaks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from promptad_tutorial.datasets.checks.looks import (
    MaskLook,
    PictureLook,
    look_at_all,
    look_at_mask,
    look_at_picture,
)
from promptad_tutorial.datasets.findings import Findings
from promptad_tutorial.datasets.masks import mask_files, same_shape
from promptad_tutorial.datasets.samples import Sample
from promptad_tutorial.files.decoding import BITS_VARIABLE


@dataclass(frozen=True)
class Seen:
    """A sample of a dataset and the part it has there; its files are not opened here."""

    sample: Sample
    line: str  # the product line
    split: str  # "train" or "test"


def check_content(
    seen: Sequence[Seen], found: Findings, min_side: int, jobs: int = -1
) -> dict[Path, PictureLook]:
    """Open every picture and mask once, and report what is wrong with them.

    A finding that `stops` is of a file that is of no use. Returns the look at each picture.
    """
    pictures = look_at_all(look_at_picture, [one.sample.image for one in seen], "pictures", jobs)
    owners = {f: s.sample for s in seen if s.sample.mask for f in mask_files(s.sample.mask)}
    masks = look_at_all(look_at_mask, list(owners), "masks", jobs)
    for path, look in pictures.items():
        _check_picture(path, look, found, min_side)
    for path, sample in owners.items():
        _check_mask(path, masks[path], pictures[sample.image], found)
    for line in dict.fromkeys(one.line for one in seen):
        own = [one for one in seen if one.line == line]
        _check_depth([pictures[one.sample.image] for one in own], own[0].sample.image, found)
        _check_copies(own, pictures, found)
    return pictures


def _check_picture(path: Path, look: PictureLook, found: Findings, min_side: int) -> None:
    if look.size is None:
        what = f"cannot be read ({look.error})"
        found.fix(path, what, "copy it again, or remove it", ValueError)
    elif min(look.size) < min_side:
        height, width = look.size
        what = f"too small ({width} x {height} pixels, less than {min_side})"
        found.fix(path, what, "take it from the original, not from a thumbnail")
    if look.frames > 1:
        found.note(path, f"{look.frames} frames", "nothing to do: the first one is used")


def _check_depth(looks: Sequence[PictureLook], path: Path, found: Findings) -> None:
    """12-bit data in 16-bit files: one dark picture proves nothing, all of them do."""
    bits = max((look.bits for look in looks if look.bits), default=16)
    if bits < 16:
        found.fix(
            path.parent,
            f"the 16-bit pictures fill {bits} bits only, and are read as nearly black",
            f"set {BITS_VARIABLE}={bits} when learning and scoring (grey pictures), or save them "
            "with 8 bits",
        )


def _check_mask(path: Path, mask: MaskLook, picture: PictureLook, found: Findings) -> None:
    values = ", ".join(map(str, mask.values))
    if mask.size is None:
        what = f"the mask cannot be read ({mask.error})"
        found.fix(path, what, "copy it or draw it again", ValueError)
        return
    size = picture.size or mask.size
    sizes = "the mask is {1} x {0} pixels, its picture {3} x {2}".format(*mask.size, *size)
    if not same_shape(mask.size, size):
        found.fix(path, sizes, "export it again at the picture's size", ValueError)
    elif mask.marked == 0:
        what = f"the mask marks nothing (values {values})"
        found.fix(path, what, "mark the defect, or move the picture to good", ValueError)
    elif mask.marked == 1:
        what = f"the mask marks the whole picture (values {values})"
        found.fix(path, what, "the background must be 0: it may be inverted", ValueError)
    else:
        if mask.size != size:
            found.note(path, sizes, "nothing to do: it has the same shape and is scaled")
        if mask.marked > 0.5:
            share = f"the mask marks {100 * mask.marked:.0f} % of the picture"
            found.note(path, share, "look at it: it may be inverted")
        _check_values(path, mask, values, found)


def _check_values(path: Path, mask: MaskLook, values: str, found: Findings) -> None:
    if mask.lossy and mask.soft:
        what = "a mask in a format that blurs, cut at half of its maximum"
        found.note(path, what, "save masks as PNG")
    elif mask.soft:
        what = f"odd mask values ({values}, ...): it has soft edges, cut at half of the maximum"
        found.fix(path, what, "export it with 0 and 255 only")
    elif len(mask.values) > 2:
        remedy = "nothing to do if they are kinds of defects: every value above 0 counts as defect"
        found.note(path, f"odd mask values ({values})", remedy)


def _check_copies(seen: Sequence[Seen], pictures: dict[Path, PictureLook], found: Findings) -> None:
    """Equal pixels in one product line, under whatever names and in whatever formats."""
    groups: dict[str, list[Seen]] = defaultdict(list)
    for one in seen:
        if pictures[one.sample.image].digest:
            groups[pictures[one.sample.image].digest].append(one)
    for copies in groups.values():
        learnt = [one.sample.image for one in copies if one.split == "train"]
        tested = [one.sample for one in copies if one.split == "test"]
        for sample in tested if learnt else ():
            what = (
                f"the same picture as {found.name(learnt[0])} in train: a leak, it is tested on "
                "what it was learnt from"
            )
            found.fix(sample.image, what, "remove one of the two")
        good = [sample.image for sample in tested if sample.label == 0]
        bad = [sample.image for sample in tested if sample.label == 1]
        for path in bad if good else ():
            what = f"the same picture as {found.name(good[0])}, which is called good"
            found.fix(path, what, "remove one of the two", ValueError)
        if len(copies) > 1 and not (learnt and tested) and not (good and bad):
            found.note(
                copies[0].sample.image,
                f"is there {len(copies)} times ({found.name(copies[1].sample.image)})",
                "nothing new is learnt from, or tested on, a copy",
            )
