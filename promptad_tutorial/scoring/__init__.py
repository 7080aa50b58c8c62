"""Features to scores: text score, visual memory, fusion, maps, threshold and metrics.

    features (b, d), (b, H*W, d), (blocks, b, H*W, width)   ->  text_score, memory   one score each
    text and visual scores                                  ->  fusion               one score
    patch scores (b, H*W)                                   ->  maps                 (b, size, size)
    image scores of good pictures (k,)                      ->  threshold            a number
    labels and scores, masks and maps                       ->  metrics              in [0, 1]

All scores lie in [0, 1], higher is more anomalous. Nothing here knows how prompts were learnt.
"""

from promptad_tutorial.scoring.fusion import harmonic_fusion
from promptad_tutorial.scoring.maps import SIGMA, Scores, anomaly_maps, highest_of_map
from promptad_tutorial.scoring.text_score import exact_text_score, prototype, text_score

__all__ = [
    "SIGMA",
    "Scores",
    "anomaly_maps",
    "exact_text_score",
    "harmonic_fusion",
    "highest_of_map",
    "prototype",
    "text_score",
]
