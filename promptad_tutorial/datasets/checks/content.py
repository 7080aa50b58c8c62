"""Faults inside the files: pictures that do not open, masks that do not fit, and leaks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from promptad_tutorial.datasets.checks.findings import Findings
from promptad_tutorial.datasets.checks.looks import (
    MOST_VALUES,
    MaskLook,
    PictureLook,
    look_at_all,
    look_at_mask,
    look_at_picture,
)
from promptad_tutorial.datasets.masks import same_shape
from promptad_tutorial.datasets.samples import GOOD, UNLABELLED


@dataclass(frozen=True)
class Seen:
    """A picture of a dataset and the part it has there; its files are not opened here."""

    picture: Path
    line: str  # the product line
    split: str  # "train" or "test"
    defect: str  # GOOD, the defect's name, or UNLABELLED
    mask: Path | None = None


def check_content(seen: Sequence[Seen], findings: Findings, min_side: int, jobs: int = -1) -> None:
    """Open every picture and mask once, and report what is wrong with them."""
    pictures = look_at_all(look_at_picture, [one.picture for one in seen], "pictures", jobs)
    masks = look_at_all(look_at_mask, [one.mask for one in seen if one.mask], "masks", jobs)
    for path, look in pictures.items():
        _check_picture(path, look, findings, min_side)
    for one in seen:
        if one.mask:
            _check_mask(one, masks[one.mask], pictures[one.picture], findings)
    for line in dict.fromkeys(one.line for one in seen):
        _check_copies([one for one in seen if one.line == line], pictures, findings)


def _check_picture(path: Path, look: PictureLook, findings: Findings, min_side: int) -> None:
    if look.size is None:
        findings.fix(path, f"cannot be read ({look.error})", "copy it again, or remove it")
    elif min(look.size) < min_side:
        height, width = look.size
        findings.fix(
            path,
            f"too small ({width} x {height} pixels, less than {min_side})",
            "take it from the original, not from a thumbnail",
        )


def _check_mask(one: Seen, mask: MaskLook, picture: PictureLook, findings: Findings) -> None:
    path = one.mask
    assert path is not None
    if mask.size is None:
        findings.fix(path, f"the mask cannot be read ({mask.error})", "copy it or draw it again")
        return
    if picture.size is not None and mask.size != picture.size:
        (h, w), (height, width) = mask.size, picture.size
        what = f"the mask is {w} x {h} pixels, its picture {width} x {height}"
        if same_shape(mask.size, picture.size):
            findings.note(path, what, "nothing to do: it has the same shape and is scaled")
        else:
            findings.fix(path, what, "export it again at the picture's size")
    values = ", ".join(map(str, mask.values))
    if mask.marked == 0:
        findings.fix(
            path,
            f"the mask marks nothing (values {values})",
            "mark the defect, or move the picture to good",
        )
    elif mask.marked == 1:
        findings.fix(
            path,
            f"the mask marks the whole picture (values {values})",
            "the background must be 0: it may be inverted",
        )
    elif mask.lossy:
        findings.note(path, "a mask saved as JPEG, cut at 128", "save masks as PNG")
    elif len(mask.values) > MOST_VALUES:
        findings.fix(
            path,
            f"odd mask values: more than {MOST_VALUES} ({values}, ...), so it has soft edges",
            "export it with 0 and 255 only: every value above 0 counts as defect",
        )
    elif len(mask.values) > 2:
        findings.note(
            path,
            f"odd mask values ({values})",
            "nothing to do if they are kinds of defects: every value above 0 counts as defect",
        )


def _check_copies(
    seen: Sequence[Seen], pictures: dict[Path, PictureLook], findings: Findings
) -> None:
    """Equal pixels in one product line, under whatever names and in whatever formats."""
    groups: dict[str, list[Seen]] = defaultdict(list)
    for one in seen:
        if pictures[one.picture].digest:
            groups[pictures[one.picture].digest].append(one)
    for copies in groups.values():
        first = {one.split: one for one in reversed(copies)}
        if len(first) == 2:
            for one in copies:
                if one.split == "test":
                    findings.fix(
                        one.picture,
                        f"the same picture as {findings.name(first['train'].picture)} in train: "
                        "a leak, it is tested on what it was learnt from",
                        "remove one of the two",
                    )
        tested = [one for one in copies if one.split == "test" and one.defect != UNLABELLED]
        if len({one.defect == GOOD for one in tested}) == 2:
            good = next(one for one in tested if one.defect == GOOD)
            bad = next(one for one in tested if one.defect != GOOD)
            findings.fix(
                bad.picture,
                f"the same picture as {findings.name(good.picture)}, which is called good",
                "remove one of the two",
            )
        elif len(copies) > 1 and len(first) == 1:
            others = len(copies) - 1
            findings.note(
                copies[0].picture,
                f"is there {others + 1} times ({findings.name(copies[1].picture)})",
                "nothing new is learnt from, or tested on, a copy",
            )
