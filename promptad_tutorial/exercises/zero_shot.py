"""The exercises of notebook 01: compare pictures with words, and judge the ranking."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch.nn import functional

from promptad_tutorial.exercises.answers import number_trouble, tensor_trouble
from promptad_tutorial.exercises.inputs import random_ranking
from promptad_tutorial.exercises.verdict import Task, Verdict, check_function, mistake
from promptad_tutorial.scoring.metrics import average_precision, image_auroc
from promptad_tutorial.scoring.scores import prototype


def cosine_similarity(fn: object) -> Verdict:
    """Cosine similarity of all rows of a with all rows of b. Difficulty 1 of 3, 8 minutes.

    `fn(a, b)`: tensors (n, d) and (m, d) to a tensor (n, m) in [-1, 1].
    """
    generator = torch.Generator().manual_seed(1)
    sizes = ((3, 5, 4), (6, 2, 7), (4, 4, 4), (1, 8, 16))
    unit = functional.normalize
    task = Task(
        inputs=("a", "b"),
        cases=tuple(
            (torch.randn(n, d, generator=generator), torch.randn(m, d, generator=generator))
            for n, m, d in sizes
        ),
        solution=lambda a, b: unit(a, dim=1) @ unit(b, dim=1).T,
        trouble=tensor_trouble,
        mistakes=(
            mistake(
                "this is the plain dot product: divide by the lengths of both vectors.",
                lambda a, b: a @ b.T,
            ),
            mistake(
                "the rows are the vectors, so take the length along the last axis: dim=-1, not 0.",
                lambda a, b: unit(a, dim=0) @ unit(b, dim=0).T,
            ),
            mistake(
                "rows and columns are swapped: a gives the rows, so a stands on the left, a @ b.T.",
                lambda a, b: unit(b, dim=1) @ unit(a, dim=1).T,
            ),
            mistake(
                "only one of the two is brought to length 1: do the same with the other.",
                lambda a, b: unit(a, dim=1) @ b.T,
                lambda a, b: a @ unit(b, dim=1).T,
            ),
            mistake(
                "this is a distance, small for similar vectors: a similarity is a product, large "
                "for similar ones.",
                lambda a, b: torch.cdist(a, b),
                lambda a, b: torch.cdist(a, b) ** 2,
                lambda a, b: torch.cdist(unit(a, dim=1), unit(b, dim=1)),
                lambda a, b: torch.cdist(unit(a, dim=1), unit(b, dim=1)) ** 2,
            ),
        ),
        hint="divide every row of a and of b by its length, then multiply: a @ b.T.",
    )
    return check_function(fn, task)


def auroc(fn: object) -> Verdict:
    """P(score of an anomalous > score of a normal), ties one half. Difficulty 2 of 3, 12 minutes.

    `fn(labels, scores)`: numpy arrays (n,), labels 0 or 1 and scores in [0, 1], to a float in
    [0, 1].
    """
    generator = np.random.default_rng(2)
    task = Task(
        inputs=("labels", "scores"),
        cases=tuple(
            random_ranking(generator, *sizes) for sizes in ((6, 4), (3, 12), (15, 10), (1, 5))
        ),
        solution=image_auroc,
        trouble=number_trouble,
        mistakes=(
            mistake(
                "pairs with equal scores count as nothing here: let them count one half.",
                lambda labels, scores: float(np.mean(_gaps(labels, scores) > 0)),
            ),
            mistake(
                "pairs with equal scores count as full here: let them count one half.",
                lambda labels, scores: float(np.mean(_gaps(labels, scores) >= 0)),
            ),
            mistake(
                "the ranking is turned round: count the pairs in which the ANOMALOUS score is "
                "higher.",
                lambda labels, scores: 1 - image_auroc(labels, scores),
                lambda labels, scores: float(np.mean(_gaps(labels, scores) < 0)),
                lambda labels, scores: float(np.mean(_gaps(labels, scores) <= 0)),
            ),
            mistake(
                "this is the accuracy at the threshold 0.5: AUROC has no threshold, it compares "
                "pairs of scores.",
                lambda labels, scores: float(np.mean((scores > 0.5) == (labels == 1))),
                lambda labels, scores: float(np.mean((scores >= 0.5) == (labels == 1))),
            ),
            mistake(
                "this is in percent: return a share from 0 to 1.",
                lambda labels, scores: 100 * image_auroc(labels, scores),
            ),
            mistake(
                "this is the average precision: count pairs of one anomalous and one normal.",
                lambda labels, scores: average_precision(labels, scores),
            ),
            mistake(
                "this is the number of pairs: divide by how many pairs there are in all.",
                lambda labels, scores: image_auroc(labels, scores) * _gaps(labels, scores).size,
            ),
        ),
        hint="split the scores with labels == 1 and labels == 0, subtract every normal score from "
        "every anomalous one, and average 1 for positive, 0.5 for zero, 0 for negative.",
    )
    return check_function(fn, task)


def ensemble_prototype(fn: object) -> Verdict:
    """The unit-norm mean of prompt features. Difficulty 1 of 3, 6 minutes.

    `fn(features)`: a tensor (n, d) of unit-norm rows to a tensor (d,) of length 1.
    """
    generator = torch.Generator().manual_seed(3)
    task = Task(
        inputs=("features",),
        cases=tuple(
            (functional.normalize(torch.randn(n, d, generator=generator) + 0.5, dim=1),)
            for n, d in ((7, 5), (4, 9), (6, 6))
        ),
        solution=prototype,
        trouble=tensor_trouble,
        mistakes=(
            mistake(
                "this is the mean, and a mean of unit vectors is shorter than 1: divide it by its "
                "length.",
                lambda features: features.mean(dim=0),
            ),
            mistake(
                "the mean runs over the numbers of each prompt: average over the prompts, dim=0.",
                lambda features: features.mean(dim=1),
                lambda features: functional.normalize(features.mean(dim=1), dim=0),
            ),
            mistake(
                "this is the median of each number: take the mean.",
                lambda features: features.median(dim=0).values,
                lambda features: functional.normalize(features.median(dim=0).values, dim=0),
                lambda features: features.quantile(0.5, dim=0),
                lambda features: functional.normalize(features.quantile(0.5, dim=0), dim=0),
            ),
            mistake(
                "this is the first prompt alone: all of them have a say.",
                lambda features: features[0],
            ),
            mistake(
                "this is the sum, which grows with the number of prompts: divide it by its length.",
                lambda features: features.sum(dim=0),
            ),
        ),
        hint="take the mean over dim=0, then divide it by its norm.",
    )
    return check_function(fn, task)


def _gaps(
    labels: Int[np.ndarray, " n"], scores: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "anomalous normal"]:
    """Every anomalous score minus every normal one."""
    return scores[labels == 1][:, None] - scores[labels == 0][None, :]
