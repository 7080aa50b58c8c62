"""Explorers: controls, a picture and a sentence that answer each other, in a live notebook."""

from __future__ import annotations

from promptad_tutorial.explorers.attention_explorer import AttentionExplorer
from promptad_tutorial.explorers.base import Explorer
from promptad_tutorial.explorers.fusion_explorer import BranchScores, FusionExplorer
from promptad_tutorial.explorers.margin_explorer import MarginExplorer
from promptad_tutorial.explorers.prompt_explorer import (
    LabelledFeatures,
    PromptExplorer,
    encode_test,
)
from promptad_tutorial.explorers.shot_explorer import DrawnLine, ShotExplorer, encode_draws
from promptad_tutorial.explorers.suffix_explorer import ShotFeatures, SuffixExplorer, encode_shots

__all__ = [
    "AttentionExplorer",
    "BranchScores",
    "DrawnLine",
    "Explorer",
    "FusionExplorer",
    "LabelledFeatures",
    "MarginExplorer",
    "PromptExplorer",
    "ShotExplorer",
    "ShotFeatures",
    "SuffixExplorer",
    "encode_draws",
    "encode_shots",
    "encode_test",
]
