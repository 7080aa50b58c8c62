"""The exercises of notebook 08: an honest split, a threshold with a bound, and enough pictures."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from promptad_tutorial.exercises.answers import kind_of, number_trouble, tidy
from promptad_tutorial.exercises.verdict import Mistake, Task, Verdict, check_function, mistake

Split = tuple[list[str], list[str]]


def split_good(fn: object) -> Verdict:
    """A draw that does not depend on the listing, and nothing leaks. Difficulty 2 of 3, 10 minutes.

    `fn(names, shots, seed)`: names in any order to (drawn, held_out), which share no name.
    """
    rng = np.random.default_rng(8)
    task = Task(
        inputs=("names", "shots", "seed"),
        cases=tuple(
            ([f"nut_{i}.png" for i in rng.permutation(n).tolist()], shots, seed)
            for n, shots, seed in ((14, 3, 1), (20, 4, 2), (31, 8, 3))
        ),
        solution=_split,
        trouble=_split_trouble,
        mistakes=(
            _same_split(
                "there are two bugs: the draw depends on the order of the listing, so sort the "
                "names first; and the shots are still among the held-out names.",
                lambda names, shots, seed: (_draw(names, shots, seed), names),
                lambda names, shots, seed: _leaking(names, _draw(names, shots, seed)),
            ),
            _same_split(
                "no name leaks any more, but another listing of the same folder gives other "
                "shots: sort the names before you draw.",
                lambda names, shots, seed: _without(names, _draw(names, shots, seed)),
            ),
            _same_split(
                "the draw is right, but its shots are among the held-out names too: a detector "
                "knows them by heart, and the threshold would be set too low.",
                lambda names, shots, seed: (_draw(sorted(names), shots, seed), names),
                lambda names, shots, seed: _leaking(names, _draw(sorted(names), shots, seed)),
            ),
            _same_split(
                "the held-out names are cut off by their place in the sorted list: leave out the "
                "drawn ones instead.",
                lambda names, shots, seed: (
                    _draw(sorted(names), shots, seed),
                    sorted(names)[shots:],
                ),
            ),
            _same_split(
                "these are the first names of the folder: pictures in a row are often of the same "
                "part or the same minute, so draw by the permutation.",
                lambda names, shots, seed: (sorted(names)[:shots], sorted(names)[shots:]),
                lambda names, shots, seed: (names[:shots], names[shots:]),
            ),
            _same_split(
                "the seed is not used: start the generator with default_rng(seed).",
                lambda names, shots, seed: _split(names, shots, 0),
            ),
        ),
        hint="sort the names, draw the first `shots` places of "
        "np.random.default_rng(seed).permutation(len(names)), and hold out every other name.",
    )
    return check_function(fn, task)


def alarm_threshold(fn: object) -> Verdict:
    """The lowest threshold that keeps a false-alarm bound. Difficulty 2 of 3, 10 minutes.

    `fn(good_scores, rate)`: scores (n,) of good pictures and a rate to one of the scores.
    """
    rng = np.random.default_rng(5)
    task = Task(
        inputs=("good_scores", "rate"),
        # the rates make n * rate fall between whole numbers, and on one in the last case
        cases=tuple(
            (rng.permutation(np.sort(rng.uniform(0, 1, n)).round(3)), rate)
            for n, rate in ((14, 0.25), (21, 0.125), (40, 0.125))
        ),
        solution=_threshold,
        trouble=number_trouble,
        mistakes=(
            mistake(
                "this is a quantile between two scores: the bound must hold for the pictures you "
                "have, so take a score.",
                lambda scores, rate: np.quantile(scores, 1 - rate),
            ),
            mistake(
                "one picture too many lies above: it is an alarm only if the score is strictly "
                "above the threshold, so with m allowed alarms the threshold is score number m + 1 "
                "from the top.",
                lambda scores, rate: _from_top(scores, math.floor(rate * len(scores)) + 1),
            ),
            mistake(
                "one picture fewer lies above than is allowed: the threshold could be lower, "
                "which finds more defects.",
                lambda scores, rate: _from_top(scores, math.floor(rate * len(scores)) - 1),
            ),
            mistake(
                "this is counted from the lowest score: alarms are at the top.",
                lambda scores, rate: _from_top(-scores, math.floor(rate * len(scores))) * -1,
                lambda scores, rate: np.quantile(scores, rate),
            ),
            mistake(
                "the highest score gives no alarm at all on these pictures: the rate allows some.",
                lambda scores, rate: np.max(scores),
            ),
            mistake(
                "this takes the share for a score: sort the scores, and count.",
                lambda scores, rate: 1 - rate,
                lambda scores, rate: np.max(scores) * (1 - rate),
            ),
        ),
        hint="m = floor(rate * n) alarms are allowed; sort the scores from high to low and take "
        "place m, counted from 0.",
    )
    return check_function(fn, task)


def good_pictures_needed(fn: object) -> Verdict:
    """How many good pictures without a false alarm are enough. Difficulty 3 of 3, 12 minutes.

    `fn(rate, confidence)`: two shares to the smallest n, an int.
    """
    task = Task(
        inputs=("rate", "confidence"),
        cases=((0.1, 0.95), (0.05, 0.9), (0.02, 0.99), (0.07, 0.95)),
        solution=_needed,
        trouble=number_trouble,
        mistakes=(
            mistake(
                "rounded down (or to the nearest), the claim is not quite reached: round up.",
                lambda rate, confidence: _exact(rate, confidence) // 1,
                lambda rate, confidence: round(_exact(rate, confidence)),
            ),
            mistake(
                "a number of pictures is whole: round up.",
                _exact,
            ),
            mistake(
                "one over the rate is how many pictures make one false alarm on average; none of "
                "them may come by luck, so you need more.",
                lambda rate, confidence: math.ceil(1 / rate),
                lambda rate, confidence: 1 / rate,
            ),
            mistake(
                "the rule of three is for a confidence of 95 % and an estimate: here the "
                "confidence is an input.",
                lambda rate, confidence: math.ceil(3 / rate),
                lambda rate, confidence: 3 / rate,
            ),
            mistake(
                "the confidence stands where its complement belongs: the chance of seeing no alarm "
                "must fall to 1 - confidence.",
                lambda rate, confidence: math.ceil(math.log(confidence) / math.log(1 - rate)),
            ),
            mistake(
                "the rate stands where its complement belongs: a good picture stays without alarm "
                "with chance 1 - rate.",
                lambda rate, confidence: math.ceil(math.log(1 - confidence) / math.log(rate)),
            ),
            mistake(
                "-log(1 - confidence) / rate is the estimate behind the rule of three, a little "
                "too high: divide by -log(1 - rate).",
                lambda rate, confidence: math.ceil(-math.log(1 - confidence) / rate),
                lambda rate, confidence: -math.log(1 - confidence) / rate,
            ),
        ),
        hint="n good pictures all stay without alarm with chance (1 - rate) ** n: find the "
        "smallest n for which that is at most 1 - confidence.",
    )
    return check_function(fn, task)


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


def _same_split(hint: str, *implementations: Callable[..., Split]) -> Mistake:
    """The mistake of splitting as one of `implementations` does, in any order."""

    def recogniser(implementation: Callable[..., Split]) -> Callable[..., bool]:
        return lambda output, *inputs: _as_sets(output) == _as_sets(implementation(*inputs))

    return Mistake(hint, tuple(recogniser(each) for each in implementations))


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
