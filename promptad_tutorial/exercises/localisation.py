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

from promptad_tutorial.exercises.answers import kind_of, number_trouble
from promptad_tutorial.exercises.exercises import exercise
from promptad_tutorial.exercises.verdict import Task, Verdict, call, not_yet
from promptad_tutorial.scoring.metrics import label_regions

Tokens = Float[Tensor, "tokens width"]


def vv_attention(fn: object) -> Verdict:
    """`fn(v)`: softmax(v v^T / sqrt(width)) v of one head, (tokens, width) to the same shape."""
    generator = torch.Generator().manual_seed(4)
    return Task(
        exercise("vv_attention"),
        cases=[
            (0.7 * torch.randn(*size, generator=generator),) for size in ((5, 8), (9, 4), (6, 6))
        ],
        solution=lambda v: _mixed(v, v.shape[1] ** -0.5),
        mistakes={
            "no_scale": lambda v: _mixed(v, 1.0),
            "softmax_over_columns": lambda v: (v @ v.T / v.shape[1] ** 0.5).softmax(dim=0) @ v,
            "weights_alone": lambda v: (v @ v.T / v.shape[1] ** 0.5).softmax(dim=1),
            "scale_by_width": lambda v: _mixed(v, 1 / v.shape[1]),
            "scale_inverted": lambda v: _mixed(v, v.shape[1] ** 0.5),
            "scale_by_tokens": lambda v: _mixed(v, v.shape[0] ** -0.5),
            "no_softmax": lambda v: v @ v.T / v.shape[1] ** 0.5 @ v,
        },
    ).judge(fn)


def region_overlap(fn: object) -> Verdict:
    """`fn(mask, anomaly_map, threshold)`: the mean share of each region at or above a threshold.

    Arrays (h, w), bool and float in [0, 1], and a float to a float in [0, 1]. Regions are
    8-connected, as in `metrics.aupro`. Without a region: nan, or `ValueError`.
    """
    generator = np.random.default_rng(5)
    verdict = Task(
        exercise("region_overlap"),
        cases=[
            (*_regions(generator, *size), threshold)
            for size, threshold in (((8, 12), 0.5), ((14, 10), 0.625), ((16, 16), 0.375))
        ],
        solution=lambda mask, heat, t: float(np.mean(_shares(mask, heat >= t))),
        mistakes={
            "pooled": lambda mask, heat, t: (heat >= t)[mask].mean(),
            "intersection_over_union": lambda mask, heat, t: jaccard_score(
                mask.ravel(), (heat >= t).ravel()
            ),
            "strictly_above": lambda mask, heat, t: np.mean(_shares(mask, heat > t)),
            "corners_apart": lambda mask, heat, t: np.mean(_shares(mask, heat >= t, corners=False)),
            "best_region": lambda mask, heat, t: np.max(_shares(mask, heat >= t)),
        },
    ).judge(fn)
    return _without_region(fn, verdict) if verdict and callable(fn) else verdict


def hot_patch(fn: object) -> Verdict:
    """`fn(patch_scores, grid)`: (row, column), from 0, of the patch with the highest score.

    A tensor (h * w,), row by row, and (h, w).
    """
    generator = torch.Generator().manual_seed(6)
    return Task(
        exercise("hot_patch"),
        cases=[
            (torch.randperm(h * w, generator=generator) / (h * w), (h, w))
            for h, w in ((3, 5), (6, 4), (15, 15), (2, 9), (7, 3))
        ],
        solution=lambda scores, grid: divmod(int(scores.argmax()), grid[1]),
        mistakes={
            "swapped": lambda scores, grid: divmod(int(scores.argmax()), grid[1])[::-1],
            "flat_place": lambda scores, grid: int(scores.argmax()),
            "lowest": lambda scores, grid: divmod(int(scores.argmin()), grid[1]),
            "from_one": lambda scores, grid: [n + 1 for n in divmod(int(scores.argmax()), grid[1])],
            "height_for_width": lambda scores, grid: divmod(int(scores.argmax()), grid[0]),
        },
    ).judge(fn)


def _mixed(v: Tokens, scale: float) -> Tokens:
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
    output, error = call(fn, (np.zeros((4, 6), dtype=bool), np.full((4, 6), 0.5), 0.25))
    if isinstance(error, ValueError) or number_trouble(output, math.nan) is None:
        return passed
    found = kind_of(output) if error is None else type(error).__name__
    return not_yet(
        f"for a mask without a region your function gives {found}, expected nan or a ValueError",
        "a mean over no region is undefined: look at the number of regions before dividing by it.",
    )


def _regions(
    generator: np.random.Generator, height: int, width: int
) -> tuple[Bool[np.ndarray, "h w"], Float[np.ndarray, "h w"]]:
    """A mask of 2 x 2 blocks, some touching at corners only, and a map that partly finds them.

    The map goes in steps of 1/8, which floats hold exactly: pixels lie AT a threshold of such a
    step, and no rounding decides about them.
    """
    blocks = generator.random((height // 2, width // 2)) < 0.25
    blocks[:3, :3] = [[True, False, False], [False, True, False], [False, False, False]]
    mask = np.kron(blocks, np.ones((2, 2))).astype(bool)
    return mask, np.minimum(generator.integers(0, 8, mask.shape) + 2 * mask, 8) / 8
