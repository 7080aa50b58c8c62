"""Figures that others published about PromptAD: not measured here, and not comparable with ours."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

PAPER, RERUN, WINCLIP = "PromptAD, paper", "PromptAD, re-run by others", "WinCLIP+"
SETTING = ["dataset", "level", "shots"]
FROM_MEMORY = "[?]"  # the source quoted the figure from memory
FILE = Path(__file__).with_name("published.csv")


def published() -> pd.DataFrame:
    """AUROC in %, one row a method and setting: method, dataset, level, shots, low, high, mark.

    `low` and `high` differ where several re-runs were found. `mark` is empty, or says what to
    mind: `FROM_MEMORY`, or that re-runs chose their step on the test set. The figures of PromptAD
    and of the older methods are for real CLIP or other backbones, on MVTec AD and VisA.
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
