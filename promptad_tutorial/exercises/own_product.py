"""The exercises of notebook 08: an honest split, a threshold with a bound, and enough pictures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float

from promptad_tutorial.exercises.answers import kind_of, tidy
from promptad_tutorial.exercises.exercises import exercise
from promptad_tutorial.exercises.verdict import Task, Verdict

Names = list[str]
Split = tuple[Names, Names]


def split_good(fn: object) -> Verdict:
    """`fn(names, shots, seed)`: names in any order to (drawn, held_out), which share no name.

    The draw does not depend on the listing, and nothing leaks.
    """
    rng = np.random.default_rng(8)
    return Task(
        exercise("split_good"),
        cases=[
            ([f"nut_{i}.png" for i in rng.permutation(n).tolist()], shots, seed)
            for n, shots, seed in ((14, 3, 1), (20, 4, 2), (31, 8, 3))
        ],
        solution=_split,
        trouble=_split_trouble,
        alike=lambda output, made: _as_sets(output) == _as_sets(made),
        mistakes={
            "both_bugs": (
                lambda names, *draw: (_draw(names, *draw), names),
                lambda names, *draw: _leaking(names, _draw(names, *draw)),
            ),
            "unsorted": lambda names, *draw: _without(names, _draw(names, *draw)),
            "leaking": (
                lambda names, *draw: (_draw(sorted(names), *draw), names),
                lambda names, *draw: _leaking(names, _draw(sorted(names), *draw)),
            ),
            "cut_by_place": lambda names, k, seed: (
                _draw(sorted(names), k, seed),
                sorted(names)[k:],
            ),
            "first_names": (
                lambda names, k, seed: (sorted(names)[:k], sorted(names)[k:]),
                lambda names, k, seed: (names[:k], names[k:]),
            ),
            "no_seed": lambda names, k, seed: _split(names, k, 0),
        },
    ).judge(fn)


def alarm_threshold(fn: object) -> Verdict:
    """`fn(good_scores, rate)`: the lowest threshold that keeps a false-alarm bound.

    Scores (n,) of good pictures and a rate to one of the scores.
    """
    rng = np.random.default_rng(5)
    return Task(
        exercise("alarm_threshold"),
        cases=[
            (rng.permutation(np.sort(rng.uniform(0, 1, n)).round(3)), rate)
            for n, rate in ((14, 0.25), (21, 0.125), (40, 0.125))
        ],
        solution=_threshold,
        mistakes={
            "quantile": lambda scores, rate: np.quantile(scores, 1 - rate),
            "one_too_many": lambda scores, rate: _threshold(scores, rate, 1),
            "one_too_few": lambda scores, rate: _threshold(scores, rate, -1),
            "from_below": (lambda scores, rate: -_threshold(-scores, rate), np.quantile),
            "highest": lambda scores, rate: np.max(scores),
            "share_as_score": (
                lambda scores, rate: 1 - rate,
                lambda scores, rate: np.max(scores) * (1 - rate),
            ),
        },
    ).judge(fn)


def good_pictures_needed(fn: object) -> Verdict:
    """`fn(rate, confidence)`: how many good pictures without a false alarm are enough, an int."""
    return Task(
        exercise("good_pictures_needed"),
        cases=((0.1, 0.95), (0.05, 0.9), (0.02, 0.99), (0.07, 0.95)),
        solution=lambda r, c: math.ceil(_exact(r, c)),
        mistakes={
            "rounded_down": (lambda r, c: _exact(r, c) // 1, lambda r, c: round(_exact(r, c))),
            "not_whole": _exact,
            "one_over_rate": (lambda r, c: math.ceil(1 / r), lambda r, c: 1 / r),
            "rule_of_three": (lambda r, c: math.ceil(3 / r), lambda r, c: 3 / r),
            "confidence_complement": lambda r, c: math.ceil(math.log(c) / math.log(1 - r)),
            "rate_complement": lambda r, c: math.ceil(math.log(1 - c) / math.log(r)),
            "estimate": (
                lambda r, c: math.ceil(-math.log(1 - c) / r),
                lambda r, c: -math.log(1 - c) / r,
            ),
        },
    ).judge(fn)


def _draw(names: Names, shots: int, seed: int) -> Names:
    order = np.random.default_rng(seed).permutation(len(names))
    return [names[i] for i in order[:shots]]


def _without(names: Names, drawn: Names) -> Split:
    return drawn, [name for name in names if name not in drawn]


def _leaking(names: Names, drawn: Names) -> Split:
    """The last of the drawn names is held out as well."""
    return drawn, _without(names, drawn[:-1])[1]


def _split(names: Names, shots: int, seed: int) -> Split:
    return _without(sorted(names), _draw(sorted(names), shots, seed))


def _threshold(scores: Float[np.ndarray, " n"], rate: float, more: int = 0) -> float:
    """The score that floor(rate n) scores, and `more`, lie above."""
    return float(np.sort(scores)[::-1][math.floor(rate * len(scores)) + more])


def _exact(rate: float, confidence: float) -> float:
    return math.log(1 - confidence) / math.log(1 - rate)


def _as_sets(value: Any) -> tuple[Names, ...] | None:
    """Both sides of a split in sorted order, None for what is no pair of lists of texts."""
    sides = list | tuple | set | np.ndarray
    if not isinstance(value, tuple | list) or len(value) != 2:
        return None
    if not all(isinstance(s, sides) and all(isinstance(n, str) for n in s) for s in value):
        return None
    return tuple(sorted(map(str, side)) for side in value)


def _split_trouble(got: Any, expected: Split) -> str | None:
    """What is wrong with a pair (drawn, held_out), whose orders are free."""
    found, wanted = _as_sets(got), _as_sets(expected)
    if found is None or wanted is None:
        return f"the result is {kind_of(got)}, expected a pair of lists of names (drawn, held_out)"
    if found == wanted:
        return None
    if both := sorted(set(found[0]) & set(found[1])):
        return f"the result has {tidy(repr(both[0]))} on both sides"
    sizes, right = ([len(side) for side in split] for split in (found, wanted))
    if sizes != right:
        return f"the result has {sizes[0]} and {sizes[1]} names, expected {right[0]} and {right[1]}"
    if missing := [name for name in wanted[0] if name not in found[0]]:
        return f"the result has drawn other names, expected {missing[0]!r} among them"
    return "the result holds out other names than those that were not drawn"
