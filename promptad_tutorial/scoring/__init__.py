"""Features to scores: text score, visual memory, fusion, maps, threshold and metrics."""

from promptad_tutorial.scoring.scores import (
    SIGMA,
    Scores,
    anomaly_maps,
    harmonic_fusion,
    prototype,
    text_score,
)

__all__ = ["SIGMA", "Scores", "anomaly_maps", "harmonic_fusion", "prototype", "text_score"]
