"""Drawing the k shots: which images a few-shot detector sees."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from promptad_tutorial.datasets.listing import path_key
from promptad_tutorial.datasets.samples import Sample


def draw_shots(samples: Sequence[Sample], shots: int, seed: int) -> tuple[Sample, ...]:
    """Draw `shots` good samples; the same seed gives the same samples on every machine.

    This mends trap 6 of method.md section 4. The released code keeps its shots as indices into an
    unsorted directory listing, so they are other images on another file system, and it makes one
    draw per k, so a step from 1 to 2 shots changes the images as well as their number. Here the
    samples are sorted by name and shuffled once per seed, and the shots are the first k: the draws
    of one seed are nested (1 in 2 in 4), and the order of `samples` does not matter.

    Returns the shots in drawing order: `draw_shots(s, 4, seed)[:2] == draw_shots(s, 2, seed)`.

    Raises `ValueError` for fewer than one or more shots than samples, a negative seed, or a sample
    that is not good.
    """
    if not 1 <= shots <= len(samples):
        raise ValueError(
            f"shots must be between 1 and the {len(samples)} samples there are, got {shots}"
        )
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, got {seed}")
    wrong = [s for s in samples if s.label != 0]
    if wrong:
        raise ValueError(
            f"shots are drawn from good samples, found defect {wrong[0].defect!r} at "
            f"{wrong[0].image}: pass the training samples"
        )
    ordered = sorted(samples, key=lambda s: path_key(s.image))
    # Shuffle by one random number per sample. numpy promises that the raw numbers of a bit
    # generator stay the same in every version, which it does not for Generator.permutation.
    numbers = np.random.PCG64(seed).random_raw(len(ordered))
    order = np.argsort(numbers, kind="stable")
    return tuple(ordered[i] for i in order[:shots])
