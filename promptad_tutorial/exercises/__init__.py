"""Exercises that check themselves: `checks.auroc(my_auroc)` says pass, or what to look at.

Each check takes the learner's function or answer and returns a `Verdict` of one line; the texts
of the exercises are in `EXERCISES`. The solutions are not here: the notebooks have them.
"""

from __future__ import annotations

from promptad_tutorial.exercises.carry_on import carry_on
from promptad_tutorial.exercises.concatenation import negative_prompts, tree_nodes
from promptad_tutorial.exercises.coop import learn_sides, two_class_loss
from promptad_tutorial.exercises.exercises import EXERCISES, Exercise, exercise
from promptad_tutorial.exercises.fusion import fuse_harmonically, memory_distance, normal_threshold
from promptad_tutorial.exercises.honesty import evaluate_run, noise_optimism, paired_interval
from promptad_tutorial.exercises.localisation import hot_patch, region_overlap, vv_attention
from promptad_tutorial.exercises.margin import idle_margin, margin_gradient, margin_loss
from promptad_tutorial.exercises.own_product import (
    alarm_threshold,
    good_pictures_needed,
    split_good,
)
from promptad_tutorial.exercises.start import count_by_defect, spot_the_defects
from promptad_tutorial.exercises.verdict import Verdict
from promptad_tutorial.exercises.zero_shot import auroc, cosine_similarity, ensemble_prototype

__all__ = [
    "EXERCISES",
    "Exercise",
    "Verdict",
    "alarm_threshold",
    "auroc",
    "carry_on",
    "cosine_similarity",
    "count_by_defect",
    "ensemble_prototype",
    "evaluate_run",
    "exercise",
    "fuse_harmonically",
    "good_pictures_needed",
    "hot_patch",
    "idle_margin",
    "learn_sides",
    "margin_gradient",
    "margin_loss",
    "memory_distance",
    "negative_prompts",
    "noise_optimism",
    "normal_threshold",
    "paired_interval",
    "region_overlap",
    "split_good",
    "spot_the_defects",
    "tree_nodes",
    "two_class_loss",
    "vv_attention",
]
