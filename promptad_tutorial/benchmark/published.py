"""Figures that others published about PromptAD, and those of a run that may stand beside them.

The paper has 12 settings: 2 datasets x 1, 2, 4 shots x image and pixel level. A figure of a run
stands in one only where all categories of the real dataset were measured with every seed; else its
cell is empty, or says what is incomplete.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from promptad_tutorial.benchmark.report import summary
from promptad_tutorial.benchmark.settings import RELEASED

PAPER, RERUN, WINCLIP = "PromptAD, paper", "PromptAD, re-run by others", "WinCLIP+"
SETTING = ["dataset", "level", "shots"]
FROM_MEMORY = "[?]"  # the source quoted the figure from memory
FILE = Path(__file__).with_name("published.csv")
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
OTHERS = ("SPADE", "PaDiM", "PatchCore", WINCLIP, PAPER, RERUN)  # columns, of published.csv
OURS = ("PromptAD", WINCLIP)  # methods of a run that have a published counterpart


def published() -> pd.DataFrame:
    """AUROC in %, one row a method and setting: method, dataset, level, shots, low, high, mark.

    `low` and `high` differ where several re-runs were found. `mark` is empty, or says what to
    mind: `FROM_MEMORY`, or that re-runs chose their step on the test set. The figures of PromptAD
    and of the older methods are for real CLIP or other backbones, on MVTec AD and VisA: not
    measured here, and not comparable with what is.
    """
    return pd.read_csv(FILE, keep_default_na=False)


def as_words(table: pd.DataFrame) -> pd.Series:
    """Each figure as text: "91.9-92.7" for a range, with the mark of a figure from memory."""

    def words(row: pd.Series) -> str:
        span = f"{row.low:.1f}" if row.low == row.high else f"{row.low:.1f}-{row.high:.1f}"
        return f"{span} {FROM_MEMORY}" if row["mark"] == FROM_MEMORY else span

    return table.apply(words, axis=1)


def paper_beside_reruns(table: pd.DataFrame | None = None) -> pd.DataFrame:
    """One row for each of the 12 settings: paper, low and high of the re-runs, WinCLIP+.

    Indexed by dataset, level and shots; `short` is by how much the best re-run falls short of the
    paper, in points (negative if it is above).
    """
    table = published() if table is None else table
    rows = {name: part.set_index(SETTING) for name, part in table.groupby("method", sort=False)}
    found = pd.DataFrame(
        {
            "paper": rows[PAPER]["high"],
            "low": rows[RERUN]["low"],
            "high": rows[RERUN]["high"],
            "winclip": rows[WINCLIP]["high"],
        }
    )
    return found.assign(short=(found["paper"] - found["high"]).round(1))


def settings_of_the_paper() -> list[tuple[str, str, int]]:
    """(dataset, level, shots) of the 12 settings."""
    return [
        (d, level, k) for d in NAMES.values() for level in ("image", "pixel") for k in (1, 2, 4)
    ]


def figures_of_others() -> pd.DataFrame:
    """One row for each of the 12 settings, one column for each of OTHERS; text with its marks."""
    table = published()
    wide = table.assign(words=as_words(table)).pivot(
        index=SETTING, columns="method", values="words"
    )
    return wide.loc[settings_of_the_paper(), list(OTHERS)]


# --- figures of a run ---------------------------------------------------------------------------


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


def cell(parts: Sequence[Part], setting: tuple[str, str, int], method: str) -> Cell:
    """What the parts of a run have for a method in a setting; empty where they have nothing."""
    dataset, level, shots = setting
    methods = (method, RELEASED) if method == "PromptAD" else (method,)
    for part in parts:
        planned = {
            category: seeds
            for (category, name, k), seeds in part.planned.items()
            if name in methods and k == shots
        }
        if planned and NAMES.get(part.dataset) == dataset:
            break
    else:
        return Cell()
    wanted = CATEGORIES[part.dataset]
    other = sorted(set(planned) - set(wanted))
    if other:
        return Cell(note=f"not comparable: other categories ({', '.join(other)[:60]})")
    figure, seeds = f"{level}_auroc", max(planned.values())
    table = part.table
    mine = table[table["method"].isin(methods) & (table["shots"] == shots)].dropna(subset=[figure])
    whole = int((mine.groupby("product_line")["seed"].nunique() == seeds).sum())
    if whole < len(wanted):
        return Cell(note=f"incomplete: {whole} of {len(wanted)} categories")
    (means,) = summary(mine).itertuples()
    mean, std = getattr(means, f"{figure}_mean"), getattr(means, f"{figure}_std")
    return Cell(float(mean), None if std != std else float(std), seeds)
