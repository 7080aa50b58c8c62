"""Pictures with words: each function returns an `Illustration`, which a notebook shows."""

from __future__ import annotations

from promptad_tutorial.figures.attention import (
    AttentionShares,
    attention_picture,
    attention_shares,
)
from promptad_tutorial.figures.curves import roc_curve, score_histogram
from promptad_tutorial.figures.illustration import Illustration, blank_figure
from promptad_tutorial.figures.map_panels import gallery, panels, side_by_side_maps
from promptad_tutorial.figures.similarity import similarity_bars, similarity_matrix

__all__ = [
    "AttentionShares",
    "Illustration",
    "attention_picture",
    "attention_shares",
    "blank_figure",
    "gallery",
    "panels",
    "roc_curve",
    "score_histogram",
    "side_by_side_maps",
    "similarity_bars",
    "similarity_matrix",
]
