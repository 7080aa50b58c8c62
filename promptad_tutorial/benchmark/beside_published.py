"""This run beside the published figures: the 12 settings of the paper, none shown that was not run.

A figure of this run stands beside a published one only where all categories of the real dataset
were measured with every seed; else the cell says what is missing.
"""

from __future__ import annotations

import pandas as pd

from promptad_tutorial.benchmark.published import FROM_MEMORY, as_words, published
from promptad_tutorial.benchmark.report import summary

NAMES = {"mvtec": "MVTec", "visa": "VisA"}  # --dataset -> as published.csv calls it
CATEGORIES = {
    "mvtec": (
        "bottle", "cable", "capsule", "carpet", "grid", "hazelnut", "leather", "metal_nut",
        "pill", "screw", "tile", "toothbrush", "transistor", "wood", "zipper",
    ),
    "visa": (
        "candle", "capsules", "cashew", "chewinggum", "fryum", "macaroni1", "macaroni2", "pcb1",
        "pcb2", "pcb3", "pcb4", "pipe_fryum",
    ),
}  # fmt: skip
FIGURE = {"image": "image_auroc", "pixel": "pixel_auroc"}
NOT_RUN = "not in this run"


def beside_published(table: pd.DataFrame, dataset: str, seeds: int) -> pd.DataFrame:
    """One row for each setting (dataset, level, shots) and published method, AUROC in %.

    Columns: dataset, level, shots, method, published, mark, this_run. `table` holds the rows that
    succeeded; `this_run` is filled for PromptAD and WinCLIP+ of `dataset`. Empty for a dataset
    without published figures.
    """
    columns = ["dataset", "level", "shots", "method", "published", "mark", "this_run"]
    if dataset not in NAMES:
        return pd.DataFrame(columns=columns)
    found = published()
    found["published"] = as_words(found).str.replace(f" {FROM_MEMORY}", "", regex=False)
    means = summary(table) if len(table) else pd.DataFrame()
    found["this_run"] = [
        _this_run(table, means, dataset, seeds, row) if row.dataset == NAMES[dataset] else NOT_RUN
        for row in found.itertuples()
    ]
    return found[columns]


def _this_run(
    table: pd.DataFrame, means: pd.DataFrame, dataset: str, seeds: int, row: object
) -> str:
    ours = {"PromptAD, paper": "PromptAD", "WinCLIP+": "WinCLIP+"}
    if row.method not in ours:
        return ""
    here = table["method"].str.startswith(ours[row.method]) if len(table) else []
    mine = table[here & (table["shots"] == row.shots)] if len(table) else table
    if mine.empty:
        return NOT_RUN
    there = set(mine["product_line"])
    other = there - set(CATEGORIES[dataset])
    if other:
        return f"other categories than those of {row.dataset}"
    figure = FIGURE[row.level]
    whole = len(CATEGORIES[dataset])
    complete = mine.dropna(subset=[figure]).groupby("product_line")["seed"].nunique()
    if int((complete == seeds).sum()) < whole:
        return f"{int((complete == seeds).sum())} of {whole} categories: not comparable"
    at = (means["method"] == mine["method"].iloc[0]) & (means["shots"] == row.shots)
    mean, std = means.loc[at, [f"{figure}_mean", f"{figure}_std"]].iloc[0]
    told = f"{mean:.1f}" + (f" ± {std:.1f}" if std == std else "")
    return f"{told}, TEST-SELECTED" if mine["test_selected"].any() else told
