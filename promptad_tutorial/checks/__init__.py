"""Exercises that check themselves: `checks.auroc(my_auroc)` says pass, or what to look at.

Each check takes the learner's function or answer and returns a `Verdict` of one line; the texts
of the exercises are in `EXERCISES`. The solutions are not here: the notebooks have them.
"""

from __future__ import annotations

from promptad_tutorial.checks.concatenation import negative_prompts, tree_nodes
from promptad_tutorial.checks.coop import learn_sides, two_class_loss
from promptad_tutorial.checks.exercises import EXERCISES, Exercise, exercise
from promptad_tutorial.checks.localisation import hot_patch, region_overlap, vv_attention
from promptad_tutorial.checks.start import count_by_defect, spot_the_defects
from promptad_tutorial.checks.verdict import Verdict
from promptad_tutorial.checks.zero_shot import auroc, cosine_similarity, ensemble_prototype

__all__ = [
    "EXERCISES",
    "Exercise",
    "Verdict",
    "auroc",
    "cosine_similarity",
    "count_by_defect",
    "ensemble_prototype",
    "exercise",
    "hot_patch",
    "learn_sides",
    "negative_prompts",
    "region_overlap",
    "spot_the_defects",
    "tree_nodes",
    "two_class_loss",
    "vv_attention",
]
