"""Zero-shot detection on every product line of a dataset, as one table."""

from __future__ import annotations

from dataclasses import asdict

import pandas as pd
from tqdm.auto import tqdm

from promptad_tutorial.benchmark.test_set import FIGURES, TestSet
from promptad_tutorial.clip.loading import Backbone
from promptad_tutorial.datasets import Dataset, ProductLine
from promptad_tutorial.detectors.zero_shot import ZeroShot
from promptad_tutorial.scoring.metrics import Evaluation

MEAN = "mean"  # the name of the last row


def evaluate_zero_shot(
    backbone: Backbone, line: ProductLine, map_size: int = 240
) -> tuple[Evaluation, int, int]:
    """WinCLIP's ensemble on the labelled test samples of a product line, named as its folder.

    Returns the figures, in [0, 1], and how many good and anomalous pictures they are from. Masks
    are compared at `map_size` pixels a side; without masks the pixel-level figures are NaN.

    Raises ValueError if there are not both good and anomalous test samples.
    """
    test = TestSet.of(line, map_size, backbone.resize)
    features = backbone.encode_images(test.images, blocks=())
    scores = ZeroShot(backbone, line.name, map_size=map_size).score_features(features)
    return test.evaluate(scores), len(test.labels) - test.anomalous, test.anomalous


def zero_shot_table(backbone: Backbone, dataset: Dataset, map_size: int = 240) -> pd.DataFrame:
    """One row a product line and a last row "mean", with the backbone's label and checksum.

    Columns: product_line, `FIGURES` in %, good and anomalous (numbers of test pictures), backbone,
    checksum. The mean weighs every product line the same; its picture counts are totals.

    Raises what `evaluate_zero_shot` and the dataset's loader raise.
    """
    rows = []
    for name in tqdm(dataset.product_lines, desc="zero-shot", unit="line"):
        figures, good, bad = evaluate_zero_shot(backbone, dataset.load(name), map_size)
        percent = {key: 100 * value for key, value in asdict(figures).items()}
        rows.append({"product_line": name} | percent | {"good": good, "anomalous": bad})
    table = pd.DataFrame(rows, columns=["product_line", *FIGURES, "good", "anomalous"])
    # no mean over only those lines that have masks
    means = table[list(FIGURES)].mean(skipna=False)
    last = means.to_dict() | table[["good", "anomalous"]].sum().to_dict()
    table.loc[len(table)] = {"product_line": MEAN} | last
    table = table.astype({"good": int, "anomalous": int})
    return table.assign(backbone=backbone.label, checksum=backbone.checksum)
