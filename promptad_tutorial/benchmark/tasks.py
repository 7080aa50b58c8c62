"""Tasks of a benchmark and their result rows: one file each, written in one move.

A row's file carries a key of everything that decides it (settings, weights, pictures), so rows of
other settings can lie in the same folder. While a task runs, a file `<row>.begun` lies beside the
place of its row, with a byte for each start: a worker that is killed cannot say so itself. After
STARTS of them the task is given up.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from promptad_tutorial.benchmark.measure import KEY
from promptad_tutorial.benchmark.settings import Settings, key_of, pictures_key
from promptad_tutorial.benchmark.test_set import FIGURES
from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.datasets import Dataset
from promptad_tutorial.files.writing import write_whole

STARTS = 2  # workers that one task may cost
BEGUN = ".begun"


class WorkerKilledError(RuntimeError):
    """The process of a task was killed each time that it ran."""


@dataclass(frozen=True)
class Task:
    """One method on one category with one draw of shots; shots and seed are 0 if it needs none."""

    product_line: str
    method: str
    shots: int
    seed: int
    key: str  # of everything that decides the row

    @property
    def what(self) -> tuple:
        """The values of KEY: what is measured, whatever the pictures are."""
        return self.product_line, self.method, self.shots, self.seed

    @property
    def file(self) -> str:
        """The name of the row's file: for people in front, exact at the end."""
        words = f"{self.product_line}_{self.method}_{self.shots}shot_seed{self.seed}"
        return f"{re.sub(r'[^A-Za-z0-9.]+', '-', words)[:120]}_{self.key[:16]}.json"


def all_tasks(settings: Settings, dataset: Dataset, backbone: Backbone) -> tuple[Task, ...]:
    """Every task of a run: first one seed of all categories, so that processes start apart."""
    deciding = settings.deciding(backbone)
    pictures = {}
    for name in dataset.product_lines:
        try:
            pictures[name] = pictures_key(settings.load(dataset, name))
        except (ValueError, OSError) as error:  # its tasks will fail, and say why
            pictures[name] = f"unreadable: {error}"
    tasks = []
    for seed in range(settings.seeds):
        for name in dataset.product_lines:
            for method in settings.chosen_methods():
                for shots in settings.shots if method.few_shot else (0,) * (seed == 0):
                    what = dict(zip(KEY, (name, method.name, shots, seed), strict=True))
                    key = key_of(deciding | {"pictures": pictures[name]} | what)
                    tasks.append(Task(name, method.name, shots, seed, key))
    return tuple(dict.fromkeys(tasks))


def groups(tasks: Sequence[Task]) -> list[tuple[Task, ...]]:
    """Tasks of the same category and seed together: they share test features."""
    found: dict[tuple[str, int], tuple[Task, ...]] = {}
    for task in tasks:
        what = task.product_line, task.seed
        found[what] = (*found.get(what, ()), task)
    return list(found.values())


def read_row(rows: Path, task: Task) -> dict[str, Any] | None:
    """The row of a task; None if there is none, or a file that somebody damaged."""
    try:
        row = json.loads((rows / task.file).read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return row if isinstance(row, dict) and row.get("key") == task.key else None


def write_row(rows: Path, task: Task, row: dict[str, Any]) -> Path:
    """Write the row of a task in one move; numbers that are not finite become null."""
    whole = {name: getattr(task, name) for name in (*KEY, "key")} | row
    for name, value in whole.items():
        if isinstance(value, float) and not math.isfinite(value):
            whole[name] = None
    return write_whole(rows / task.file, json.dumps(whole, indent=1) + "\n")


def begin(rows: Path, task: Task) -> None:
    """Note that a task begins. Raises WorkerKilledError if it has cost STARTS workers."""
    note = rows / f"{task.file}{BEGUN}"
    starts = note.stat().st_size if note.exists() else 0
    if starts >= STARTS:
        raise WorkerKilledError(
            f"the process was killed {starts} times while it ran this task, perhaps for want of "
            "memory: run the same command with --retry and fewer --jobs, or a smaller backbone"
        )
    rows.mkdir(parents=True, exist_ok=True)
    with note.open("a") as file:
        file.write("x")


def begun(rows: Path, task: Task) -> bool:
    """Whether it runs; after a worker died, it may be why."""
    return (rows / f"{task.file}{BEGUN}").exists()


def no_longer_begun(rows: Path, task: Task) -> None:
    """Its row is written, or a new run begins."""
    (rows / f"{task.file}{BEGUN}").unlink(missing_ok=True)


def table_of(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """The rows as a table; figures that are missing are NaN."""
    table = pd.DataFrame(list(rows), columns=None if rows else [*KEY, *FIGURES])
    return table.astype(dict.fromkeys(FIGURES, float))
