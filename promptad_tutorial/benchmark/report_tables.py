"""The tables of a report: means, categories, failures and costs of the rows of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from promptad_tutorial.benchmark.report import summary
from promptad_tutorial.benchmark.tasks import Task
from promptad_tutorial.benchmark.test_set import FIGURES

TITLES = {
    "image_auroc": "image AUROC",
    "average_precision": "image AP",
    "f1_max": "image F1-max",
    "pixel_auroc": "pixel AUROC",
    "aupro": "AUPRO",
}


@dataclass(frozen=True)
class Table:
    """A table as cells of text."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    names: int  # columns on the left that name a row: not numbers

    @classmethod
    def of(
        cls, caption: str, heads: Sequence[str], rows: Sequence[Sequence[Any]], names: int
    ) -> Table:
        """With everything as text."""
        cells = tuple(tuple(map(str, row)) for row in rows)
        return cls(caption, tuple(heads), cells, names)


def summary_table(table: pd.DataFrame, tasks: Sequence[Task]) -> pd.DataFrame:
    """`report.summary`, and how many of the tasks behind each row have no figures.

    Of an incomplete row the mean is over other categories than of a complete one. A setting without
    any figure has no row.
    """
    planned = pd.DataFrame([(t.method, t.shots) for t in tasks], columns=["method", "shots"])
    counts = planned.value_counts(["method", "shots"])
    if table.empty:
        return pd.DataFrame(columns=["method", "shots", "seeds", "lines", "lacking"])
    found = summary(table)
    done = table.value_counts(["method", "shots"])
    lacking = [
        int(counts[m, s] - done[m, s]) for m, s in zip(found["method"], found["shots"], strict=True)
    ]
    found.insert(4, "lacking", lacking)
    return found


def category_table(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation over seeds of every category, method and number of shots."""
    by = ["product_line", "method", "shots"]
    if table.empty:
        return pd.DataFrame(columns=[*by, "seeds"])
    grouped = table.groupby(by, sort=False)
    found = grouped[list(FIGURES)].agg(["mean", "std"])
    found.columns = [f"{figure}_{what}" for figure, what in found.columns]
    return grouped.agg(seeds=("seed", "nunique")).join(found).reset_index()


def cost_table(table: pd.DataFrame) -> pd.DataFrame:
    """Seconds a task and in all, and the most memory, by method and number of shots."""
    if table.empty:
        return pd.DataFrame()
    grouped = table.groupby(["method", "shots"], sort=False)
    found = grouped["seconds"].agg(["count", "mean", "max", "sum"])
    found.columns = ["tasks", "seconds a task, mean", "longest", "minutes in all"]
    found["minutes in all"] /= 60
    heads = {"memory_mb": "process, MB at most", "gpu_memory_mb": "GPU, MB at most"}
    for name, head in heads.items():
        if name in table:
            found[head] = grouped[name].max()
    return found.reset_index()


def failed_tasks(rows: Sequence[tuple[Task, dict[str, Any] | None]]) -> list[tuple[str, str, int]]:
    """(category, error, how many of its tasks) of the tasks that failed."""
    found = Counter(
        (task.product_line, str(row["error"]))
        for task, row in rows
        if row is not None and row["error"]
    )
    return [(*what, count) for what, count in found.items()]


def tasks_not_run(rows: Sequence[tuple[Task, dict[str, Any] | None]]) -> list[tuple[str, int]]:
    """(category, how many of its tasks) of the tasks without a row."""
    return list(Counter(task.product_line for task, row in rows if row is None).items())


def as_cells(caption: str, table: pd.DataFrame) -> Table:
    """A table of `<figure>_mean` and `<figure>_std` as "80.5 ± 0.7"; a dash where there is none."""
    fixed = [name for name in table.columns if not name.endswith(("_mean", "_std"))]
    figures = [figure for figure in FIGURES if f"{figure}_mean" in table]
    rows = [
        [getattr(row, name) for name in fixed]
        + [_spread(getattr(row, f"{f}_mean"), getattr(row, f"{f}_std")) for f in figures]
        for row in table.itertuples()
    ]
    words = {"product_line": "category", "lines": "categories", "lacking": "tasks lacking"}
    heads = [words.get(name, name) for name in fixed] + [TITLES[f] for f in figures]
    names = sum(name in ("product_line", "method") for name in fixed)
    return Table.of(caption, heads, rows, names)


def costs_as_cells(caption: str, table: pd.DataFrame) -> Table:
    """`cost_table` as text."""
    digits = {"seconds a task, mean": 2, "longest": 2, "minutes in all": 1}
    rows = [
        [
            f"{value:.{digits.get(name, 0)}f}" if isinstance(value, float) else value
            for name, value in zip(table.columns, row, strict=True)
        ]
        for row in table.itertuples(index=False)
    ]
    return Table.of(caption, list(table.columns), rows, 1)


def _spread(mean: float, std: float) -> str:
    if mean != mean:  # NaN: no masks, or nothing there
        return "–"
    return f"{mean:.1f}" + (f" ± {std:.1f}" if std == std else "")
