"""Exercises that check themselves: `checks.auroc(my_auroc)` says pass, or what to look at.

Each check takes the learner's function or answer and returns a `Verdict` of one line. The texts
of the exercises, `EXERCISES`, and their hints are in `exercises.yaml`, which anybody may edit;
there is a module of checks for each notebook, from `start` (00) to `own_product` (08). The
solutions that learners are shown are not here: the notebooks have them. `series` is the index of
the notebooks. A name is loaded when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_CONTENTS = {  # module -> its names, in the order of the notebooks
    "start": ("spot_the_defects", "count_by_defect"),
    "zero_shot": ("cosine_similarity", "auroc", "ensemble_prototype"),
    "localisation": ("second_path", "control_of_values", "region_overlap"),
    "coop": ("two_class_loss", "learn_sides"),
    "concatenation": ("negative_prompts", "tree_nodes"),
    "margin": ("margin_loss", "idle_margin", "margin_gradient"),
    "fusion": ("memory_distance", "fuse_harmonically", "normal_threshold"),
    "honesty": ("paired_interval", "noise_optimism", "evaluate_run"),
    "own_product": ("split_good", "alarm_threshold", "good_pictures_needed"),
    "exercises": ("EXERCISES", "Exercise", "exercise"),
    "solutions": ("carry_on",),
    "verdict": ("Verdict",),
}
_HOMES = {name: module for module, names in _CONTENTS.items() for name in names}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Load a name from its module. AttributeError for what is not there."""
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
