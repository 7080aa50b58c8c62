"""The exercises of notebook 01: compare pictures with words, and judge the ranking."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch.nn import functional

from promptad_tutorial.exercises.exercises import exercise
from promptad_tutorial.exercises.verdict import Task, Verdict
from promptad_tutorial.scoring import prototype
from promptad_tutorial.scoring.metrics import average_precision, image_auroc


def cosine_similarity(fn: object) -> Verdict:
    """`fn(a, b)`: (n, d) and (m, d) to (n, m), the cosine of every row of a with every one of b."""
    generator, unit = torch.Generator().manual_seed(1), functional.normalize
    return Task(
        exercise("cosine_similarity"),
        cases=[
            (torch.randn(n, d, generator=generator), torch.randn(m, d, generator=generator))
            for n, m, d in ((3, 5, 4), (6, 2, 7), (4, 4, 4), (1, 8, 16))
        ],
        solution=lambda a, b: unit(a) @ unit(b).T,
        mistakes={
            "dot_product": lambda a, b: a @ b.T,
            "wrong_axis": lambda a, b: unit(a, dim=0) @ unit(b, dim=0).T,
            "swapped": lambda a, b: unit(b) @ unit(a).T,
            "one_normalised": (lambda a, b: unit(a) @ b.T, lambda a, b: a @ unit(b).T),
            "distance": (
                lambda a, b: torch.cdist(a, b),
                lambda a, b: torch.cdist(a, b) ** 2,
                lambda a, b: torch.cdist(unit(a), unit(b)),
                lambda a, b: torch.cdist(unit(a), unit(b)) ** 2,
            ),
        },
    ).judge(fn)


def auroc(fn: object) -> Verdict:
    """`fn(labels, scores)`: arrays (n,), labels 0 or 1, to P(anomalous score > normal score).

    Ties count one half.
    """
    generator = np.random.default_rng(2)
    return Task(
        exercise("auroc"),
        cases=[_ranking(generator, *sizes) for sizes in ((6, 4), (3, 12), (15, 10), (1, 5))],
        solution=image_auroc,
        mistakes={
            "ties_as_nothing": lambda y, scores: np.mean(_gaps(y, scores) > 0),
            "ties_as_full": lambda y, scores: np.mean(_gaps(y, scores) >= 0),
            "inverted": (
                lambda y, scores: 1 - image_auroc(y, scores),
                lambda y, scores: np.mean(_gaps(y, scores) < 0),
                lambda y, scores: np.mean(_gaps(y, scores) <= 0),
            ),
            "accuracy": (
                lambda y, scores: np.mean((scores > 0.5) == (y == 1)),
                lambda y, scores: np.mean((scores >= 0.5) == (y == 1)),
            ),
            "percent": lambda y, scores: 100 * image_auroc(y, scores),
            "average_precision": average_precision,
            "pair_count": lambda y, scores: image_auroc(y, scores) * _gaps(y, scores).size,
        },
    ).judge(fn)


def ensemble_prototype(fn: object) -> Verdict:
    """`fn(features)`: rows (n, d) of length 1 to the direction (d,) of their mean, of length 1."""
    generator, unit = torch.Generator().manual_seed(3), functional.normalize
    return Task(
        exercise("ensemble_prototype"),
        cases=[
            (unit(torch.randn(n, d, generator=generator) + 0.5),)
            for n, d in ((7, 5), (4, 9), (6, 6))
        ],
        solution=prototype,
        mistakes={
            "mean_without_length": lambda x: x.mean(dim=0),
            "over_channels": (lambda x: x.mean(dim=1), lambda x: unit(x.mean(dim=1), dim=0)),
            "median": (
                lambda x: x.median(dim=0).values,
                lambda x: unit(x.median(dim=0).values, dim=0),
                lambda x: x.quantile(0.5, dim=0),
                lambda x: unit(x.quantile(0.5, dim=0), dim=0),
            ),
            "first_prompt": lambda x: x[0],
            "sum": lambda x: x.sum(dim=0),
        },
    ).judge(fn)


def _gaps(
    labels: Int[np.ndarray, " n"], scores: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "anomalous normal"]:
    """Every anomalous score minus every normal one."""
    return scores[labels == 1][:, None] - scores[labels == 0][None, :]


def _ranking(
    generator: np.random.Generator, n_normal: int, n_anomalous: int
) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Labels and scores in random order; scores in steps of 1/10, so that some are equal."""
    labels = generator.permutation(np.repeat([0, 1], [n_normal, n_anomalous]))
    scores = generator.integers(1, 8, size=len(labels)) + 2 * labels
    normal, anomalous = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)
    scores[anomalous[0]] = scores[normal[0]]  # one tie across the classes for certain
    return labels, scores / 10
