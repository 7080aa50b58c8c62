"""Explorers: controls, a picture and a sentence that answer each other, in a live notebook.

    lines = {line.name: encode_test(backbone, line) for line in loaded}
    explorer = PromptExplorer(backbone, lines)
    explorer                              # the last line of a cell shows it
    explorer.temperature.value = 20       # as a hand on the slider does
    print(explorer.status.value)          # the sentence

Prompts (01), attention (02), suffixes (04), margin (05), fusion (06) and shots (06) have one
each. `encode_test`, `encode_shots` and `encode_draws` turn pictures into what they take; `base` has
what they share, `saving` what a saved notebook keeps of them. A name is loaded when it is first
asked for: Jupyter's server imports this package for `saving` alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_CONTENTS = {
    "base": ("Explorer",),
    "encoded": (
        *("DrawnLine", "LabelledFeatures", "ShotFeatures"),
        *("encode_draws", "encode_shots", "encode_test"),
    ),
    "prompt_explorer": ("PromptExplorer",),
    "attention_explorer": ("AttentionExplorer",),
    "suffix_explorer": ("SuffixExplorer",),
    "margin_explorer": ("MarginExplorer",),
    "fusion_explorer": ("BranchScores", "FusionExplorer"),
    "shot_explorer": ("ShotExplorer",),
}
_HOMES = {name: module for module, names in _CONTENTS.items() for name in names}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Load an explorer from its module. AttributeError for what is not there."""
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
