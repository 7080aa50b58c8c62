"""What looking often is worth: the best AUROC of many detectors that know nothing."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy import stats

_GRID = np.linspace(-9, 9, 4001)  # standard deviations over which the maximum is averaged


def noise_spread(good: int, anomalous: int) -> float:
    """The standard deviation of the AUROC of pure noise, whose mean is 1/2.

        sqrt((g + a + 1) / (12 g a))      for g good and a anomalous pictures, without ties

    It is that of the Mann-Whitney statistic. Raises ValueError for less than one of each.
    """
    _check(1, good, anomalous)
    return float(np.sqrt((good + anomalous + 1) / (12 * good * anomalous)))


def expected_best(detectors: int, good: int, anomalous: int) -> float:
    """The mean of the best AUROC of `detectors` independent noise detectors, in [1/2, 1].

        1/2 + noise_spread * E[max of n],    E[max of n] = int x n phi(x) Phi(x)^(n-1) dx

    The AUROC is taken for normal, so the value is an approximation: it is good to a point or so
    from ten pictures of each class on. Raises ValueError for no detector or no picture.
    """
    _check(detectors, good, anomalous)
    density = detectors * stats.norm.pdf(_GRID) * stats.norm.cdf(_GRID) ** (detectors - 1)
    largest = float(np.trapezoid(_GRID * density, _GRID))
    return min(1.0, 0.5 + noise_spread(good, anomalous) * largest)


def best_of_noise(
    detectors: int,
    good: int,
    anomalous: int,
    repeats: int = 200,
    generator: np.random.Generator | None = None,
) -> Float[np.ndarray, " repeats"]:
    """The best AUROC of `detectors` noise detectors on the same labels, drawn `repeats` times.

    A noise detector gives every picture a random number. Values in [0, 1]. Raises ValueError for
    no detector, no picture or no repeat.
    """
    _check(detectors, good, anomalous)
    if repeats < 1:
        raise ValueError(f"repeats must be 1 or more, got {repeats}")
    generator = generator or np.random.default_rng(0)
    best = []
    for _ in range(repeats):
        noise = generator.random((detectors, anomalous + good))
        ranks = 1 + noise.argsort(axis=1).argsort(axis=1)
        wins = ranks[:, :anomalous].sum(axis=1) - anomalous * (anomalous + 1) / 2
        best.append(wins.max() / (good * anomalous))
    return np.array(best)


def _check(detectors: int, good: int, anomalous: int) -> None:
    if min(detectors, good, anomalous) < 1:
        raise ValueError(
            "expected at least one detector, one good and one anomalous picture, got "
            f"{detectors}, {good} and {anomalous}"
        )
