"""The 12 settings of the paper: figures of others, and runs beside them; none that was not run.

2 datasets x 1, 2, 4 shots x image and pixel level. A figure of a run stands in a setting only where
all categories of the real dataset were measured with every seed; else its cell is empty, or says
what is incomplete.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from promptad_tutorial.benchmark.published import (
    PAPER,
    RERUN,
    SETTING,
    WINCLIP,
    as_words,
    published,
)
from promptad_tutorial.benchmark.report import summary
from promptad_tutorial.benchmark.settings import RELEASED

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
LEVELS, SHOTS = ("image", "pixel"), (1, 2, 4)
OTHERS = ("SPADE", "PaDiM", "PatchCore", WINCLIP, PAPER, RERUN)  # columns, of published.csv
OURS = ("PromptAD", WINCLIP)  # methods of a run that have a published counterpart


@dataclass(frozen=True)
class Part:
    """The successful rows of a run on one dataset, and how many tasks of each setting it has."""

    dataset: str  # "mvtec", "visa" or another, which has no published figures
    table: pd.DataFrame
    planned: Mapping[tuple[str, str, int], int]  # (category, method, shots): seeds


@dataclass(frozen=True)
class Cell:
    """One method of one run in one setting, AUROC in %."""

    mean: float | None = None  # over categories, then over seeds; None: nothing to compare
    std: float | None = None  # of the mean over categories, from seed to seed; None for one seed
    seeds: int = 0
    note: str = ""  # why there is no mean, where something was run

    def __str__(self) -> str:
        if self.mean is None:
            return self.note
        if self.std is None:
            return f"{self.mean:.1f} (one seed)"
        return f"{self.mean:.1f} ± {self.std:.1f} ({self.seeds} seeds)"


def settings_of_the_paper() -> list[tuple[str, str, int]]:
    """(dataset, level, shots) of the 12 settings."""
    return [(d, level, k) for d in NAMES.values() for level in LEVELS for k in SHOTS]


def figures_of_others() -> pd.DataFrame:
    """One row for each of the 12 settings, one column for each of OTHERS; text with its marks."""
    table = published()
    table = table[table["method"].isin(OTHERS)]
    wide = table.assign(words=as_words(table)).pivot(
        index=SETTING, columns="method", values="words"
    )
    return wide.loc[settings_of_the_paper(), list(OTHERS)]


def cell(parts: Sequence[Part], setting: tuple[str, str, int], method: str) -> Cell:
    """What the parts of a run have for a method in a setting; empty where they have nothing."""
    dataset, level, shots = setting
    for part in parts:
        if NAMES.get(part.dataset) == dataset:
            return _cell(part, level, shots, method)
    return Cell()


def _cell(part: Part, level: str, shots: int, method: str) -> Cell:
    methods = (method, RELEASED) if method == "PromptAD" else (method,)
    planned = {
        category: seeds
        for (category, name, k), seeds in part.planned.items()
        if name in methods and k == shots
    }
    if not planned:
        return Cell()
    wanted = CATEGORIES[part.dataset]
    other = sorted(set(planned) - set(wanted))
    if other:
        return Cell(note=f"not comparable: other categories ({', '.join(other)[:60]})")
    figure, seeds = FIGURE[level], max(planned.values())
    table = part.table
    mine = table[table["method"].isin(methods) & (table["shots"] == shots)].dropna(subset=[figure])
    whole = int((mine.groupby("product_line")["seed"].nunique() == seeds).sum())
    if whole < len(wanted):
        return Cell(note=f"incomplete: {whole} of {len(wanted)} categories")
    (means,) = summary(mine).itertuples()
    mean, std = getattr(means, f"{figure}_mean"), getattr(means, f"{figure}_std")
    return Cell(float(mean), None if std != std else float(std), seeds)
