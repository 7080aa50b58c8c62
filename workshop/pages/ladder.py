"""The ladder's tables, as far as README and its picture quote them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from promptad_tutorial.clip.tinyclip import checksum

ROOT = Path(__file__).resolve().parents[2]
# results/told holds the tables of weights that had been told about defects; while those are the
# shipped ones, its tables are the ones to quote.
FOLDERS = ("results/told", "results/ladder")
SHOTS = 4  # of all figures that are quoted


@dataclass(frozen=True)
class Ladder:
    """What the ladder measured with the shipped weights."""

    folder: str  # from the repository's root
    rows: pd.DataFrame  # one fit each
    summary: pd.DataFrame  # means over product lines, and their spread from draw to draw
    paired: pd.DataFrame  # differences of two methods on the same lines, shots and seeds

    @classmethod
    def read(cls, root: Path = ROOT) -> Ladder:
        """The tables that were measured with the shipped weights; ValueError if there are none."""
        for folder in FOLDERS:
            note = root / folder / "ladder.json"
            if note.is_file() and json.loads(note.read_text())["checksum"] == checksum():
                names = ("ladder", "ladder_summary", "ladder_paired")
                return cls(folder, *(pd.read_csv(root / folder / f"{name}.csv") for name in names))
        raise ValueError(
            f"expected a ladder measured with the shipped weights in {', '.join(FOLDERS)}, found "
            "none: run python -m workshop ladder"
        )

    def mean(self, method: str, figure: str = "image_auroc") -> tuple[float, float]:
        """Mean and spread of a method at `SHOTS` shots; zero-shot has no shots and spread NaN."""
        found = self.summary[self.summary["method"] == method]
        found = found[found["shots"].isin((0, SHOTS))]
        return found[f"{figure}_mean"].item(), found[f"{figure}_std"].item()

    def difference(self, method: str, against: str) -> tuple[float, float, float]:
        """Paired difference in image AUROC at `SHOTS` shots, and its 95 % interval over lines."""
        table = self.paired
        found = table[
            (table["method"] == method)
            & (table["against"] == against)
            & (table["shots"] == SHOTS)
            & (table["figure"] == "image_auroc")
        ]
        return tuple(found[name].item() for name in ("difference", "low", "high"))

    def middle_line(self, method: str = "PromptAD") -> str:
        """The product line with the median image AUROC; of an even number the better middle one."""
        found = self.rows[(self.rows["method"] == method) & (self.rows["shots"] == SHOTS)]
        means = found.groupby("product_line")["image_auroc"].mean().sort_values(kind="stable")
        return str(means.index[len(means) // 2])
