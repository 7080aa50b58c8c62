"""Explorers: controls, a picture and a sentence that answer each other, in a live notebook."""

from __future__ import annotations

from promptad_tutorial.explorers.attention_explorer import AttentionExplorer
from promptad_tutorial.explorers.base import Explorer
from promptad_tutorial.explorers.prompt_explorer import (
    LabelledFeatures,
    PromptExplorer,
    encode_test,
)
from promptad_tutorial.explorers.suffix_explorer import ShotFeatures, SuffixExplorer, encode_shots

__all__ = [
    "AttentionExplorer",
    "Explorer",
    "LabelledFeatures",
    "PromptExplorer",
    "ShotFeatures",
    "SuffixExplorer",
    "encode_shots",
    "encode_test",
]
