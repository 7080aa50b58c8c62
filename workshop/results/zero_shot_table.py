"""Zero-shot detection on every product line of a dataset, as one table."""

from __future__ import annotations

import pandas as pd
from tqdm.auto import tqdm

from promptad_tutorial.benchmark.measure import measure
from promptad_tutorial.benchmark.methods import chosen, ladder
from promptad_tutorial.benchmark.test_set import FIGURES, TestSet
from promptad_tutorial.clip.loading import Backbone
from promptad_tutorial.datasets import Dataset, ProductLine
from promptad_tutorial.detectors import Detector

MEAN = "mean"  # the name of the last row


def zero_shot_table(backbone: Backbone, dataset: Dataset, map_size: int = 240) -> pd.DataFrame:
    """One row a product line and a last row "mean", with the backbone's label and checksum.

    Columns: product_line, `FIGURES` in %, good and anomalous (numbers of test pictures), backbone,
    checksum. The mean weighs every product line the same; its picture counts are totals. Without
    masks the pixel-level figures are NaN, and so are their means.

    Raises what the dataset's loader raises, and ValueError for a line without good and anomalous
    test pictures.
    """
    (method,) = chosen(ladder(), ["zero-shot"])
    rows = []
    names = dataset.product_lines
    for name in tqdm(names, desc="zero-shot", unit="line"):
        line = dataset.load(name)
        test = TestSet.of(line, map_size, backbone.resize)
        row = measure(method, backbone, line, test, 0, 0, _test_alone).row
        counts = {"good": len(test.labels) - test.anomalous, "anomalous": test.anomalous}
        rows.append({"product_line": name} | {figure: row[figure] for figure in FIGURES} | counts)
    table = pd.DataFrame(rows)
    # no mean over only those lines that have masks
    means = table[list(FIGURES)].mean(skipna=False)
    last = means.to_dict() | table[["good", "anomalous"]].sum().to_dict()
    table.loc[len(table)] = {"product_line": MEAN} | last
    table = table.astype({"good": int, "anomalous": int})
    return table.assign(backbone=backbone.label, checksum=backbone.checksum)


def _test_alone(detector: Detector, line: ProductLine, test: TestSet) -> tuple:
    return (), detector.encode(test.images, test=True)
