"""Random inputs for the checks: of any size, with the cases that tell mistakes apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from promptad_tutorial.datasets.samples import GOOD, Sample


def unit_rows(n: int, d: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
    """`n` random vectors of length 1."""
    return functional.normalize(torch.randn(n, d, generator=generator), dim=1)


def random_samples(generator: np.random.Generator, n: int) -> list[Sample]:
    """`n` >= 9 samples in random order, at least 3 good ones, 2 cracks, 2 dents and 2 stains."""
    defects = ("crack", "dent", "stain")
    extra = generator.choice((GOOD, GOOD, GOOD, *defects), size=n - 9).tolist()
    names = generator.permutation([GOOD, GOOD, GOOD, *defects, *defects, *extra]).tolist()
    return [
        Sample(Path(f"{place}.png"), int(name != GOOD), name) for place, name in enumerate(names)
    ]


def random_ranking(
    generator: np.random.Generator, n_normal: int, n_anomalous: int
) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Labels and scores in random order; scores in steps of 1/10, so that some are equal."""
    labels = generator.permutation(np.repeat([0, 1], [n_normal, n_anomalous]))
    scores = generator.integers(1, 8, size=len(labels)) + 2 * labels
    normal, anomalous = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)
    scores[anomalous[0]] = scores[normal[0]]  # one tie across the classes for certain
    return labels, scores / 10


def random_regions(
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
