"""What learners hand in for the exercises of notebook 08: right answers and typical wrong ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np


def split_good(names, shots, seed):
    names = np.array(sorted(names))
    order = np.random.default_rng(seed).permutation(len(names))
    return names[order[:shots]].tolist(), names[order[shots:]].tolist()


def alarm_threshold(good_scores, rate):
    for threshold in sorted(good_scores):  # the slow way: try every score from below
        if np.mean(good_scores > threshold) <= rate:
            return threshold
    raise AssertionError("the highest score gives no alarm")


def good_pictures_needed(rate, confidence):
    n = 1
    while (1 - rate) ** n > 1 - confidence:
        n += 1
    return n


SOLUTIONS: dict[str, Callable[..., Any]] = {
    "split_good": split_good,
    "alarm_threshold": alarm_threshold,
    "good_pictures_needed": good_pictures_needed,
}


def _draw(names, shots, seed):
    return [names[i] for i in np.random.default_rng(seed).permutation(len(names))[:shots]]


def planted(names, shots, seed):
    """The function as notebook 08 hands it out, with its two bugs."""
    drawn = _draw(names, shots, seed)
    return drawn, [name for name in names if name not in drawn[:-1]]


def _unsorted(names, shots, seed):
    drawn = _draw(names, shots, seed)
    return drawn, [name for name in names if name not in drawn]


def _top(scores, place):
    return sorted(scores, reverse=True)[place]


# For each exercise: a phrase of the hint, and ways to make the mistake it is for.
WRONG: dict[str, dict[str, list[Callable[..., Any]]]] = {
    "split_good": {
        "two bugs": [planted, lambda n, k, s: (_draw(n, k, s), sorted(n))],
        "no name leaks any more": [
            _unsorted,
            lambda n, k, s: tuple(sorted(side) for side in _unsorted(n, k, s)),
        ],
        "knows them by heart": [
            lambda n, k, s: (_draw(sorted(n), k, s), n),
            lambda n, k, s: planted(sorted(n), k, s),
        ],
        "cut off by their place": [lambda n, k, s: (_draw(sorted(n), k, s), sorted(n)[k:])],
        "first names of the folder": [
            lambda n, k, s: (sorted(n)[:k], sorted(n)[k:]),
            lambda n, k, s: (n[:k], n[k:]),
        ],
        "the seed is not used": [lambda n, k, s: split_good(n, k, 0)],
    },
    "alarm_threshold": {
        "quantile between two scores": [lambda s, r: np.quantile(s, 1 - r)],
        "strictly above": [lambda s, r: _top(s, int(r * len(s)) + 1)],
        "could be lower": [lambda s, r: _top(s, int(r * len(s)) - 1)],
        "from the lowest score": [
            lambda s, r: sorted(s)[int(r * len(s))],
            lambda s, r: np.quantile(s, r),
        ],
        "no alarm at all": [lambda s, r: max(s)],
        "the share for a score": [lambda s, r: 1 - r, lambda s, r: (1 - r) * max(s)],
    },
    "good_pictures_needed": {
        "not quite reached": [
            lambda r, c: int(math.log(1 - c) / math.log(1 - r)),
            lambda r, c: round(math.log(1 - c) / math.log(1 - r)),
        ],
        "pictures is whole": [lambda r, c: math.log(1 - c, 1 - r)],
        "on average": [lambda r, c: math.ceil(1 / r), lambda r, c: 1 / r],
        "the rule of three is for": [lambda r, c: math.ceil(3 / r), lambda r, c: 3 / r],
        "the confidence stands where": [lambda r, c: math.ceil(math.log(c, 1 - r))],
        "the rate stands where": [lambda r, c: math.ceil(math.log(1 - c, r))],
        "behind the rule of three": [lambda r, c: math.ceil(-math.log(1 - c) / r)],
    },
}
