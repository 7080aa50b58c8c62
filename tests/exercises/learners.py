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


def second_path(blocks, tokens, kind, own=False, mlp=False, norm=True, out=True, root=None):
    """Head by head and token by token."""
    second = tokens.clone()
    for block in blocks:
        seen = second if own else tokens
        x = block.ln_1(seen) if norm else seen
        weight, bias = block.attn.in_proj_weight, block.attn.in_proj_bias
        stacked = dict(zip("qkv", (x @ weight.T + bias).chunk(3, dim=-1), strict=True))
        width = tokens.shape[-1] // block.attn.num_heads
        mixed = torch.zeros_like(tokens)
        for h in range(block.attn.num_heads):
            part = {name: one[..., h * width : (h + 1) * width] for name, one in stacked.items()}
            for i in range(tokens.shape[1]):
                scores = (part[kind[0]][:, i, None] * part[kind[-1]]).sum(-1) / (root or width**0.5)
                mixed[:, i, h * width : (h + 1) * width] = (
                    torch.softmax(scores, dim=1)[..., None] * part["v"]
                ).sum(1)
        second = second + (block.attn.out_proj(mixed) if out else mixed)
        if mlp:
            second = second + block.mlp(block.ln_2(second))
        tokens = block(tokens)
    return second


def _stuck(blocks, tokens, kind):
    return tokens + sum(second_path([block], tokens, kind) - tokens for block in blocks)


def _ahead(blocks, tokens, kind):
    second, x = tokens, tokens
    for block in blocks:
        x = block(x)
        second = second + second_path([block], x, kind) - x
    return second


def _untouched(blocks, tokens, kind):
    for block in blocks:
        tokens = block(tokens)
    return tokens


def _last_alone(blocks, tokens, kind):
    before = _untouched(blocks[:-1], tokens, kind)
    return tokens + second_path(blocks[-1:], before, kind) - before


def region_overlap(mask, anomaly_map, threshold, connectivity=2, reduce=np.mean, strict=False):
    numbers = label(mask, connectivity=connectivity)
    if numbers.max() == 0:
        raise ValueError("no region")
    hot = anomaly_map > threshold if strict else anomaly_map >= threshold
    return reduce([hot[numbers == k].mean() for k in range(1, numbers.max() + 1)])


SOLUTIONS: dict[str, Callable[..., Any]] = {
    each.__name__: each
    for each in (
        count_by_defect,
        cosine_similarity,
        auroc,
        ensemble_prototype,
        second_path,
        region_overlap,
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
    "second_path": {
        "this is the untouched path": [_untouched],
        "the MLP is part": [lambda *inputs: second_path(*inputs, mlp=True)],
        "looks at the second path itself": [lambda *inputs: second_path(*inputs, own=True)],
        "sees the tokens of the first": [_stuck],
        "one block ahead": [_ahead],
        "starts from 0": [lambda b, x, kind: second_path(b, x, kind) - x],
        "only the last block": [_last_alone],
        "letters make no difference": [
            lambda b, x, kind: second_path(b, x, "v-v"),
            lambda b, x, kind: second_path(b, x, "q-k"),
        ],
        "the norm is missing": [lambda *inputs: second_path(*inputs, norm=False)],
        "output projection is missing": [lambda *inputs: second_path(*inputs, out=False)],
        "the scale is missing": [lambda *inputs: second_path(*inputs, root=1.0)],
        "all heads together": [
            lambda b, x, kind: second_path(b, x, kind, root=math.sqrt(x.shape[-1])),
        ],
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
