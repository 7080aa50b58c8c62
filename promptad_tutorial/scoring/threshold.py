"""A yes/no threshold from normal images alone: what scores may a good product have?

In: scores of k good pictures that were not learnt from, shape (k,): each shot scored by a detector
that has learnt from the k - 1 others. Out: a threshold, and what it promises at a rate a of false
alarms. Two methods:

- "student": m + q s sqrt(1 + 1/k), q = Student's t quantile (k - 1 degrees) at 1 - a, for scores
  with mean m and standard deviation s: the upper end of a prediction interval. It promises a *if
  scores of good pictures are Gaussian*, and below a = 1/(k+1) it extrapolates beyond all it saw.
- "conformal" (Vovk; Bates et al. 2023): the ceil((k+1)(1-a))-th smallest score. It promises at
  most a, on average over draws of the shots, if new good pictures are like the k, whatever the
  shape of their scores. No method that looks at ranks alone can promise less than 1/(k+1).

Neither knows other lighting than in the shots, nor how many defects are found; that a left-out shot
meets k - 1 shots and a new picture k errs on the side of fewer alarms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageEnhance
from scipy import stats

METHODS = ("student", "conformal")
FEWEST = 8  # good-looking scores from which drift can be told
ALPHA = 0.01  # of the test for drift: so many warnings where nothing has moved

Values = Sequence[float] | np.ndarray


@dataclass(frozen=True)
class Promise:
    """What a threshold was set for, and from what; it is kept in the detector's file."""

    method: str  # one of METHODS
    rate: float  # false alarms asked for, 0 to 1
    scores: tuple[float, ...]  # of good pictures, sorted: what the threshold is made of
    variations: bool = False  # of one shot, not of several pictures

    def __str__(self) -> str:
        k, rate = len(self.scores), f"{self.rate:.2g}"
        if self.variations:
            return (
                f"a share {rate} of false alarms is hoped for: one shot and {k} light variations "
                "of it promise nothing about other pictures; use several"
            )
        if self.method == "conformal":
            return (
                f"at most a share {rate} of false alarms on average over draws of {k} shots, for "
                "pictures like them (conformal)"
            )
        least = f"; a rank method could promise {1 / (k + 1):.2g} at best from {k} shots"
        beyond = least if self.rate < 1 / (k + 1) else ""
        return f"a share {rate} of false alarms if good scores are Gaussian (Student's t){beyond}"


def shots_needed(rate: float) -> int:
    """The smallest k with 1/(k+1) <= rate: for fewer no rank method can promise the rate."""
    return math.ceil(1 / rate - 1e-9) - 1


def student_bound(scores: Values, false_positive_rate: float = 0.1) -> float:
    """m + q s sqrt(1 + 1/k), wherever it lies: see `threshold_from_normal_scores`."""
    values = _checked(scores, false_positive_rate)
    quantile = stats.t.ppf(1 - false_positive_rate, df=len(values) - 1)
    return float(values.mean() + quantile * values.std(ddof=1) * np.sqrt(1 + 1 / len(values)))


def threshold_from_normal_scores(
    scores: Values, false_positive_rate: float = 0.1, method: str = "student"
) -> float:
    """The threshold that good images should pass only at `false_positive_rate` (0 to 1, open).

    Raises ValueError for fewer than two scores, scores that are not finite, or a rate outside; for
    scores without spread; for a Student's bound that scores in [0, 1] cannot reach, or all lie
    above; and for a conformal rate below 1/(k+1).
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}; got {method!r}")
    rate = false_positive_rate
    values = _checked(scores, rate)
    k, needed = len(values), shots_needed(rate)
    if np.ptp(values) <= 1e-6 * np.abs(values).max():
        raise ValueError(
            f"expected scores that differ, found {k} times {values[-1]:.3g}: the pictures are one "
            "picture, or the detector knows them; calibrate with other good pictures"
        )
    if method == "conformal":
        if k < needed:
            raise ValueError(
                f"a conformal threshold from {k} good pictures cannot promise fewer false alarms "
                f"than {1 / (k + 1):.2g}, asked for {rate:g}: ask for more, or use {needed} "
                "pictures or more"
            )
        return float(values[math.ceil((k + 1) * (1 - rate) - 1e-9) - 1])
    found = student_bound(values, rate)
    if values[0] >= 0 and values[-1] <= 1 and not 0 <= found < 1:
        raise ValueError(
            f"the threshold for a rate of {rate:g} would be {found:.2f}, and scores lie between 0 "
            f"and 1: {k} good pictures are too few or too different for it; ask for about "
            f"{1 / (k + 1):.2g}, or use {max(needed, k + 1)} pictures or more"
        )
    return found


def _checked(scores: Values, rate: float) -> Float[np.ndarray, " k"]:
    values = np.asarray(scores, dtype=float)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise ValueError(f"expected two or more finite scores of normal images, found {scores!r}")
    if not 0 < rate < 1:
        raise ValueError(f"false_positive_rate must be between 0 and 1, got {rate}")
    return np.sort(values)  # the order of the shots does not reach the last digit


def drift(promise: Promise, scores: Values, threshold: float) -> str | None:
    """A warning if the line has moved since the threshold was set, else None.

    That is: pictures that look good score higher as a whole than those of the calibration did
    (Mann-Whitney, one-sided, p < ALPHA), or most are alarms. Fewer than FEWEST cannot tell.
    """
    values = np.asarray(scores, dtype=float)
    values = values[np.isfinite(values)]
    good = values[values <= threshold]
    if len(values) < FEWEST:
        return None
    if 2 * len(good) < len(values):
        return (
            f"{len(values) - len(good)} of {len(values)} pictures are above the threshold: unless "
            "most are defective, the line has moved; calibrate again with good pictures of today"
        )
    if promise.variations:
        return None
    p = stats.mannwhitneyu(good, promise.scores, alternative="greater").pvalue
    if p >= ALPHA:
        return None
    return (
        f"the {len(good)} pictures that look good score {np.median(good):.3g} in the median, those "
        f"of the calibration {np.median(promise.scores):.3g} (p = {p:.2g}): the line has moved, "
        "and false alarms will exceed the promise; calibrate again with good pictures of today"
    )


def light_variations(image: Image.Image) -> list[Image.Image]:
    """Eight pictures that could be of the same good product: mirrored, shifted, lit otherwise.

    Mirror images, shifts by 2 percent of the side, 5 percent more and less light and contrast.
    """
    (width, height), pixels = image.size, np.asarray(image)
    x, y = (max(1, round(0.02 * side)) for side in image.size)
    edges = np.pad(pixels, ((y, y), (x, x), (0, 0)), mode="reflect")
    left, down = edges[y : y + height, 2 * x : 2 * x + width], edges[:height, x : x + width]
    return [
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        image.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        *(Image.fromarray(np.ascontiguousarray(moved)) for moved in (left, down)),
        *(ImageEnhance.Brightness(image).enhance(factor) for factor in (0.95, 1.05)),
        *(ImageEnhance.Contrast(image).enhance(factor) for factor in (0.95, 1.05)),
    ]
