"""What would be laid out where: decided, and every file looked at, before anything is written."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from promptad_tutorial.datasets.checks.content import Seen, check_content
from promptad_tutorial.datasets.findings import Findings
from promptad_tutorial.datasets.folders import beside, defect_samples
from promptad_tutorial.datasets.samples import GOOD, UNLABELLED, Sample
from promptad_tutorial.datasets.shots import draw_shots
from promptad_tutorial.files.listing import existing_folder, files_below, path_key, pictures_below
from promptad_tutorial.files.names import bad_name, folded, good_name, kind_of

DEFECT = "defect"  # the name of what lies directly in the folder of bad pictures
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

    All pictures below the folders are taken. In `bad`, sub-folders are the defects' names. A mask
    is called as its picture, with or without `_mask`, and lies in `masks`, in a sub-folder of it
    with the defect's name, or beside its picture.

    `test_good` good pictures, drawn with `seed`, go into test; by default a fifth of them, at least
    one. Of good pictures with equal pixels one is kept: the others could stand in train and in
    test. Pictures with equal names get a number: 0.png, 0_2.png.

    Raises ValueError that lists every picture and mask that cannot be used, and for numbers or
    sub-folders' names that do not fit; FileNotFoundError or NotADirectoryError for no folder.
    """
    if seed < 0:
        raise ValueError(f"--seed must be 0 or more, got {seed}")
    if masks is not None and bad is None:
        raise ValueError("--masks are those of bad pictures: give --bad too")
    found = Findings(Path("."))  # no path lies below it, so that all of them are told whole
    good_samples = _good(good)
    bad_samples = [] if bad is None else _bad(bad, masks, found)
    everything = [Seen(sample, "", "test") for sample in (*good_samples, *bad_samples)]
    looks = check_content(everything, found, min_side=0, jobs=jobs)
    problems = [f"{one.path}: {one.what}" for one in found.all if one.stops]
    if problems:
        more = len(problems) - MOST_TOLD
        raise ValueError(
            f"{len(problems)} things are wrong, and nothing was written: "
            f"{'; '.join(problems[:MOST_TOLD])}{f' and {more} more' if more > 0 else ''}. Correct "
            "or remove these files and run it again"
        )
    first = {looks[s.image].digest: s for s in reversed(good_samples)}
    kept = [s for s in good_samples if first[looks[s.image].digest] is s]
    count = _test_count(len(kept), test_good, len(bad_samples))
    drawn = set(draw_shots(kept, count, seed)) if count else set()
    learnt = [s for s in kept if s not in drawn]
    tested = [*(s for s in kept if s in drawn), *bad_samples]
    placed = _placed(learnt, Path("train"))
    counts = Counter(s.defect for s in tested)
    for defect in counts:
        placed += _placed([s for s in tested if s.defect == defect], Path("test"))
    return Plan(
        files=tuple(placed),
        learnt=len(learnt),
        tested=dict(counts),
        masks=sum(s.mask is not None for s in bad_samples),
        copies=tuple(s.image for s in good_samples if s not in kept),
        others=tuple(
            path
            for folder in (good, bad, masks)
            for path in (() if folder is None else files_below(folder))
            if kind_of(path) == "other"
        ),
    )


def _good(folder: Path) -> list[Sample]:
    root = existing_folder(folder, "the folder of good pictures (--good)")
    pictures = pictures_below(root)
    for path in pictures:
        for part in path.relative_to(root).parts[:-1]:
            if bad_name(part):
                raise ValueError(
                    f"a folder of good pictures cannot hold one called {part!r}: give the folder "
                    f"of good ones alone as --good, and {part} as --bad"
                )
    return [Sample(path, 0, GOOD) for path in pictures]


def _bad(folder: Path, masks: Path | None, found: Findings) -> list[Sample]:
    root = existing_folder(folder, "the folder of bad pictures (--bad)")
    given: dict[Path, str] = {}  # mask -> the folder below `masks` that it is in
    if masks is not None:
        masks = existing_folder(masks, "the folder of masks (--masks)")
        for path in pictures_below(masks):
            given[path] = folded(path.parent.relative_to(masks).as_posix())
    folders: dict[Path, list[Path]] = defaultdict(list)
    for path in pictures_below(root, leave_out=None if masks == root else masks):
        folders[path.parent].append(path)
    samples = []
    for parent, pictures in folders.items():
        within = parent.relative_to(root)
        defect = within.parts[0] if within.parts else DEFECT
        if good_name(defect) or defect.casefold() == UNLABELLED:
            raise ValueError(
                f"a folder of bad pictures cannot hold one called {defect!r}: move {root / defect} "
                "out, or rename it to what is wrong with its pictures"
            )
        # of masks of one name the last one counts, which lies closest to the pictures
        near = [mask for mask, place in given.items() if place == "."]
        near += [m for m, place in given.items() if place.split("/")[0] == folded(defect)]
        near += [m for m, place in given.items() if place == folded(within.as_posix())]
        near += beside(pictures).values()
        samples += defect_samples(defect, pictures, near, Findings(root))  # told below, over all
    used = Counter(s.mask for s in samples if s.mask)
    for sample in samples if given or used else ():
        stem = sample.image.stem
        if sample.mask is None:
            what = f"no mask is called {stem}_mask or so"
            found.fix(sample.image, what, "add it", ValueError)
        elif used[sample.mask] > 1:
            what = f"more than one picture or mask is called {stem}"
            found.fix(sample.image, what, "rename one of them", ValueError)
    for mask in given:
        if mask not in used:
            found.fix(mask, "a mask without a picture", "remove it", ValueError)
    return sorted(samples, key=lambda s: path_key(s.image))


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


def _placed(samples: Sequence[Sample], part: Path) -> list[tuple[Path, Path]]:
    """Places of the pictures of one class and of their masks: no two stems alike, in any case."""
    used: set[str] = set()
    places = []
    for one in samples:
        stem, number = one.image.stem, 1
        while stem.casefold() in used:
            number += 1
            stem = f"{one.image.stem}_{number}"
        used.add(stem.casefold())
        places.append((part / one.defect / f"{stem}{one.image.suffix}", one.image))
        if one.mask is not None:
            place = Path("ground_truth") / one.defect / f"{stem}_mask{one.mask.suffix}"
            places.append((place, one.mask))
    return places
