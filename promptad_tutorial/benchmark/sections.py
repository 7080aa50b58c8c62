"""Runs in one report: those of the same settings stand in one column, all others apart."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from promptad_tutorial.benchmark.cases import FALSE_ALARM, FOUND, MISSED, Case, read_cases
from promptad_tutorial.benchmark.published import Part
from promptad_tutorial.benchmark.run_folder import CASES, Run
from promptad_tutorial.benchmark.tasks import Task, table_of

SHOWN = 8  # cases of a kind and method in a report
OF_ONE = 2  # of them from one category of many: else the hardest fills the gallery
Shown = list[tuple[Task, Case]]
Rows = tuple[tuple[Task, dict[str, Any] | None], ...]


@dataclass(frozen=True, eq=False)
class Section:
    """The rows of one dataset under one label; from several folders if a run was shared out."""

    letter: str  # the same for the datasets of one label
    runs: tuple[Run, ...]
    rows: Rows

    @property
    def run(self) -> Run:
        """The first, which has the settings of all."""
        return self.runs[0]

    @property
    def title(self) -> str:
        """ "A, mvtec", with a brand where it is needed."""
        brand = " (TEST-SELECTED)" if self.run.released else ""
        return f"{self.letter}, {self.run.dataset}{brand}"

    @cached_property
    def tasks(self) -> list[Task]:
        """Those that were planned."""
        return [task for task, _ in self.rows]

    @cached_property
    def table(self) -> pd.DataFrame:
        """The rows that succeeded."""
        return table_of([row for _, row in self.rows if row is not None and not row["error"]])

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many tasks there are, and what became of them."""
        missing = sum(row is None for _, row in self.rows)
        tasks, done = len(self.rows), len(self.table)
        return {"tasks": tasks, "done": done, "failed": tasks - missing - done, "missing": missing}

    @property
    def part(self) -> Part:
        """For the table of the paper's settings."""
        planned = Counter((t.product_line, t.method, t.shots) for t in self.tasks)
        return Part(self.run.dataset, self.table, planned)

    @cached_property
    def label(self) -> dict[str, str]:
        """That of the runs, and of the rows what may differ among them."""
        names = dict.fromkeys(name for run in self.runs for name in run.label)
        found = {
            name: " | ".join(dict.fromkeys(r.label[name] for r in self.runs if name in r.label))
            for name in names
        }
        shots = sorted({t.shots for t in self.tasks} - {0})
        seeds = sorted({t.seed for t in self.tasks}) or ["none"]
        told = f"{', '.join(map(str, shots)) or 'no'} shots; seeds {seeds[0]} to {seeds[-1]}"
        found["shots and seeds"] = told
        commits = sorted({row["commit"] for _, row in self.rows if row and row.get("commit")})
        found["commit"] = ", ".join(commits) or found.get("commit", "not known")
        return found

    @cached_property
    def cases(self) -> dict[tuple[str, str], Shown]:
        """What was kept by method and kind, of the most shots that were run; the worst first."""
        done = [t for t, row in self.rows if row and not row["error"] and t.seed == 0]
        most: dict[str, int] = {}
        for task in done:
            most[task.method] = max(task.shots, most.get(task.method, 0))
        found: dict[tuple[str, str], Shown] = {
            (method, kind): [] for method in most for kind in (FALSE_ALARM, MISSED, FOUND)
        }
        for task in done:
            if task.shots == most[task.method]:
                kept = (read_cases(run.folder / CASES, task) for run in self.runs)
                for case in next((cases for cases in kept if cases is not None), ()):
                    found[task.method, case.kind].append((task, case))
        for several in found.values():
            several.sort(key=lambda one: (-one[1].wrong, -one[1].score))
        return found

    def gallery(self, limit: int = SHOWN) -> list[tuple[str, Shown]]:
        """(title, mistakes) by method and kind."""
        return [
            (f"{method}, {counted_shots(some[0][0].shots)}: the worst {kind}s", _mixed(some, limit))
            for (method, kind), some in self.cases.items()
            if some and kind != FOUND
        ]

    def clearest(self, limit: int) -> tuple[Shown, Shown]:
        """Found defects and mistakes of the method that has the highest mean image AUROC."""
        of_most = self.table.groupby("method")["image_auroc"].mean().dropna()
        ranked = [name for name in of_most.sort_values().index[::-1] if (name, FOUND) in self.cases]
        if not ranked:
            return [], []
        found, alarms, missed = (
            _mixed(self.cases[ranked[0], kind], limit) for kind in (FOUND, FALSE_ALARM, MISSED)
        )
        return found, sorted([*alarms, *missed], key=lambda one: -one[1].wrong)[:limit]


def counted_shots(shots: int) -> str:
    """ "1 shot", "4 shots"; a method that sees no picture has "no shots"."""
    return f"{shots or 'no'} shot{'s' * (shots != 1)}"


def sections(runs: Sequence[Run]) -> list[Section]:
    """One section for each label and dataset, in the order of the runs.

    Raises ValueError for runs of one label and dataset that disagree about a task's row.
    """
    together: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        together.setdefault((run.identity, run.dataset), []).append(run)
    labels = list(dict.fromkeys(identity for identity, _ in together))
    letters = [*string.ascii_uppercase, *(f"Z{number}" for number in range(len(labels)))]
    return [
        Section(letters[labels.index(identity)], tuple(several), _joined(several))
        for (identity, _), several in together.items()
    ]


def _joined(runs: Sequence[Run]) -> Rows:
    found: dict[tuple, tuple[Task, dict[str, Any] | None]] = {}
    for run in runs:
        for task, row in run.rows():
            known, known_row = found.get(task.what, (task, None))
            if known.key != task.key:
                raise ValueError(
                    f"{runs[0].folder} and {run.folder} have the same settings and dataset, but "
                    f"other pictures of {task.product_line!r}: make a report of each"
                )
            if known_row is None or (known_row["error"] and row is not None):
                found[task.what] = task, row
    return tuple(found.values())


def _mixed(cases: Shown, limit: int) -> Shown:
    """The first `limit`, no more of a category than OF_ONE or its fair share."""
    most = max(OF_ONE, -(-limit // max(len({task.product_line for task, _ in cases}), 1)))
    counts: Counter[str] = Counter()
    kept = []
    for task, case in cases:
        counts[task.product_line] += 1
        if counts[task.product_line] <= most and len(kept) < limit:
            kept.append((task, case))
    return kept
