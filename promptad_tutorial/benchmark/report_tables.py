"""The tables of a report: means, categories, costs and failures of a run's rows, then as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from promptad_tutorial.benchmark.report import summary
from promptad_tutorial.benchmark.tasks import Task
from promptad_tutorial.benchmark.test_set import FIGURES

Rows = Sequence[tuple[Task, dict[str, Any] | None]]  # each task with its row, if it has one
TITLES = {
    "product_line": "category",
    "lines": "categories",
    "lacking": "tasks lacking",
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
    heads: Sequence[str]
    rows: Sequence[Sequence[object]]
    names: int = 1  # columns on the left that name a row: not numbers


def summary_table(table: pd.DataFrame, tasks: Sequence[Task]) -> pd.DataFrame:
    """`report.summary`, and how many of the tasks behind each row have no figures.

    Of an incomplete row the mean is over other categories than of a complete one. A setting without
    any figure has no row.
    """
    found, done = summary(table), table.value_counts(["method", "shots"])
    planned = Counter((task.method, task.shots) for task in tasks)
    rows = zip(found["method"], found["shots"], strict=True)
    found.insert(4, "lacking", [int(planned[row] - done[row]) for row in rows])
    return found


def category_table(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation over seeds of every category, method and number of shots."""
    grouped = table.groupby(["product_line", "method", "shots"], sort=False)
    found = grouped[list(FIGURES)].agg(["mean", "std"])
    found.columns = [f"{figure}_{what}" for figure, what in found.columns]
    return grouped.agg(seeds=("seed", "nunique")).join(found).reset_index()


def costs(caption: str, table: pd.DataFrame) -> Table:
    """Seconds a task and in all, and the most memory, by method and number of shots."""
    heads = ["method", "shots", "tasks", "seconds a task, mean", "longest", "minutes in all"]
    memory = {"memory_mb": "process, MB at most", "gpu_memory_mb": "GPU, MB at most"}
    there = [name for name in memory if name in table]
    rows = []
    for (method, shots), part in table.groupby(["method", "shots"], sort=False):
        s = part["seconds"]
        times = (f"{s.mean():.2f}", f"{s.max():.2f}", f"{s.sum() / 60:.1f}")
        most = [f"{part[name].max():.0f}" for name in there]
        rows.append([method, shots, len(part), *times, *most])
    return Table(caption, heads + [memory[name] for name in there], rows)


def failed_tasks(rows: Rows) -> Table:
    """Each error with its category and how many tasks it stopped."""
    found = Counter((task.product_line, row["error"]) for task, row in rows if row and row["error"])
    cells = [(category, count, error) for (category, error), count in found.items()]
    return Table("Failed tasks", ("category", "tasks", "error"), cells)


def tasks_not_run(rows: Rows) -> Table:
    """Each category that has tasks without a row, and how many."""
    found = Counter(task.product_line for task, row in rows if row is None)
    return Table("Tasks that were not run", ("category", "tasks"), list(found.items()))


def as_cells(caption: str, table: pd.DataFrame) -> Table:
    """A table of `<figure>_mean` and `<figure>_std` as "80.5 ± 0.7"; a dash where there is none."""
    fixed = [name for name in table.columns if not name.endswith(("_mean", "_std"))]
    rows = [
        [row[name] for name in fixed]
        + [spread(row[f"{figure}_mean"], row[f"{figure}_std"]) for figure in FIGURES]
        for row in table.to_dict("records")
    ]
    heads = [TITLES.get(name, name) for name in (*fixed, *FIGURES)]
    return Table(caption, heads, rows, len({"product_line", "method"} & {*fixed}))


def spread(mean: float, std: float) -> str:
    """ "80.5 ± 0.7"; without the spread of a single seed; a dash where there is no figure."""
    if mean != mean:  # NaN: no masks, or nothing there
        return "–"
    return f"{mean:.1f}" + (f" ± {std:.1f}" if std == std else "")
