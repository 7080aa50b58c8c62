"""The exercises of notebook 01: compare pictures with words, and judge the ranking."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch.nn import functional

from promptad_tutorial.exercises.answers import number_trouble, tensor_trouble
from promptad_tutorial.exercises.exercises import exercise
from promptad_tutorial.exercises.inputs import random_ranking
from promptad_tutorial.exercises.verdict import Task, Verdict
from promptad_tutorial.scoring import prototype
from promptad_tutorial.scoring.metrics import average_precision, image_auroc


def cosine_similarity(fn: object) -> Verdict:
    """Cosine similarity of all rows of a with all rows of b.

    `fn(a, b)`: tensors (n, d) and (m, d) to a tensor (n, m) in [-1, 1].
    """
    generator = torch.Generator().manual_seed(1)
    sizes = ((3, 5, 4), (6, 2, 7), (4, 4, 4), (1, 8, 16))
    unit = functional.normalize
    return Task(
        exercise("cosine_similarity"),
        cases=tuple(
            (torch.randn(n, d, generator=generator), torch.randn(m, d, generator=generator))
            for n, m, d in sizes
        ),
        solution=lambda a, b: unit(a, dim=1) @ unit(b, dim=1).T,
        trouble=tensor_trouble,
        mistakes={
            "dot_product": lambda a, b: a @ b.T,
            "wrong_axis": lambda a, b: unit(a, dim=0) @ unit(b, dim=0).T,
            "swapped": lambda a, b: unit(b, dim=1) @ unit(a, dim=1).T,
            "one_normalised": (
                lambda a, b: unit(a, dim=1) @ b.T,
                lambda a, b: a @ unit(b, dim=1).T,
            ),
            "distance": (
                lambda a, b: torch.cdist(a, b),
                lambda a, b: torch.cdist(a, b) ** 2,
                lambda a, b: torch.cdist(unit(a, dim=1), unit(b, dim=1)),
                lambda a, b: torch.cdist(unit(a, dim=1), unit(b, dim=1)) ** 2,
            ),
        },
    ).judge(fn)


def auroc(fn: object) -> Verdict:
    """P(score of an anomalous > score of a normal), ties one half.

    `fn(labels, scores)`: numpy arrays (n,), labels 0 or 1 and scores in [0, 1], to a float in
    [0, 1].
    """
    generator = np.random.default_rng(2)
    return Task(
        exercise("auroc"),
        cases=tuple(
            random_ranking(generator, *sizes) for sizes in ((6, 4), (3, 12), (15, 10), (1, 5))
        ),
        solution=image_auroc,
        trouble=number_trouble,
        mistakes={
            "ties_as_nothing": lambda labels, scores: np.mean(_gaps(labels, scores) > 0),
            "ties_as_full": lambda labels, scores: np.mean(_gaps(labels, scores) >= 0),
            "inverted": (
                lambda labels, scores: 1 - image_auroc(labels, scores),
                lambda labels, scores: np.mean(_gaps(labels, scores) < 0),
                lambda labels, scores: np.mean(_gaps(labels, scores) <= 0),
            ),
            "accuracy": (
                lambda labels, scores: np.mean((scores > 0.5) == (labels == 1)),
                lambda labels, scores: np.mean((scores >= 0.5) == (labels == 1)),
            ),
            "percent": lambda labels, scores: 100 * image_auroc(labels, scores),
            "average_precision": lambda labels, scores: average_precision(labels, scores),
            "pair_count": lambda labels, scores: (
                image_auroc(labels, scores) * _gaps(labels, scores).size
            ),
        },
    ).judge(fn)


def ensemble_prototype(fn: object) -> Verdict:
    """The unit-norm mean of prompt features.

    `fn(features)`: a tensor (n, d) of unit-norm rows to a tensor (d,) of length 1.
    """
    generator = torch.Generator().manual_seed(3)
    return Task(
        exercise("ensemble_prototype"),
        cases=tuple(
            (functional.normalize(torch.randn(n, d, generator=generator) + 0.5, dim=1),)
            for n, d in ((7, 5), (4, 9), (6, 6))
        ),
        solution=prototype,
        trouble=tensor_trouble,
        mistakes={
            "mean_without_length": lambda features: features.mean(dim=0),
            "over_channels": (
                lambda features: features.mean(dim=1),
                lambda features: functional.normalize(features.mean(dim=1), dim=0),
            ),
            "median": (
                lambda features: features.median(dim=0).values,
                lambda features: functional.normalize(features.median(dim=0).values, dim=0),
                lambda features: features.quantile(0.5, dim=0),
                lambda features: functional.normalize(features.quantile(0.5, dim=0), dim=0),
            ),
            "first_prompt": lambda features: features[0],
            "sum": lambda features: features.sum(dim=0),
        },
    ).judge(fn)


def _gaps(
    labels: Int[np.ndarray, " n"], scores: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "anomalous normal"]:
    """Every anomalous score minus every normal one."""
    return scores[labels == 1][:, None] - scores[labels == 0][None, :]
