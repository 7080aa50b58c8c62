"""What learners hand in: for each check one right answer and the wrong ones that are typical.

Written apart from the package: loops and other libraries, so that the two can disagree.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from skimage.measure import label
from sklearn.metrics import accuracy_score, average_precision_score, roc_auc_score
from torch.nn import functional

from tests.exercises import (
    learners_concatenation,
    learners_coop,
    learners_fusion,
    learners_honesty,
    learners_margin,
    learners_own_product,
)


def count_by_defect(samples):
    counts = {}
    for sample in samples:
        counts[sample.defect] = counts.get(sample.defect, 0) + 1
    return counts


def cosine_similarity(a, b):
    return functional.cosine_similarity(a[:, None, :], b[None, :, :], dim=-1)


def auroc(labels, scores):
    points = 0.0
    for anomalous in scores[labels == 1]:
        for normal in scores[labels == 0]:
            points += 1.0 if anomalous > normal else 0.5 if anomalous == normal else 0.0
    return points / ((labels == 1).sum() * (labels == 0).sum())


def ensemble_prototype(features):
    total = sum(features)
    return total / math.sqrt(sum(float(x) ** 2 for x in total))


def vv_attention(v):
    rows = []
    for i in range(len(v)):
        scores = torch.stack([v[i] @ v[j] / math.sqrt(v.shape[1]) for j in range(len(v))])
        weights = scores.exp() / scores.exp().sum()
        rows.append(sum(weights[j] * v[j] for j in range(len(v))))
    return torch.stack(rows)


def region_overlap(mask, anomaly_map, threshold, connectivity=2, reduce=np.mean, strict=False):
    numbers = label(mask, connectivity=connectivity)
    if numbers.max() == 0:
        raise ValueError("no region")
    hot = anomaly_map > threshold if strict else anomaly_map >= threshold
    return reduce([hot[numbers == k].mean() for k in range(1, numbers.max() + 1)])


def hot_patch(patch_scores, grid):
    rows = patch_scores.reshape(grid)
    return int(rows.max(dim=1).values.argmax()), int(rows.max(dim=0).values.argmax())


SOLUTIONS: dict[str, Callable[..., Any]] = {
    each.__name__: each
    for each in (
        count_by_defect,
        cosine_similarity,
        auroc,
        ensemble_prototype,
        vv_attention,
        region_overlap,
        hot_patch,
    )
}


def _pairs(labels, scores):
    return [(a, n) for a in scores[labels == 1] for n in scores[labels == 0]]


def _groups(samples):
    groups = defaultdict(list)
    for sample in samples:
        groups[sample.defect].append(sample)
    return groups


def _rows(x):
    return x / x.norm(dim=1, keepdim=True)


def _columns(x):
    return x / x.norm(dim=0, keepdim=True)


def _softmax_mix(v, scale, dim=1):
    return torch.softmax((v @ v.T) * scale, dim=dim) @ v


def _pooled(mask, heat, t):
    return (heat[mask] >= t).sum() / mask.sum()


def _intersection_over_union(mask, heat, t):
    return np.logical_and(mask, heat >= t).sum() / np.logical_or(mask, heat >= t).sum()


# check -> a phrase of the hint that the mistake must get -> ways to make it
WRONG: dict[str, dict[str, list[Callable[..., Any]]]] = {
    "count_by_defect": {
        "good samples are samples too": [
            lambda samples: Counter(s.defect for s in samples if s.defect != "good"),
        ],
        "every count is 1": [lambda samples: dict.fromkeys((s.defect for s in samples), 1)],
        "under one name": [
            lambda samples: {"defect": len(samples)},
            lambda samples: {samples[-1].defect: len(samples)},
        ],
        "counts of the labels": [
            lambda samples: Counter(s.label for s in samples),
            lambda samples: Counter("anomalous" if s.label else "good" for s in samples),
        ],
        "take its length": [_groups],
        "a list cannot be asked": [
            lambda samples: list(count_by_defect(samples).items()),
            lambda samples: list(count_by_defect(samples).values()),
            lambda samples: [s.defect for s in samples],
        ],
    },
    "cosine_similarity": {
        "plain dot product": [lambda a, b: torch.einsum("nd,md->nm", a, b)],
        "along the last axis": [lambda a, b: _columns(a) @ _columns(b).T],
        "rows and columns are swapped": [lambda a, b: cosine_similarity(b, a)],
        "only one of the two": [
            lambda a, b: _rows(a) @ b.T,
            lambda a, b: a @ _rows(b).T,
        ],
        "this is a distance": [
            lambda a, b: (a[:, None] - b[None]).norm(dim=-1),
            lambda a, b: (_rows(a)[:, None] - _rows(b)[None]).norm(dim=-1),
            lambda a, b: ((a[:, None] - b[None]) ** 2).sum(dim=-1),
        ],
    },
    "auroc": {
        "count as nothing": [lambda y, s: sum(a > n for a, n in _pairs(y, s)) / len(_pairs(y, s))],
        "count as full": [lambda y, s: sum(a >= n for a, n in _pairs(y, s)) / len(_pairs(y, s))],
        "inverted": [
            lambda y, s: roc_auc_score(1 - y, s),
            lambda y, s: sum(n > a for a, n in _pairs(y, s)) / len(_pairs(y, s)),
        ],
        "accuracy at the threshold": [
            lambda y, s: accuracy_score(y, s > 0.5),
            lambda y, s: accuracy_score(y, s >= 0.5),
        ],
        "in percent": [lambda y, s: roc_auc_score(y, s) * 100],
        "average precision": [average_precision_score],
        "number of pairs": [
            lambda y, s: sum((a > n) + 0.5 * (a == n) for a, n in _pairs(y, s)),
        ],
    },
    "ensemble_prototype": {
        "this is the mean": [lambda x: x.mean(0)],
        "average over the prompts": [
            lambda x: x.mean(1),
            lambda x: x.mean(1) / x.mean(1).norm(),
        ],
        "this is the median": [
            lambda x: torch.from_numpy(np.median(x.numpy(), axis=0)),
            lambda x: x.median(0).values / x.median(0).values.norm(),
        ],
        "the first prompt alone": [lambda x: x[0]],
        "this is the sum": [lambda x: x.sum(0)],
    },
    "vv_attention": {
        "the scale is missing": [lambda v: _softmax_mix(v, 1)],
        "softmax over the last axis": [lambda v: _softmax_mix(v, v.shape[1] ** -0.5, dim=0)],
        "these are the weights": [lambda v: torch.softmax(v @ v.T / math.sqrt(v.shape[1]), dim=1)],
        "divides by the width": [lambda v: _softmax_mix(v, 1 / v.shape[1])],
        "multiplies by the square root": [lambda v: _softmax_mix(v, v.shape[1] ** 0.5)],
        "takes the number of tokens": [lambda v: _softmax_mix(v, len(v) ** -0.5)],
        "softmax is missing": [lambda v: (v @ v.T / math.sqrt(v.shape[1])) @ v],
    },
    "region_overlap": {
        "pools the pixels": [_pooled],
        "intersection over union": [_intersection_over_union],
        "use >=, not >": [lambda *inputs: region_overlap(*inputs, strict=True)],
        "touch at a corner": [lambda *inputs: region_overlap(*inputs, connectivity=1)],
        "best region alone": [lambda *inputs: region_overlap(*inputs, reduce=np.max)],
        "mean over no region": [
            lambda mask, *more: region_overlap(mask, *more) if mask.any() else 0.0,
            lambda mask, *more: region_overlap(mask, *more) if mask.any() else 1 / 0,
            lambda mask, *more: region_overlap(mask, *more) if mask.any() else None,
        ],
    },
    "hot_patch": {
        "row and column are swapped": [lambda x, grid: hot_patch(x, grid)[::-1]],
        "the place in the flat list": [
            lambda x, grid: x.argmax(),
            lambda x, grid: x.tolist().index(max(x.tolist())),
        ],
        "the lowest patch": [lambda x, grid: hot_patch(-x, grid)],
        "one too high": [lambda x, grid: tuple(n + 1 for n in hot_patch(x, grid))],
        "not h": [lambda x, grid: hot_patch(x, grid[::-1])],
    },
}

for _notebook in (
    learners_coop,
    learners_concatenation,
    learners_margin,
    learners_fusion,
    learners_honesty,
    learners_own_product,
):
    SOLUTIONS |= _notebook.SOLUTIONS
    WRONG |= _notebook.WRONG
