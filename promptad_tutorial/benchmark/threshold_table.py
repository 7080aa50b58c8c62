"""Does the threshold keep its promise? Measured on the good and the anomalous test pictures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed

from promptad_tutorial.benchmark.progress import progress
from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.datasets import Dataset, draw_shots
from promptad_tutorial.detectors import PromptAD
from promptad_tutorial.learning.config import PromptADConfig


def threshold_table(
    load: Callable[[], Backbone],
    dataset: Dataset,
    shots: tuple[int, ...],
    seeds: tuple[int, ...],
    false_positive_rate: float,
    config: PromptADConfig | None = None,
    jobs: int = -1,
) -> pd.DataFrame:
    """One row a product line, number of shots and seed, rates in %.

    Columns: product_line, shots, seed, wanted (false alarms asked for), false_alarms (share of good
    test pictures above the threshold), found (share of anomalous ones), threshold, backbone,
    checksum. PromptAD is fitted and calibrated on the shots alone.
    """
    work = [(name, seed) for name in dataset.product_lines for seed in seeds]
    run = Parallel(n_jobs=jobs, return_as="generator")(
        delayed(_rows)(load, dataset, name, seed, shots, false_positive_rate, config)
        for name, seed in work
    )
    rows = [row for rows in progress("thresholds", "line and seed", len(work), run) for row in rows]
    return pd.DataFrame(rows)


def _rows(
    load: Callable[[], Backbone],
    dataset: Dataset,
    name: str,
    seed: int,
    shots: tuple[int, ...],
    rate: float,
    config: PromptADConfig | None,
) -> list[dict[str, object]]:
    backbone, line = load(), dataset.load(name, require_masks=False)
    labelled = [s for s in line.test if s.label is not None]
    anomalous = np.array([s.label == 1 for s in labelled])
    test = PromptAD(backbone, name, config).encode([s.image for s in labelled], test=True)
    rows = []
    for k in shots:
        pictures = [s.image for s in draw_shots(line.train, k, seed)]
        detector = PromptAD(backbone, name, config)
        detector.fit(pictures, torch.Generator().manual_seed(seed))
        detector.calibrate(pictures, rate, seed)
        assert detector.threshold is not None
        above = detector.score_features(test).image_scores > detector.threshold
        rows.append(
            {
                "product_line": name,
                "shots": k,
                "seed": seed,
                "wanted": 100 * rate,
                "false_alarms": 100 * above[~anomalous].mean(),
                "found": 100 * above[anomalous].mean(),
                "threshold": detector.threshold,
                "backbone": backbone.label,
                "checksum": backbone.checksum,
            }
        )
    return rows
