"""The exercises of notebook 02: where in the picture the defect is, and how well it is marked."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy import ndimage
from sklearn.metrics import jaccard_score
from torch import Tensor
from torch.nn import functional

from promptad_tutorial.exercises.answers import (
    kind_of,
    number_trouble,
    pair_trouble,
    tensor_trouble,
)
from promptad_tutorial.exercises.inputs import random_regions
from promptad_tutorial.exercises.verdict import (
    Task,
    Verdict,
    call,
    check_function,
    mistake,
    not_yet,
)
from promptad_tutorial.scoring.metrics import label_regions


def vv_attention(fn: object) -> Verdict:
    """softmax(v v^T / sqrt(width)) v of one head. Difficulty 2 of 3, 10 minutes.

    `fn(v)`: a tensor (tokens, width) to a tensor (tokens, width).
    """
    generator = torch.Generator().manual_seed(4)
    task = Task(
        inputs=("v",),
        cases=tuple(
            (0.7 * torch.randn(tokens, width, generator=generator),)
            for tokens, width in ((5, 8), (9, 4), (6, 6))
        ),
        solution=lambda v: _mixed(v, v.shape[1] ** -0.5),
        trouble=tensor_trouble,
        mistakes=(
            mistake(
                "the scale is missing: divide v @ v.T by the square root of the width.",
                lambda v: _mixed(v, 1.0),
            ),
            mistake(
                "the weights of each token must add up to 1: softmax over the last axis, dim=-1.",
                lambda v: _weights(v, v.shape[1] ** -0.5, dim=0) @ v,
            ),
            mistake(
                "these are the weights: multiply them with v to mix the values.",
                lambda v: _weights(v, v.shape[1] ** -0.5),
            ),
            mistake(
                "the scale divides by the width: divide by its square root.",
                lambda v: _mixed(v, 1 / v.shape[1]),
            ),
            mistake(
                "the scale multiplies by the square root of the width: divide by it.",
                lambda v: _mixed(v, v.shape[1] ** 0.5),
            ),
            mistake(
                "the scale takes the number of tokens: the width is v.shape[-1].",
                lambda v: _mixed(v, v.shape[0] ** -0.5),
            ),
            mistake(
                "the softmax is missing: the weights must be positive and add up to 1.",
                lambda v: v @ v.T / v.shape[1] ** 0.5 @ v,
            ),
        ),
        hint="scores = v @ v.T over the square root of the width, weights = softmax of the scores "
        "over the last axis, result = weights @ v.",
    )
    return check_function(fn, task)


def region_overlap(fn: object) -> Verdict:
    """The mean share of each region at or above a threshold. Difficulty 3 of 3, 20 minutes.

    `fn(mask, anomaly_map, threshold)`: numpy arrays (h, w), bool and float in [0, 1], and a float
    to a float in [0, 1]. Regions are 8-connected, as in `metrics.aupro`. Without a region: nan,
    or `ValueError`.
    """
    generator = np.random.default_rng(5)
    task = Task(
        inputs=("mask", "anomaly_map", "threshold"),
        cases=tuple(
            (*random_regions(generator, *size), threshold)
            for size, threshold in (((8, 12), 0.5), ((14, 10), 0.625), ((16, 16), 0.375))
        ),
        solution=lambda mask, heat, t: float(np.mean(_shares(mask, heat >= t))),
        trouble=number_trouble,
        mistakes=(
            mistake(
                "this pools the pixels of all regions, so large regions drown small ones: take "
                "the share region by region, then the mean.",
                lambda mask, heat, t: float((heat >= t)[mask].mean()),
            ),
            mistake(
                "this is the intersection over union: false alarms outside do not count here, "
                "only the share of each region that is found.",
                lambda mask, heat, t: jaccard_score(mask.ravel(), (heat >= t).ravel()),
            ),
            mistake(
                "a pixel exactly at the threshold is found too: use >=, not >.",
                lambda mask, heat, t: float(np.mean(_shares(mask, heat > t))),
            ),
            mistake(
                "pixels that touch at a corner belong to one region: "
                "ndimage.label(mask, structure=np.ones((3, 3))).",
                lambda mask, heat, t: float(np.mean(_shares(mask, heat >= t, corners=False))),
            ),
            mistake(
                "this is the best region alone: take the mean over the regions.",
                lambda mask, heat, t: float(np.max(_shares(mask, heat >= t))),
            ),
        ),
        hint="number the regions with ndimage.label(mask, structure=np.ones((3, 3))), take the "
        "mean of (anomaly_map >= threshold) inside each, then the mean of those.",
    )
    verdict = check_function(fn, task)
    return _without_region(fn, verdict) if verdict and callable(fn) else verdict


def hot_patch(fn: object) -> Verdict:
    """Row and column of the patch with the highest score. Difficulty 1 of 3, 6 minutes.

    `fn(patch_scores, grid)`: a tensor (h * w,), row by row, and (h, w) to (row, column), from 0.
    """
    generator = torch.Generator().manual_seed(6)
    task = Task(
        inputs=("patch_scores", "grid"),
        cases=tuple(
            (torch.randperm(h * w, generator=generator) / (h * w), (h, w))
            for h, w in ((3, 5), (6, 4), (15, 15), (2, 9), (7, 3))
        ),
        solution=lambda scores, grid: divmod(int(scores.argmax()), grid[1]),
        trouble=pair_trouble,
        mistakes=(
            mistake(
                "row and column are swapped: the row comes first.",
                lambda scores, grid: divmod(int(scores.argmax()), grid[1])[::-1],
            ),
            mistake(
                "this is the place in the flat list: the row is place // w, the column place % w.",
                lambda scores, grid: int(scores.argmax()),
            ),
            mistake(
                "this is the lowest patch: high scores are anomalous, so take argmax.",
                lambda scores, grid: divmod(int(scores.argmin()), grid[1]),
            ),
            mistake(
                "both numbers are one too high: the first row and the first column are 0.",
                lambda scores, grid: [n + 1 for n in divmod(int(scores.argmax()), grid[1])],
            ),
            mistake(
                "a row holds w patches, not h: divide by the width, grid[1].",
                lambda scores, grid: divmod(int(scores.argmax()), grid[0]),
            ),
        ),
        hint="take argmax of the flat list; the row is how many full rows of w fit before it, the "
        "column is the rest.",
    )
    return check_function(fn, task)


def _weights(
    v: Float[Tensor, "tokens width"], scale: float, dim: int = -1
) -> Float[Tensor, "tokens tokens"]:
    return (v @ v.T * scale).softmax(dim=dim)


def _mixed(v: Float[Tensor, "tokens width"], scale: float) -> Float[Tensor, "tokens width"]:
    """softmax(v v^T * scale) v."""
    return functional.scaled_dot_product_attention(v[None], v[None], v[None], scale=scale)[0]


def _shares(
    mask: Bool[np.ndarray, "h w"], hot: Bool[np.ndarray, "h w"], corners: bool = True
) -> list[float]:
    """The share of hot pixels in each region."""
    numbers, count = ndimage.label(mask)
    if corners:
        (numbers,), count = label_regions(mask[None])
    return [float(hot[numbers == k].mean()) for k in range(1, count + 1)]


def _without_region(fn: Callable[..., Any], passed: Verdict) -> Verdict:
    """Of a function that is right otherwise: does it say that a mean of nothing is undefined?"""
    outcome = call(fn, (np.zeros((4, 6), dtype=bool), np.full((4, 6), 0.5), 0.25))
    if isinstance(outcome.error, ValueError) or number_trouble(outcome.output, math.nan) is None:
        return passed
    found = kind_of(outcome.output) if outcome.error is None else type(outcome.error).__name__
    return not_yet(
        f"for a mask without a region your function gives {found}, expected nan or a ValueError",
        "a mean over no region is undefined: look at the number of regions before dividing by it.",
    )
