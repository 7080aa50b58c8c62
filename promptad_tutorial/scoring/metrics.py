"""Figures of merit: how well image scores rank images, and anomaly maps mark regions.

In: labels and scores (n,), masks and maps (n, h, w), as numpy arrays or torch tensors. Labels and
masks are 0/1 or boolean, 1 is anomalous; scores and maps are finite, higher is more anomalous.
Out: numbers in [0, 1], higher is better; none needs a threshold. Every figure raises `ValueError`
for bad input, and where it is undefined because only one class is there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from scipy import ndimage
from sklearn.metrics import (
    auc,
    average_precision_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

# The shapes are checked under pytest only; `two_classes` says the same mistakes in a sentence.
Labels = Shaped[np.ndarray | torch.Tensor, "n"]
Scores = Float[np.ndarray | torch.Tensor, "n"]
Masks = Shaped[np.ndarray | torch.Tensor, "n h w"]
Maps = Float[np.ndarray | torch.Tensor, "n h w"]

# Pixels that touch at a side or a corner are one region, but never those of two images.
_NEIGHBOURS = np.zeros((3, 3, 3), dtype=bool)
_NEIGHBOURS[1] = True


@dataclass(frozen=True)
class Evaluation:
    """The figures of one detector on one product line, each in [0, 1]."""

    image_auroc: float  # a random anomalous image scores above a random good one
    average_precision: float  # image level, mean precision over recall
    f1_max: float  # image level, F1 at the best threshold for these very images
    pixel_auroc: float  # as image_auroc, for pixels; NaN without masks
    aupro: float  # mean overlap with the regions at few false positives; NaN without masks


def evaluate(
    labels: Labels,
    scores: Scores,
    masks: Masks | None = None,
    maps: Maps | None = None,
    fpr_limit: float = 0.3,
) -> Evaluation:
    """Every figure; without `masks` and `maps` the two pixel-level ones are NaN.

    Raises `ValueError` if only one of the two is given, if the numbers of images differ, if an
    image that is labelled good has a mask that marks something, and what each figure raises.
    """
    classes, values = two_classes(labels, scores, "labels", "scores", ndim=1)
    pixel_level = (float("nan"), float("nan"))
    if (masks is None) != (maps is None):
        raise ValueError("masks and maps go together: pass both, or neither for image level only")
    if masks is not None and maps is not None:
        marked, heights = two_classes(masks, maps, "masks", "maps", ndim=3)
        if len(marked) != len(classes):
            raise ValueError(
                f"expected a mask and a map for each image: {len(classes)} labels, "
                f"{len(marked)} masks"
            )
        contradicting = np.flatnonzero(~classes & marked.any(axis=(1, 2)))
        if len(contradicting):
            raise ValueError(
                f"image {contradicting[0]} is labelled good but its mask marks anomalous pixels: "
                "put labels and masks in the same order"
            )
        pixel_level = (pixel_auroc(marked, heights), aupro(marked, heights, fpr_limit))
    return Evaluation(
        image_auroc(classes, values),
        average_precision(classes, values),
        f1_max(classes, values),
        *pixel_level,
    )


def image_auroc(labels: Labels, scores: Scores) -> float:
    """Area under the ROC curve: how often an anomalous image scores above a good one.

    Over all pairs of one anomalous and one good image, a tie counts one half.

    >>> image_auroc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.3, 0.9]))  # 3 of 4 pairs
    0.75
    """
    return float(roc_auc_score(*two_classes(labels, scores, "labels", "scores", ndim=1)))


def average_precision(labels: Labels, scores: Scores) -> float:
    """Average precision, AP = sum_i (R_i - R_(i-1)) P_i over falling thresholds.

    P_i and R_i are precision and recall of the images at or above threshold i. A detector without
    skill gets the share of anomalous images, not 0.5.

    >>> ap = average_precision(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.3, 0.9]))
    >>> round(ap, 4)  # 1/2 * 1/1 + 1/2 * 2/3
    0.8333
    """
    return float(average_precision_score(*two_classes(labels, scores, "labels", "scores", ndim=1)))


def f1_max(labels: Labels, scores: Scores) -> float:
    """The largest F1 = 2 P R / (P + R) over all thresholds.

    The threshold is chosen with the labels of the very images that it is judged on, so this is a
    bound on what a threshold can reach.

    >>> f1_max(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.3, 0.9]))  # P 2/3, R 1 at 0.3
    0.8
    """
    classes, values = two_classes(labels, scores, "labels", "scores", ndim=1)
    precision, recall, _ = precision_recall_curve(classes, values)
    # P and R are 0 together where the highest scores are all good images: F1 is 0 there too.
    total = np.maximum(precision + recall, np.finfo(float).tiny)
    return float(np.max(2 * precision * recall / total))


def pixel_auroc(masks: Masks, maps: Maps) -> float:
    """`image_auroc` with pixels for images: every pixel of every image in one ranking.

    A large region weighs as much as its pixels; see `aupro`.
    """
    marked, heights = two_classes(masks, maps, "masks", "maps", ndim=3)
    return float(roc_auc_score(marked.ravel(), heights.ravel()))


def aupro(masks: Masks, maps: Maps, fpr_limit: float = 0.3) -> float:
    """Area under the per-region overlap curve up to a false-positive rate, over that rate.

    With the pixels at or above a threshold t called anomalous and the regions C_1 .. C_K, the
    8-connected parts of each image's mask (pixels that touch at a side or a corner):

        PRO(t)  = 1/K sum_k |C_k at or above t| / |C_k|      every region weighs the same
        FPR(t)  = good pixels at or above t / all good pixels, of all images
        AUPRO   = 1/L integral from 0 to L of PRO d FPR,     L = `fpr_limit`

    PRO is the true-positive rate of pixels that weigh 1 / |C_k| each, so this is a ROC curve with
    weights: every distinct score is a threshold, equal scores are one threshold, trapezoids
    between them, cut at L by interpolation. A constant map gets L / 2.

    >>> mask = np.array([[[1, 0, 1, 1, 0, 0]]])  # regions of 1 and of 2 pixels
    >>> anomaly_map = np.array([[[0.9, 0.1, 0.8, 0.2, 0.3, 0.1]]])  # finds 1/1 and 1/2 of them
    >>> aupro(mask, anomaly_map, fpr_limit=0.3)  # before the first false positive: PRO 3/4
    0.75

    Raises `ValueError` for a limit outside (0, 1].
    """
    if not 0 < fpr_limit <= 1:
        raise ValueError(f"fpr_limit must be in (0, 1], got {fpr_limit}")
    marked, heights = two_classes(masks, maps, "masks", "maps", ndim=3)
    regions = label_regions(marked)[0].ravel()
    weight = 1 / np.bincount(regions)
    weight[0] = 1  # good pixels, all alike
    fpr, pro, _ = roc_curve(marked.ravel(), heights.ravel(), sample_weight=weight[regions])
    inside = np.searchsorted(fpr, fpr_limit, side="right")
    x = np.append(fpr[:inside], fpr_limit)
    y = np.append(pro[:inside], np.interp(fpr_limit, fpr, pro))
    return float(auc(x, y) / fpr_limit)


def label_regions(masks: Bool[np.ndarray, "n h w"]) -> tuple[Int[np.ndarray, "n h w"], int]:
    """Number the 8-connected regions of all masks 1 .. K (0 is good); returns numbers and K."""
    numbers, count = ndimage.label(masks, structure=_NEIGHBOURS)
    return numbers, int(count)


def two_classes(
    labels: Labels | Masks, scores: Scores | Maps, label_name: str, score_name: str, ndim: int
) -> tuple[Bool[np.ndarray, ...], Float[np.ndarray, ...]]:
    """Labels as booleans and scores as floats, numpy arrays of one shape, of both classes.

    `ndim` is 1 for images, shape (n,), or 3 for pixels, shape (n, h, w). Raises `ValueError`, with
    the two names, for shapes that differ, empty input, labels other than 0 and 1, scores that are
    not finite, and labels of one class only, which it names.
    """
    classes, values = _to_numpy(labels), _to_numpy(scores)
    if classes.ndim != ndim or classes.shape != values.shape:
        shape = "(n,)" if ndim == 1 else "(n, h, w)"
        raise ValueError(
            f"{label_name} and {score_name} must have one shape {shape}, got {classes.shape} and "
            f"{values.shape}"
        )
    if not classes.size:
        raise ValueError(
            f"{label_name} and {score_name} are empty: pass at least one of each class"
        )
    strange = ~np.isin(classes, (0, 1))
    if strange.any():
        raise ValueError(
            f"{label_name} must be 0 (good) or 1 (anomalous), got {classes[strange].tolist()[0]}"
        )
    classes = classes.astype(bool)
    if not np.issubdtype(values.dtype, np.floating):
        values = values.astype(np.float64)
    wrong = int(np.count_nonzero(~np.isfinite(values)))
    if wrong:
        raise ValueError(
            f"{score_name} must be finite, found {wrong} NaN or infinite of {values.size}: "
            "look for a division by zero or a half-precision overflow before this call"
        )
    if classes.all() or not classes.any():
        only = "anomalous (1)" if classes.all() else "good (0)"
        raise ValueError(
            f"expected both classes in {label_name}, found only {only}: the figure is undefined; "
            "add samples of the other class"
        )
    return classes, values


def _to_numpy(array: np.ndarray | torch.Tensor) -> np.ndarray:
    if isinstance(array, torch.Tensor):
        array = array.detach().cpu().double().numpy()  # numpy has no bfloat16
    return np.asarray(array)
