"""Trap 5 as the released code has it: each level keeps the step that is best on the TEST set."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from promptad_tutorial.clip.image_tower import ImageFeatures
from promptad_tutorial.detectors import PromptAD
from promptad_tutorial.scoring.metrics import image_auroc, pixel_auroc


def fit_with_test_selection(
    detector: PromptAD,
    shots: ImageFeatures,
    test: ImageFeatures,
    labels: Int[np.ndarray, " n"],
    masks: Bool[np.ndarray, "n s s"] | None = None,
    generator: torch.Generator | None = None,
) -> PromptAD:
    """Fit `detector`, look at the test labels after every step, and keep the best of all looks.

    What one must not do: the figure is then a maximum over as many looks as there are steps. Two
    choices are made, as by two trainings (traps 5 and 17): prompts of the image level are those of
    the step with the best image AUROC, prompts of the pixel level, separately, those of the step
    with the best pixel AUROC; of equal steps the first. `masks` are at the size of the maps;
    without them the pixel level keeps its last step. Returns the detector itself.
    """
    best: dict[str, tuple[float, dict[str, Tensor]]] = {}
    visual: Float[Tensor, "n patches"] | None = None

    def look(step: int) -> None:
        nonlocal visual
        visual = detector.visual_score(test) if visual is None else visual  # it never learns
        scores = detector.score_features(test, visual)
        reached = {"image": image_auroc(labels, scores.image_scores)}
        if masks is not None:
            reached["pixel"] = pixel_auroc(masks, scores.anomaly_maps)
        for level, value in reached.items():
            if value > best.get(level, (-math.inf, {}))[0]:
                found = detector.state().items()
                best[level] = value, {k: v.clone() for k, v in found if k.startswith(f"{level}.")}

    detector.fit_features(shots, generator, look)
    for _, kept in best.values():
        detector.restore(detector.state() | kept)
    return detector
