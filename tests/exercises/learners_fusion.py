"""What learners of notebook 06 hand in: right answers, and the wrong ones that are typical."""

from __future__ import annotations

import math
import statistics

import numpy as np
import torch


def memory_distance(tokens, memory):
    """Loops and plain numbers: the nearest token of each block, then the average."""
    result = []
    for p in range(tokens.shape[1]):
        total = 0.0
        for block in range(len(tokens)):
            cosines = [
                float(tokens[block, p] @ one / (tokens[block, p].norm() * one.norm()))
                for one in memory[block]
            ]
            total += (1 - max(cosines)) / 2
        result.append(total / len(tokens))
    return torch.tensor(result)


def _cosines(tokens, memory):
    return torch.nn.functional.cosine_similarity(tokens[:, :, None], memory[:, None], dim=-1)


def _unit(x, dim=-1):
    return x / x.norm(dim=dim, keepdim=True)


def fuse_harmonically(text, visual):
    found = [
        0.0 if a == 0 or b == 0 else 1 / (1 / a + 1 / b)
        for a, b in zip(text.flatten().tolist(), visual.flatten().tolist(), strict=True)
    ]
    return torch.tensor(found).reshape(text.shape)


def normal_threshold(scores, quantile):
    n = len(scores)
    spread = statistics.stdev(scores.tolist())
    return statistics.fmean(scores.tolist()) + quantile * spread * math.sqrt(1 + 1 / n)


SOLUTIONS = {
    "memory_distance": memory_distance,
    "fuse_harmonically": fuse_harmonically,
    "normal_threshold": normal_threshold,
}

# check -> a phrase of the hint that the mistake must get -> ways to make it
WRONG = {
    "memory_distance": {
        "not halved": [lambda t, m: (1 - _cosines(t, m).amax(-1)).mean(0)],
        "mean over everything stored": [lambda t, m: ((1 - _cosines(t, m)) / 2).mean((0, 2))],
        "the farthest": [lambda t, m: ((1 - _cosines(t, m)) / 2).amax(-1).mean(0)],
        "are not of length 1": [
            lambda t, m: ((1 - (t @ m.mT).amax(-1)) / 2).mean(0),
            lambda t, m: (
                ((1 - torch.einsum("bpw,bsw->bps", t, m).amax(-1)) / 2).mean(0).clamp(0, 1)
            ),
        ],
        "along the last axis": [
            lambda t, m: ((1 - (_unit(t, 1) @ _unit(m, 1).mT).amax(-1)) / 2).mean(0),
        ],
        "one block decides alone": [
            lambda t, m: ((1 - _cosines(t, m).amax(-1)) / 2).amax(0),
            lambda t, m: ((1 - _cosines(t, m).amax(-1)) / 2).amin(0),
            lambda t, m: ((1 - _cosines(t, m).amax(-1)) / 2)[0],
        ],
        "blocks are added up": [lambda t, m: ((1 - _cosines(t, m).amax(-1)) / 2).sum(0)],
        "this is a similarity": [
            lambda t, m: _cosines(t, m).amax(-1).mean(0),
            lambda t, m: 1 - memory_distance(t, m),
        ],
    },
    "fuse_harmonically": {
        "0 / 0 is not a number": [lambda a, b: (a * b).div(a.add(b))],
        "twice as much": [
            lambda a, b: 2 / (1 / a + 1 / b),
            lambda a, b: 2 * (a * b) / (a + b),
        ],
        "is not inverted back": [lambda a, b: a.reciprocal() + b.reciprocal()],
        "the other decides here": [
            lambda a, b: torch.where(a * b == 0, torch.maximum(a, b), 1 / (1 / a + 1 / b)),
        ],
        "arithmetic mean or sum": [
            lambda a, b: torch.stack([a, b]).mean(0),
            lambda a, b: torch.stack([a, b]).sum(0),
        ],
        "the smaller of the two": [lambda a, b: torch.stack([a, b]).amin(0)],
        "this is the product": [lambda a, b: torch.stack([a, b]).prod(0)],
        "must be tiny": [lambda a, b: 1 / (1 / (a + 0.01) + 1 / (b + 0.01))],
    },
    "normal_threshold": {
        "a whole population": [lambda x, q: x.mean() + q * np.std(x) * np.sqrt(1 + 1 / len(x))],
        "bound for the mean": [lambda x, q: x.mean() + q * x.std(ddof=1) / np.sqrt(len(x))],
        "is left out": [lambda x, q: x.mean() + q * x.std(ddof=1)],
        "square root of 1 + 1/n is missing": [
            lambda x, q: x.mean() + q * x.std(ddof=1) * (1 + 1 / len(x)),
        ],
        "the lower end": [lambda x, q: 2 * x.mean() - normal_threshold(x, q)],
        "the highest score": [lambda x, q: max(x.tolist())],
        "quantile is not used": [
            lambda x, q: normal_threshold(x, 1.0),
            lambda x, q: np.mean(x),
        ],
    },
}
