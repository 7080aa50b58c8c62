"""The exercises of notebook 00: look at the data, and count what is in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np

from promptad_tutorial.datasets.samples import GOOD, Sample
from promptad_tutorial.exercises.answers import kind_of
from promptad_tutorial.exercises.exercises import exercise
from promptad_tutorial.exercises.verdict import Sign, Task, Verdict, not_yet


def spot_the_defects(answer: object, samples: Sequence[Sample]) -> Verdict:
    """`answer`: which of the shown pictures are defective, a set of positions in `samples`, from 0.

    The verdict says how many are wrong, not which. Raises `ValueError` unless `samples` are
    labelled and some of them are defective.
    """
    if any(sample.label is None for sample in samples):
        raise ValueError("expected labelled samples, found unlabelled ones: leave them out")
    defective = {place for place, sample in enumerate(samples) if sample.label == 1}
    if not defective:
        raise ValueError(f"expected samples with a defect among them, got {len(samples)} without")
    collection = isinstance(answer, set | dict | list | tuple)
    if answer is None or answer is ... or (collection and not answer):
        return not_yet(
            "your answer is empty", "some pictures do show a defect: write their numbers as {2, 5}."
        )
    if not isinstance(answer, set | frozenset):
        return not_yet(
            f"expected a set of picture numbers, got {kind_of(answer)}",
            "put the numbers in curly brackets with commas between them: {2, 5}.",
        )
    if not all(isinstance(each, Integral) and not isinstance(each, bool) for each in answer):
        return not_yet(
            "your set holds something that is not a whole number",
            "write the numbers without quotes and without a decimal point: {2, 5}.",
        )
    if {each - 1 for each in answer} == defective:
        return not_yet(
            "every number is one too high", "you have an eye for defects; now count from 0."
        )
    last = len(samples) - 1
    if outside := sum(not 0 <= each <= last for each in answer):
        return not_yet(
            f"{outside} of your numbers belong to no picture",
            f"the pictures are numbered 0 to {last}.",
        )
    return _misses_and_false_alarms(len(defective - answer), len(answer - defective), len(samples))


def count_by_defect(fn: object) -> Verdict:
    """`fn(samples)`: how many `Sample`s have each defect name, "good" included, as a dict."""
    generator = np.random.default_rng(0)
    return Task(
        exercise("count_by_defect"),
        cases=[(_samples(generator, n),) for n in (12, 20, 31)],
        solution=lambda samples: dict(Counter(s.defect for s in samples)),
        mistakes={
            "without_good": lambda samples: dict(Counter(s.defect for s in samples if s.label)),
            "always_one": lambda samples: {sample.defect: 1 for sample in samples},
            "one_name": Sign(lambda output, samples: _values(output) == [len(samples)]),
            "label_counts": Sign(
                lambda output, samples: (
                    _values(output) == sorted(Counter(s.label for s in samples).values())
                )
            ),
            "groups": Sign(
                lambda output, samples: _sizes(output) == Counter(s.defect for s in samples)
            ),
            "a_list": Sign(lambda output, samples: isinstance(output, list | tuple)),
        },
    ).judge(fn)


def _misses_and_false_alarms(missed: int, false_alarms: int, total: int) -> Verdict:
    misses = f"{missed} defective picture{'s are' if missed > 1 else ' is'} missing"
    alarms = f"{false_alarms} good picture{'s are' if false_alarms > 1 else ' is'} in your set"
    if missed and false_alarms:
        return not_yet(
            f"{misses} and {alarms}", "hold each picture against one that you are sure is good."
        )
    if missed:
        return not_yet(misses, "look again for small marks, missing parts and dents.")
    if false_alarms:
        return not_yet(alarms, "good parts differ a little too, in light, position and grain.")
    return Verdict(True, f"all {total} pictures are sorted right.")


def _values(output: Any) -> list[Any]:
    """The values of a dict, smallest first; none if it is no dict or they are no numbers."""
    whole = isinstance(output, dict) and all(isinstance(v, Integral) for v in output.values())
    return sorted(output.values()) if whole else []


def _sizes(output: Any) -> dict[Any, int]:
    """The lengths of the groups in a dict; none if it is not a dict of groups."""
    if isinstance(output, dict) and all(isinstance(v, list | tuple | set) for v in output.values()):
        return {name: len(group) for name, group in output.items()}
    return {}


def _samples(generator: np.random.Generator, n: int) -> list[Sample]:
    """`n` >= 9 samples in random order, at least 3 good ones, 2 cracks, 2 dents and 2 stains."""
    defects = ("crack", "dent", "stain")
    extra = generator.choice((GOOD, GOOD, GOOD, *defects), size=n - 9).tolist()
    names = generator.permutation([GOOD, GOOD, GOOD, *defects, *defects, *extra]).tolist()
    return [
        Sample(Path(f"{place}.png"), int(name != GOOD), name) for place, name in enumerate(names)
    ]
