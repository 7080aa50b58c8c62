"""From many rows to what can be said: means over seeds, and paired differences."""

from __future__ import annotations

import numpy as np
import pandas as pd

from promptad_tutorial.benchmark.sample_size import half_width
from promptad_tutorial.benchmark.test_set import FIGURES


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Mean over product lines, then mean and standard deviation over seeds, in %.

    Columns: method, shots, seeds, lines, and `<figure>_mean` and `<figure>_std` of each figure. The
    standard deviation is that of the mean over lines from seed to seed; NaN for a single seed.
    Where a line has no figure (it has no masks), there is no mean either: it would be one over
    other lines.
    """
    by_seed = whole_means(table, ["method", "shots", "seed"])
    grouped = by_seed.groupby(["method", "shots"], sort=False)
    found = grouped.agg(["mean", "std"])
    found.columns = [f"{figure}_{what}" for figure, what in found.columns]
    counts = table.groupby(["method", "shots"], sort=False).agg(
        seeds=("seed", "nunique"), lines=("product_line", "nunique")
    )
    return counts.join(found).reset_index()


def whole_means(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Mean of every figure in each group; NaN where one of the group's figures is NaN."""
    grouped = table.groupby(by, sort=False)[list(FIGURES)]
    return grouped.mean().where(grouped.count().eq(grouped.size(), axis=0))


def paired_differences(
    table: pd.DataFrame, pairs: list[tuple[str, str]], figure: str = "image_auroc"
) -> pd.DataFrame:
    """What one method is worth over another on the same lines, shots and seeds, in points.

    For each pair (method, against) and number of shots: per product line the mean difference over
    seeds; then the mean over lines with a 95% t-interval over lines, which is what varies.
    A method without shots (zero-shot) stands beside every number of shots. Columns: method,
    against, shots, difference, low, high, lines, better (lines on which the method is ahead).
    """
    values = table.set_index(["method", "product_line", "shots", "seed"])[figure]
    rows = []
    for method, against in pairs:
        mine, other = values.loc[method], values.loc[against]
        for shots in sorted({s for _, s, _ in (*mine.index, *other.index)} - {0}):
            by_line = pd.concat(
                [_at(mine, shots), _at(other, shots)], axis=1, keys=["mine", "other"]
            ).dropna()
            if by_line.empty:
                continue
            difference = (by_line["mine"] - by_line["other"]).to_numpy()
            low, high = _interval(difference)
            rows.append(
                {
                    "method": method,
                    "against": against,
                    "shots": shots,
                    "difference": difference.mean(),
                    "low": low,
                    "high": high,
                    "lines": len(difference),
                    "better": int((difference > 0).sum()),
                }
            )
    return pd.DataFrame(rows)


def paired_table(table: pd.DataFrame, pairs: list[tuple[str, str]]) -> pd.DataFrame:
    """The paired differences of image and pixel AUROC, told apart by a last column `figure`.

    Without masks there are none of the pixel level.
    """
    both = {name: paired_differences(table, pairs, name) for name in ("image_auroc", "pixel_auroc")}
    found = [one.assign(figure=name) for name, one in both.items() if len(one)]
    return pd.concat(found) if found else pd.DataFrame()


def _at(values: pd.Series, shots: int) -> pd.Series:
    """Mean over seeds per line at `shots`, or at no shots for a method that uses none."""
    own = 0 if set(values.index.get_level_values("shots")) == {0} else shots
    chosen = values[values.index.get_level_values("shots") == own]
    return chosen.groupby("product_line").mean()


def _interval(differences: np.ndarray) -> tuple[float, float]:
    """The 95% t-interval of the mean; NaN for fewer than two differences."""
    n = len(differences)
    if n < 2:
        return float("nan"), float("nan")
    half = half_width(differences.std(ddof=1), n)
    return float(differences.mean() - half), float(differences.mean() + half)
