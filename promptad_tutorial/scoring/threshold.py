"""A yes/no threshold from normal images alone: what scores may a good product have?

With k shots, each is scored by a detector that has learnt from the k - 1 others; with one shot,
light variations of it are scored. For n such scores with mean m and standard deviation s,

    threshold = m + q s sqrt(1 + 1/n),    q = Student's t quantile (n - 1 degrees) at 1 - rate

is the upper end of a prediction interval: if the scores of good images are Gaussian, and those of
new ones come from the same source, a share `rate` of good images lies above it. What it does not
know: other lighting than in the shots, other distributions, and that k - 1 shots are one fewer than
k (so it errs on the side of fewer alarms). It says nothing about how many defects are found.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageEnhance
from scipy import stats


def threshold_from_normal_scores(
    scores: Sequence[float] | np.ndarray, false_positive_rate: float = 0.1
) -> float:
    """The threshold that good images should pass only at `false_positive_rate` (0 to 1, open).

    Raises ValueError for fewer than two scores, scores that are not finite, or a rate outside.
    """
    values = np.asarray(scores, dtype=float)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise ValueError(f"expected two or more finite scores of normal images, found {scores!r}")
    if not 0 < false_positive_rate < 1:
        raise ValueError(f"false_positive_rate must be between 0 and 1, got {false_positive_rate}")
    n = len(values)
    quantile = stats.t.ppf(1 - false_positive_rate, df=n - 1)
    return float(values.mean() + quantile * values.std(ddof=1) * np.sqrt(1 + 1 / n))


def light_variations(image: Image.Image) -> list[Image.Image]:
    """Eight pictures that could be of the same good product: mirrored, shifted, lit otherwise.

    Mirror images, shifts by 2 percent of the side, 5 percent more and less light and contrast.
    """
    width, height = image.size
    step = (max(1, round(0.02 * width)), max(1, round(0.02 * height)))
    edges = np.pad(
        np.asarray(image), ((step[1], step[1]), (step[0], step[0]), (0, 0)), mode="reflect"
    )

    def shifted(left: int, up: int) -> Image.Image:
        top, left = step[1] * (1 + up), step[0] * (1 + left)
        return Image.fromarray(np.ascontiguousarray(edges[top : top + height, left : left + width]))

    return [
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        image.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        shifted(1, 0),
        shifted(0, -1),
        *(ImageEnhance.Brightness(image).enhance(factor) for factor in (0.95, 1.05)),
        *(ImageEnhance.Contrast(image).enhance(factor) for factor in (0.95, 1.05)),
    ]
