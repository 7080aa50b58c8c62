"""Drawing the k shots: which images a few-shot detector sees."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from promptad_tutorial.datasets.samples import Sample
from promptad_tutorial.files.listing import path_key


def draw_shots(samples: Sequence[Sample], shots: int, seed: int) -> tuple[Sample, ...]:
    """Draw `shots` good samples; the same seed gives the same samples on every machine.

    This fixes trap 6 of method.md section 4. The released code keeps its shots as indices into an
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


def draw_unsorted_shots(samples: Sequence[Sample], shots: int, seed: int) -> tuple[Sample, ...]:
    """Trap 6 of method section 4, to measure it: one draw per k from the file system's own order.

    The listing is that of `os.scandir`, which differs between machines, and these shots are not
    nested. Raises `ValueError` as `draw_shots` does.
    """
    draw_shots(samples, shots, seed)  # for its checks
    folders = {s.image.parent for s in samples}
    listed = {Path(e.path): i for f in folders for i, e in enumerate(os.scandir(f))}
    ordered = sorted(samples, key=lambda s: (listed[s.image], str(s.image.parent)))
    places = np.random.default_rng([seed, shots]).choice(len(ordered), shots, replace=False)
    return tuple(ordered[i] for i in places)
