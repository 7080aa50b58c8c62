"""Does the threshold keep its promise? Measured on the good and the anomalous test pictures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.datasets import Dataset, draw_shots
from promptad_tutorial.detectors import PromptAD
from promptad_tutorial.learning.config import PromptADConfig
from promptad_tutorial.scoring.threshold import threshold_from_normal_scores


def threshold_table(
    load: Callable[[], Backbone],
    dataset: Dataset,
    shots: tuple[int, ...],
    seeds: tuple[int, ...],
    false_positive_rate: float,
    config: PromptADConfig | None = None,
    jobs: int = -1,
) -> pd.DataFrame:
    """One row for each product line, method of `threshold`, number of shots and seed; rates in %.

    Columns: product_line, method, shots, seed, wanted (false alarms asked for), false_alarms (share
    of good test pictures above the threshold), found (share of anomalous ones), threshold,
    backbone, checksum. PromptAD is fitted and calibrated on the shots alone. Of the conformal
    method the rate asked for is raised to 1/(k+1) where k shots cannot promise less; one shot has
    no conformal threshold.
    """
    work = [(name, seed) for name in dataset.product_lines for seed in seeds]
    run = Parallel(n_jobs=jobs, return_as="generator")(
        delayed(_rows)(load, dataset, name, seed, shots, false_positive_rate, config)
        for name, seed in work
    )
    bar = tqdm(run, total=len(work), desc="thresholds", unit="line and seed")
    rows = [row for rows in bar for row in rows]
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
        scores = detector.score_features(test).image_scores
        detector.calibrate(pictures, rate, seed)
        promise = detector.promise
        assert detector.threshold is not None and promise is not None
        thresholds = {("student", rate): detector.threshold}
        attainable = max(rate, 1 / (len(promise.scores) + 1))
        if not promise.variations:
            found = threshold_from_normal_scores(promise.scores, attainable, "conformal")
            thresholds["conformal", attainable] = found
        for (method, wanted), threshold in thresholds.items():
            above = scores > threshold
            rows.append(
                {
                    "product_line": name,
                    "method": method,
                    "shots": k,
                    "seed": seed,
                    "wanted": 100 * wanted,
                    "false_alarms": 100 * above[~anomalous].mean(),
                    "found": 100 * above[anomalous].mean(),
                    "threshold": threshold,
                    "backbone": backbone.label,
                    "checksum": backbone.checksum,
                }
            )
    return rows
