"""Faults inside the files: pictures that do not open, masks that do not fit, and leaks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from joblib import Parallel, delayed
from tqdm.auto import tqdm

from promptad_tutorial.datasets.checks.looks import Look, look_at
from promptad_tutorial.datasets.findings import Findings
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
) -> dict[Path, Look]:
    """Open every picture and mask, and report what is wrong with them; returns the looks at them.

    In threads: decoding and digests leave Python's lock free.
    """
    samples = {one.sample.image: one.sample for one in seen}
    run = Parallel(n_jobs=jobs, prefer="threads", return_as="generator")
    results = run(delayed(look_at)(one, found.root, min_side) for one in samples.values())
    bar = tqdm(results, "pictures", len(samples), leave=False)
    looks = dict(zip(samples, bar, strict=True))
    for look in looks.values():
        found.add(look.found)
    for line in dict.fromkeys(one.line for one in seen):
        own = [one for one in seen if one.line == line]
        _check_depth([looks[one.sample.image] for one in own], own[0].sample.image, found)
        _check_copies(own, looks, found)
    return looks


def _check_depth(looks: Sequence[Look], path: Path, found: Findings) -> None:
    """12-bit data in 16-bit files: one dark picture proves nothing, all of them do."""
    bits = max((look.bits for look in looks if look.bits), default=16)
    if bits < 16:
        found.fix(
            path.parent,
            f"the 16-bit pictures fill {bits} bits only, and are read as nearly black",
            f"set {BITS_VARIABLE}={bits} when learning and scoring (grey pictures), or save them "
            "with 8 bits",
        )


def _check_copies(seen: Sequence[Seen], looks: dict[Path, Look], found: Findings) -> None:
    """Equal pixels in one product line, under whatever names and in whatever formats."""
    groups: dict[str, list[Seen]] = defaultdict(list)
    for one in seen:
        if looks[one.sample.image].digest:
            groups[looks[one.sample.image].digest].append(one)
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
            what = f"is there {len(copies)} times ({found.name(copies[1].sample.image)})"
            remedy = "nothing new is learnt from, or tested on, a copy"
            found.note(copies[0].sample.image, what, remedy)
