"""How well image scores tell good from anomalous: their histogram, and the ROC curve."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.ticker import MaxNLocator
from sklearn import metrics as sklearn_metrics

from promptad_tutorial.figures.illustration import Illustration, blank_axes, illustrate
from promptad_tutorial.figures.inputs import ArrayLike, as_array, check_limits
from promptad_tutorial.figures.palette import (
    FONT_SIZE,
    GOOD_COLOUR,
    class_histogram,
    legend_above,
    mark_classes,
)
from promptad_tutorial.figures.wording import counted, percent, rounded
from promptad_tutorial.scoring.metrics import image_auroc, two_classes

_BINS = 20
_FEW_FALSE_ALARMS = 0.1  # the false-positive rate at which the ROC caption reads the curve


def score_histogram(
    image_scores: ArrayLike,
    labels: ArrayLike,
    threshold: float | None = None,
    limits: tuple[float, float] | None = None,
    caption: str = "",
) -> Illustration:
    """How often each image score comes, for good and for anomalous pictures.

    `image_scores` (n,), higher is more anomalous; `labels` (n,): 0 good, 1 anomalous. With a
    `threshold`, a picture that scores at or above it is called anomalous. `limits` of the score
    axis, by default the smallest and largest score. Every score is also a mark under the bars.

    Raises ValueError for bad input, and if only one class is present.
    """
    anomalous, scores = _checked(labels, image_scores)
    check_limits(limits)
    figure, axes = blank_axes(6.4, 2.8)
    class_histogram(axes, scores, anomalous, np.histogram_bin_edges(scores, _BINS, limits))
    style = {"transform": axes.get_xaxis_transform(), "clip_on": False, "label": None}
    below = np.where(anomalous, -0.12, -0.06)
    mark_classes(axes, scores, below, anomalous, markersize=4, alpha=0.7, **style)
    axes.tick_params(axis="x", pad=18)  # below the marks
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    facts = [_describe(scores[~anomalous], "good"), _describe(scores[anomalous], "anomalous")]
    facts.append(f"AUROC {rounded(image_auroc(anomalous, scores))}")
    if threshold is not None:
        level, called = f"threshold {rounded(threshold)}", scores >= threshold
        axes.axvline(threshold, color="black", linestyle="--", label=level)
        facts.append(
            f"The {level} misses {(anomalous & ~called).sum()} anomalous and flags "
            f"{(~anomalous & called).sum()} good pictures"
        )
    legend_above(figure, 3)
    return illustrate(figure, caption, *facts)


def roc_curve(labels: ArrayLike, image_scores: ArrayLike, caption: str = "") -> Illustration:
    """The ROC curve: the share of anomalous pictures found, against the share of false alarms.

    `labels` (n,): 0 good, 1 anomalous; `image_scores` (n,), higher is more anomalous. Each point
    is a threshold; the area under the curve is the AUROC, and 0.5 is chance.

    Raises ValueError for bad input, and if only one class is present.
    """
    anomalous, scores = _checked(labels, image_scores)
    false_alarms, found, _ = sklearn_metrics.roc_curve(anomalous, scores, drop_intermediate=False)
    auroc = rounded(image_auroc(anomalous, scores))
    figure, axes = blank_axes(4.2, 3.6)
    axes.plot(false_alarms, found, color=GOOD_COLOUR, linewidth=2, label=f"AUROC {auroc}")
    axes.plot([0, 1], [0, 1], "--", color="black", linewidth=1, label="chance: 0.50")
    axes.set(xlabel="false alarms among good", ylabel="found among anomalous")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.legend(loc="lower right", fontsize=FONT_SIZE)
    few = found[false_alarms <= _FEW_FALSE_ALARMS + 1e-9].max()
    return illustrate(
        figure,
        caption,
        f"ROC curve of {(~anomalous).sum()} good and {counted(int(anomalous.sum()), 'picture')} "
        f"with a defect: AUROC {auroc}",
        f"With at most {percent(_FEW_FALSE_ALARMS)} false alarms it finds {percent(few)} of the "
        "defects",
    )


def _checked(
    labels: ArrayLike, image_scores: ArrayLike
) -> tuple[Bool[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    classes, scores = as_array(labels, "labels"), as_array(image_scores, "image_scores")
    if classes.ndim != 1 or classes.shape != scores.shape:
        raise ValueError(
            f"expected one label and one score for each picture, found {classes.shape} labels and "
            f"{scores.shape} image_scores"
        )
    return two_classes(classes, scores.astype(np.float64), "labels", "image_scores", ndim=1)


def _describe(scores: Float[np.ndarray, " n"], kind: str) -> str:
    low, middle, high = (rounded(value) for value in np.quantile(scores, (0, 0.5, 1)))
    what = counted(len(scores), f"{kind} picture")
    return f"{what}: scores from {low} to {high}, median {middle}"
