"""The exercises of notebook 08: an honest split, a threshold with a bound, and enough pictures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float

from promptad_tutorial.exercises.answers import kind_of, number_trouble, tidy
from promptad_tutorial.exercises.exercises import exercise
from promptad_tutorial.exercises.verdict import Task, Verdict

Split = tuple[list[str], list[str]]


def split_good(fn: object) -> Verdict:
    """A draw that does not depend on the listing, and nothing leaks.

    `fn(names, shots, seed)`: names in any order to (drawn, held_out), which share no name.
    """
    rng = np.random.default_rng(8)
    return Task(
        exercise("split_good"),
        cases=tuple(
            ([f"nut_{i}.png" for i in rng.permutation(n).tolist()], shots, seed)
            for n, shots, seed in ((14, 3, 1), (20, 4, 2), (31, 8, 3))
        ),
        solution=_split,
        trouble=_split_trouble,
        alike=lambda output, made: _as_sets(output) == _as_sets(made),
        mistakes={
            "both_bugs": (
                lambda names, k, seed: (_draw(names, k, seed), names),
                lambda names, k, seed: _leaking(names, _draw(names, k, seed)),
            ),
            "unsorted": lambda names, k, seed: _without(names, _draw(names, k, seed)),
            "leaking": (
                lambda names, k, seed: (_draw(sorted(names), k, seed), names),
                lambda names, k, seed: _leaking(names, _draw(sorted(names), k, seed)),
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
    """The lowest threshold that keeps a false-alarm bound.

    `fn(good_scores, rate)`: scores (n,) of good pictures and a rate to one of the scores.
    """
    rng = np.random.default_rng(5)
    return Task(
        exercise("alarm_threshold"),
        cases=tuple(
            (rng.permutation(np.sort(rng.uniform(0, 1, n)).round(3)), rate)
            for n, rate in ((14, 0.25), (21, 0.125), (40, 0.125))
        ),
        solution=_threshold,
        trouble=number_trouble,
        mistakes={
            "quantile": lambda scores, rate: np.quantile(scores, 1 - rate),
            "one_too_many": lambda scores, rate: _from_top(
                scores, math.floor(rate * len(scores)) + 1
            ),
            "one_too_few": lambda scores, rate: _from_top(
                scores, math.floor(rate * len(scores)) - 1
            ),
            "from_below": (
                lambda scores, rate: _from_top(-scores, math.floor(rate * len(scores))) * -1,
                lambda scores, rate: np.quantile(scores, rate),
            ),
            "highest": lambda scores, rate: np.max(scores),
            "share_as_score": (
                lambda scores, rate: 1 - rate,
                lambda scores, rate: np.max(scores) * (1 - rate),
            ),
        },
    ).judge(fn)


def good_pictures_needed(fn: object) -> Verdict:
    """How many good pictures without a false alarm are enough.

    `fn(rate, confidence)`: two shares to the smallest n, an int.
    """
    return Task(
        exercise("good_pictures_needed"),
        cases=((0.1, 0.95), (0.05, 0.9), (0.02, 0.99), (0.07, 0.95)),
        solution=_needed,
        trouble=number_trouble,
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


def _draw(names: list[str], shots: int, seed: int) -> list[str]:
    order = np.random.default_rng(seed).permutation(len(names))
    return [names[i] for i in order[:shots]]


def _without(names: list[str], drawn: list[str]) -> Split:
    return drawn, [name for name in names if name not in drawn]


def _leaking(names: list[str], drawn: list[str]) -> Split:
    """The last of the drawn names is held out as well."""
    return drawn, [name for name in names if name not in drawn[:-1]]


def _split(names: list[str], shots: int, seed: int) -> Split:
    return _without(sorted(names), _draw(sorted(names), shots, seed))


def _threshold(scores: Float[np.ndarray, " n"], rate: float) -> float:
    return _from_top(scores, math.floor(rate * len(scores)))


def _from_top(scores: Float[np.ndarray, " n"], place: int) -> float:
    return float(np.sort(scores)[::-1][place])


def _exact(rate: float, confidence: float) -> float:
    return math.log(1 - confidence) / math.log(1 - rate)


def _needed(rate: float, confidence: float) -> int:
    return math.ceil(_exact(rate, confidence))


def _as_sets(value: Any) -> tuple[list[str], list[str]] | None:
    """Both sides of a split in sorted order, None for what is no pair of lists of texts."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        return None
    sides = []
    for side in value:
        if not isinstance(side, list | tuple | set | np.ndarray):
            return None
        texts = list(side)
        if any(not isinstance(each, str) for each in texts):
            return None
        sides.append(sorted(str(each) for each in texts))
    return sides[0], sides[1]


def _split_trouble(got: Any, expected: Split) -> str | None:
    """What is wrong with a pair (drawn, held_out), whose orders are free."""
    found, wanted = _as_sets(got), _as_sets(expected)
    if found is None or wanted is None:
        return f"the result is {kind_of(got)}, expected a pair of lists of names (drawn, held_out)"
    if found == wanted:
        return None
    sizes = [len(side) for side in found]
    both = sorted(set(found[0]) & set(found[1]))
    if both:
        return f"the result has {tidy(repr(both[0]))} on both sides"
    if sizes != [len(side) for side in wanted]:
        return (
            f"the result has {sizes[0]} and {sizes[1]} names, expected {len(wanted[0])} and "
            f"{len(wanted[1])}"
        )
    missing = [name for name in wanted[0] if name not in found[0]]
    if missing:
        return f"the result has drawn other names, expected {missing[0]!r} among them"
    return "the result holds out other names than those that were not drawn"
