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


def check_content(seen: Sequence[Seen], findings: Findings, min_side: int, jobs: int = -1) -> None:
    """Open every picture and mask once, and report what is wrong with them."""
    pictures = look_at_all(look_at_picture, [one.sample.image for one in seen], "pictures", jobs)
    owners = {f: s.sample for s in seen if s.sample.mask for f in mask_files(s.sample.mask)}
    masks = look_at_all(look_at_mask, list(owners), "masks", jobs)
    for path, look in pictures.items():
        _check_picture(path, look, findings, min_side)
    for path, sample in owners.items():
        _check_mask(path, masks[path], pictures[sample.image], findings)
    for line in dict.fromkeys(one.line for one in seen):
        own = [one for one in seen if one.line == line]
        _check_depth([pictures[one.sample.image] for one in own], own[0].sample.image, findings)
        _check_copies(own, pictures, findings)


def mask_fault(mask: MaskLook, picture: PictureLook) -> tuple[str, str] | None:
    """What makes a mask useless, and the remedy; None for one that can be used."""
    if mask.size is None:
        return f"the mask cannot be read ({mask.error})", "copy it or draw it again"
    if picture.size is not None and not same_shape(mask.size, picture.size):
        return _sizes(mask, picture), "export it again at the picture's size"
    values = ", ".join(map(str, mask.values))
    if mask.marked == 0:
        what = f"the mask marks nothing (values {values})"
        return what, "mark the defect, or move the picture to good"
    if mask.marked == 1:
        what = f"the mask marks the whole picture (values {values})"
        return what, "the background must be 0: it may be inverted"
    return None


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
    if look.frames > 1:
        findings.note(path, f"{look.frames} frames", "nothing to do: the first one is used")


def _check_depth(looks: Sequence[PictureLook], path: Path, findings: Findings) -> None:
    """12-bit data in 16-bit files: one dark picture proves nothing, all of them do."""
    bits = max((look.bits for look in looks if look.bits), default=16)
    if bits < 16:
        findings.fix(
            path.parent,
            f"the 16-bit pictures fill {bits} bits only, and are read as nearly black",
            f"set {BITS_VARIABLE}={bits} when learning and scoring (grey pictures), or save them "
            "with 8 bits",
        )


def _sizes(mask: MaskLook, picture: PictureLook) -> str:
    assert mask.size is not None and picture.size is not None
    (h, w), (height, width) = mask.size, picture.size
    return f"the mask is {w} x {h} pixels, its picture {width} x {height}"


def _check_mask(path: Path, mask: MaskLook, picture: PictureLook, findings: Findings) -> None:
    fault = mask_fault(mask, picture)
    if fault:
        findings.fix(path, *fault)
        return
    values = ", ".join(map(str, mask.values))
    if picture.size is not None and mask.size != picture.size:
        remedy = "nothing to do: it has the same shape and is scaled"
        findings.note(path, _sizes(mask, picture), remedy)
    if mask.marked > 0.5:
        share = f"the mask marks {100 * mask.marked:.0f} % of the picture"
        findings.note(path, share, "look at it: it may be inverted")
    if mask.lossy and mask.soft:
        what = "a mask in a format that blurs, cut at half of its maximum"
        findings.note(path, what, "save masks as PNG")
    elif mask.soft:
        findings.fix(
            path,
            f"odd mask values ({values}, ...): it has soft edges, cut at half of the maximum",
            "export it with 0 and 255 only",
        )
    elif len(mask.values) > 2:
        what = f"odd mask values ({values})"
        remedy = "nothing to do if they are kinds of defects: every value above 0 counts as defect"
        findings.note(path, what, remedy)


def _check_copies(
    seen: Sequence[Seen], pictures: dict[Path, PictureLook], findings: Findings
) -> None:
    """Equal pixels in one product line, under whatever names and in whatever formats."""
    groups: dict[str, list[Seen]] = defaultdict(list)
    for one in seen:
        if pictures[one.sample.image].digest:
            groups[pictures[one.sample.image].digest].append(one)
    for copies in groups.values():
        first = {one.split: one.sample.image for one in reversed(copies)}
        if len(first) == 2:
            for one in copies:
                if one.split == "test":
                    findings.fix(
                        one.sample.image,
                        f"the same picture as {findings.name(first['train'])} in train: a leak, "
                        "it is tested on what it was learnt from",
                        "remove one of the two",
                    )
        tested = [one.sample for one in copies if one.split == "test"]
        good = [sample.image for sample in tested if sample.label == 0]
        bad = [sample.image for sample in tested if sample.label == 1]
        if good and bad:
            what = f"the same picture as {findings.name(good[0])}, which is called good"
            findings.fix(bad[0], what, "remove one of the two")
        elif len(copies) > 1 and len(first) == 1:
            findings.note(
                copies[0].sample.image,
                f"is there {len(copies)} times ({findings.name(copies[1].sample.image)})",
                "nothing new is learnt from, or tested on, a copy",
            )
