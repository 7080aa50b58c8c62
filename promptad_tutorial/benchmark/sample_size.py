"""How much data a difference needs before it can be told from chance."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from scipy import stats


def half_width(std: float, n: int) -> float:
    """Half of the 95% t-interval of a mean of n values with standard deviation `std`.

        t(0.975, n - 1) * std / sqrt(n)

    Raises ValueError for fewer than two values.
    """
    if n < 2:
        raise ValueError(f"an interval needs at least two values, got {n}")
    return float(stats.t.ppf(0.975, n - 1) * std / np.sqrt(n))


def values_needed(std: float, half: float) -> int:
    """The smallest n whose 95% t-interval is at most `half` to either side; at least 2.

    Raises ValueError for a `half` that is not above 0, or a negative `std`.
    """
    if half <= 0 or std < 0:
        raise ValueError(f"expected half above 0 and std 0 or more, got {half} and {std}")
    low, high = 1, 2
    while half_width(std, high) > half:  # doubles until it is enough, then halves the gap
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if half_width(std, middle) > half else (low, middle)
    return high


def bootstrap_interval(
    differences: Float[np.ndarray, " n"],
    lines: int | None = None,
    resamples: int = 2000,
    generator: np.random.Generator | None = None,
) -> tuple[float, float]:
    """The 95% percentile interval of the mean when `lines` product lines are drawn with repeats.

    `differences`: one for each product line. `lines` is by default their number n; another number
    asks what so many lines of the same kind would show. Raises ValueError for no difference.
    """
    if not len(differences):
        raise ValueError("expected at least one difference, found none")
    generator = generator or np.random.default_rng(0)
    chosen = generator.integers(0, len(differences), (resamples, lines or len(differences)))
    low, high = np.quantile(differences[chosen].mean(axis=1), (0.025, 0.975))
    return float(low), float(high)


def picture_spread(
    labels: Int[np.ndarray, " n"],
    mine: Float[np.ndarray, " n"],
    other: Float[np.ndarray, " n"],
    factor: int = 1,
    resamples: int = 500,
    generator: np.random.Generator | None = None,
) -> tuple[float, float, float]:
    """Standard deviations, when test pictures are drawn again, of two AUROCs and their difference.

    `mine` and `other` are the image scores of two detectors for the same pictures. `factor` times
    as many pictures of each class are drawn with repeats. Values in [0, 1]; the difference is
    paired: both detectors are judged on the same draw. Raises ValueError without both classes.
    """
    good, bad = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)
    if not len(good) or not len(bad):
        raise ValueError(
            f"expected good and anomalous pictures, got {len(good)} and {len(bad)} of them"
        )
    generator = generator or np.random.default_rng(0)
    # who wins each pair of pictures does not change, only which pairs are drawn
    wins = [
        (scores[bad][:, None] > scores[good]) + 0.5 * (scores[bad][:, None] == scores[good])
        for scores in (mine, other)
    ]
    found = []
    for _ in range(resamples):
        rows = generator.integers(0, len(bad), factor * len(bad))
        columns = generator.integers(0, len(good), factor * len(good))
        found.append([each[rows][:, columns].mean() for each in wins])
    first, second = np.array(found).T
    return float(first.std()), float(second.std()), float((first - second).std())
