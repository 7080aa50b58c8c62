"""Trap 5 in the open: what PromptAD scores after every step, and what choosing a step is worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.clip.image_tower import ImageFeatures
from promptad_tutorial.detectors import PromptAD
from promptad_tutorial.learning.config import PromptADConfig
from promptad_tutorial.scoring.memory import remember, visual_score


def scores_after_every_step(
    backbone: Backbone,
    name: str,
    shots: ImageFeatures,
    test: ImageFeatures,
    seed: int,
    config: PromptADConfig | None = None,
) -> Float[np.ndarray, "steps n"]:
    """Image scores of the test pictures after each step of one training of PromptAD.

    The last row is what `PromptAD.fit_features` ends with. The visual score is computed once: the
    memory does not learn. `config` must use the memory; by default the paper's settings.

    Raises ValueError for a configuration without memory, or without a step.
    """
    detector = PromptAD(backbone, name, config)
    config = detector.config
    if not config.use_memory or not config.steps:
        raise ValueError(
            f"expected a configuration with memory and at least one step, got use_memory = "
            f"{config.use_memory} and {config.steps} steps"
        )
    visual = visual_score(test.blocks, remember(shots)).cpu().double()
    rows: list[Float[np.ndarray, " n"]] = []
    detector.fit_features(
        shots,
        torch.Generator().manual_seed(seed),
        after_step=lambda step: rows.append(detector.score_features(test, visual).image_scores),
    )
    return np.stack(rows)


@dataclass(frozen=True)
class Halves:
    """A step chosen on one half of the test pictures, and measured on the other: AUROC in [0, 1].

    Each is a mean over random halves.
    """

    chosen: float  # of the chosen step, on the half that chose it
    fresh: float  # of the chosen step, on the half that did not
    last: float  # of the last step, on the half that did not choose


def choose_on_half(
    scores: Float[np.ndarray, "steps n"],
    labels: Int[np.ndarray, " n"],
    repeats: int = 50,
    generator: np.random.Generator | None = None,
) -> Halves:
    """Split the test pictures into random halves, `repeats` times, and choose on one of them.

    Each half has half of the good and half of the anomalous pictures. Of equal steps the first is
    chosen. Raises ValueError for fewer than two pictures of a class.
    """
    generator = generator or np.random.default_rng(0)
    kinds = [np.flatnonzero(labels == kind) for kind in (0, 1)]
    if min(map(len, kinds)) < 2:
        raise ValueError(
            "expected two good and two anomalous pictures or more, one for each half, got "
            f"{len(kinds[0])} and {len(kinds[1])}"
        )
    good, bad = kinds
    pairs = scores[:, bad, None] - scores[:, None, good]
    wins = (pairs > 0) + 0.5 * (pairs == 0)  # the AUROC is the mean over pairs
    found = []
    for _ in range(repeats):
        rows, columns = (generator.permutation(len(kind)) for kind in (bad, good))
        a, g = len(bad) // 2, len(good) // 2
        here = wins[:, rows[:a]][:, :, columns[:g]].mean(axis=(1, 2))
        there = wins[:, rows[a:]][:, :, columns[g:]].mean(axis=(1, 2))
        best = int(np.argmax(here))
        found.append((here[best], there[best], there[-1]))
    return Halves(*(float(value) for value in np.mean(found, axis=0)))
