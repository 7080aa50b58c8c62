"""PromptAD, taught and built from its parts: few-shot visual anomaly detection with CLIP.

    from promptad_tutorial import PromptAD, draw_shots, load_backbone, open_dataset

    line = open_dataset("data/minifactory").load("leather")
    shots = [sample.image for sample in draw_shots(line.train, 4, seed=0)]
    detector = PromptAD(load_backbone("tiny"), "leather").fit(shots)
    scores = detector.score([sample.image for sample in line.test])

The rooms follow the way of the data: files and datasets (pictures, masks, shots), clip (a frozen
CLIP), prompts, learning (losses, one loop), scoring (text score, memory, fusion, maps, threshold,
metrics), detectors (all of it behind `fit` and `score`). Around them: figures, explorers,
exercises, benchmark, commands. The names below are loaded when they are first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {
    "BackboneError": "clip.loading",
    "CoOp": "detectors",
    "PromptAD": "detectors",
    "PromptADConfig": "learning.config",
    "VisualMemory": "detectors",
    "WinCLIP": "detectors",
    "ZeroShot": "detectors",
    "backbone_from_environment": "clip.loading",
    "check_environment": "commands.environment",
    "dataset_from_environment": "datasets",
    "draw_shots": "datasets",
    "load_backbone": "clip.loading",
    "open_dataset": "datasets",
}
_MODULES = {"checks": "exercises", "series": "exercises.series"}  # as the notebooks call them

__all__ = sorted([*_HOMES, *_MODULES])


def __getattr__(name: str) -> Any:
    """Load a name from its room. AttributeError for what is not there."""
    if name in _MODULES:
        return import_module(f"{__name__}.{_MODULES[name]}")
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
