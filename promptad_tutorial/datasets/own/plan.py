"""What would be laid out where: decided, and every file looked at, before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from promptad_tutorial.datasets.checks.content import mask_fault
from promptad_tutorial.datasets.checks.looks import (
    PictureLook,
    look_at_all,
    look_at_mask,
    look_at_picture,
)
from promptad_tutorial.datasets.own.gather import (
    Found,
    bad_pictures,
    good_pictures,
    mask_files,
    other_files,
    with_masks,
)
from promptad_tutorial.datasets.samples import GOOD
from promptad_tutorial.files.listing import existing_folder

TEST_SHARE = 0.2  # of the good pictures, where nobody says how many
MOST_TOLD = 20  # problems that an error lists one by one


@dataclass(frozen=True)
class Plan:
    """Every file to write, as its place below the category and where it comes from."""

    files: tuple[tuple[Path, Path], ...]  # (place, source)
    learnt: int  # good pictures in train/good
    tested: dict[str, int]  # pictures in test/<defect>
    masks: int
    copies: tuple[Path, ...]  # good pictures that are left out: another has the same pixels
    others: tuple[Path, ...] = ()  # files that are no pictures by their suffix, left out


def plan_layout(
    good: Path,
    bad: Path | None = None,
    masks: Path | None = None,
    test_good: int | None = None,
    seed: int = 0,
    jobs: int = -1,
) -> Plan:
    """Split the good pictures into train and test, and give every picture its place.

    `test_good` good pictures, drawn with `seed`, go into test; by default a fifth of them, at least
    one. Of good pictures with equal pixels one is kept: the others could stand in train and in
    test. Pictures with equal names get a number: 0.png, 0_2.png.

    Raises ValueError that lists every picture and mask that cannot be used, and for numbers that
    do not fit; what `gather` raises for folders.
    """
    if seed < 0:
        raise ValueError(f"--seed must be 0 or more, got {seed}")
    if masks is not None and bad is None:
        raise ValueError("--masks are those of bad pictures: give --bad too")
    found_good = good_pictures(good)
    found_bad, beside = bad_pictures(bad) if bad is not None else ([], [])
    problems: list[str] = []
    if masks is not None or beside:
        files = [*beside, *(mask_files(masks) if masks is not None else ())]
        root = existing_folder(masks, "masks") if masks is not None else None
        found_bad, problems = with_masks(found_bad, files, root)
    everything = [*found_good, *found_bad]
    looks = look_at_all(look_at_picture, [one.path for one in everything], "pictures", jobs)
    problems += [f"{path}: {look.error}" for path, look in looks.items() if look.error]
    others = [other_files(folder) for folder in (good, bad, masks) if folder is not None]
    problems += [
        f"{path}: a picture of a kind that cannot be read here: save it as PNG"
        for _, unreadable in others
        for path in unreadable
    ]
    problems += _faulty_masks(found_bad, looks, jobs)
    kept, copies = _without_copies(found_good, looks)
    problems += _called_good_and_bad(kept, found_bad, looks)
    if problems:
        raise ValueError(_told(problems))
    count = _test_count(len(kept), test_good, len(found_bad))
    tested, learnt = _split(kept, count, seed)
    placed = _placed(learnt, Path("train"))
    for defect in dict.fromkeys(one.defect for one in (*tested, *found_bad)):
        placed += _placed([o for o in (*tested, *found_bad) if o.defect == defect], Path("test"))
    counts = {GOOD: len(tested)} if tested else {}
    for one in found_bad:
        counts[one.defect] = counts.get(one.defect, 0) + 1
    with_mask = sum(one.mask is not None for one in found_bad)
    left = tuple(path for files, _ in others for path in files)
    return Plan(tuple(placed), len(learnt), counts, with_mask, copies, left)


def _test_count(good: int, wanted: int | None, bad: int) -> int:
    count = max(1, round(TEST_SHARE * good)) if wanted is None else wanted
    if not 0 <= count < good:
        raise ValueError(
            f"{count} of {good} good pictures cannot be kept for testing: one or more must be left "
            f"to learn from. Give more pictures, or --test-good between 0 and {good - 1}"
        )
    if count + bad == 0:
        raise ValueError("there would be nothing to test: give --bad, or --test-good of 1 or more")
    return count


def _split(good: Sequence[Found], count: int, seed: int) -> tuple[list[Found], list[Found]]:
    """(test, train), each in natural order; one seed gives one split on every machine."""
    # as `datasets.draw_shots`: numpy promises these raw numbers in every version
    numbers = np.random.PCG64(seed).random_raw(len(good))
    chosen = set(np.argsort(numbers, kind="stable")[:count].tolist())
    test = [one for i, one in enumerate(good) if i in chosen]
    return test, [one for i, one in enumerate(good) if i not in chosen]


def _placed(pictures: Sequence[Found], part: Path) -> list[tuple[Path, Path]]:
    """Places of the pictures of one class and of their masks: no two stems alike, in any case."""
    used: set[str] = set()
    places = []
    for one in pictures:
        stem, number = one.path.stem, 1
        while stem.casefold() in used:
            number += 1
            stem = f"{one.path.stem}_{number}"
        used.add(stem.casefold())
        places.append((part / one.defect / f"{stem}{one.path.suffix}", one.path))
        if one.mask is not None:
            place = Path("ground_truth") / one.defect / f"{stem}_mask{one.mask.suffix}"
            places.append((place, one.mask))
    return places


def _without_copies(
    good: Sequence[Found], looks: dict[Path, PictureLook]
) -> tuple[list[Found], tuple[Path, ...]]:
    seen: set[str] = set()
    kept, copies = [], []
    for one in good:
        digest = looks[one.path].digest
        if digest and digest in seen:
            copies.append(one.path)
        else:
            kept.append(one)
        seen.add(digest)
    return kept, tuple(copies)


def _called_good_and_bad(
    good: Sequence[Found], bad: Sequence[Found], looks: dict[Path, PictureLook]
) -> list[str]:
    known = {looks[one.path].digest: one.path for one in good if looks[one.path].digest}
    return [
        f"{one.path}: the same picture as {known[looks[one.path].digest]}, which is called good"
        for one in bad
        if looks[one.path].digest in known
    ]


def _faulty_masks(bad: Sequence[Found], looks: dict[Path, PictureLook], jobs: int) -> list[str]:
    masks = look_at_all(look_at_mask, [one.mask for one in bad if one.mask], "masks", jobs)
    problems = []
    for one in bad:
        if one.mask is not None:
            fault = mask_fault(masks[one.mask], looks[one.path])
            problems += [f"{one.mask}: {fault[0]}"] if fault else []
    return problems


def _told(problems: list[str]) -> str:
    shown = "; ".join(problems[:MOST_TOLD])
    more = len(problems) - MOST_TOLD
    return (
        f"{len(problems)} things are wrong, and nothing was written: {shown}"
        f"{f' and {more} more' if more > 0 else ''}. Correct or remove these files and run it again"
    )
