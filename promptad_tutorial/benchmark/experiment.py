"""One run from its settings to its report: what the command does, and the notebooks do.

experiment = prepare(Settings(...), Path("runs/mine"))     # looks, writes nothing
outcome = perform(experiment)                              # runs what has no row, reports
outcome.table                                              # the rows

"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from promptad_tutorial.benchmark import run_folder, runner
from promptad_tutorial.benchmark.html_report import Written, write_report
from promptad_tutorial.benchmark.settings import BackboneChoice, Settings, loaded
from promptad_tutorial.benchmark.tasks import Task, all_tasks, read_row, table_of
from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.datasets import Dataset


@dataclass(frozen=True)
class Experiment:
    """What would run, and where."""

    settings: Settings
    out: Path
    dataset: Dataset
    backbone: Backbone
    label: dict[str, str]
    tasks: tuple[Task, ...]  # of these settings; the folder may hold more
    left: tuple[Task, ...]  # of them, those without a row

    def run(self) -> run_folder.Run:
        """What the folder holds, with this. ValueError if it holds other settings."""
        return run_folder.plan(self.out, self.settings, self.backbone, self.tasks, self.label)


@dataclass(frozen=True)
class Outcome:
    """What was run."""

    table: pd.DataFrame  # a row for each task that succeeded, in the order of the tasks
    report: Written


def prepare(
    settings: Settings, out: Path, command: str = "", options: str = "", retry: bool = False
) -> Experiment:
    """Open data and backbone and see what has no row yet; writes nothing.

    `command` and `options` go into the label; with `retry` tasks that failed before are run again.
    Raises ValueError for a folder that holds a run with other settings, and what opening the data
    and the backbone raises.
    """
    dataset, backbone = settings.open(), loaded(settings.backbone)
    tasks = all_tasks(settings, dataset, backbone)
    label = run_folder.run_label(settings, backbone, command, dataset.root)
    if options:
        label["options"] = options
    left = runner.unfinished(tasks, out / run_folder.ROWS, retry)
    found = Experiment(settings, out, dataset, backbone, label, tasks, left)
    found.run()  # for its refusal
    return found


def perform(experiment: Experiment, place: runner.Place | None = None) -> Outcome:
    """Run what is left, and write the report of the folder.

    `place` is by default this process alone, without a cache. Raises what `runner.run` and
    `write_report` raise; a task that fails has its error in its row instead.
    """
    e, rows = experiment, experiment.out / run_folder.ROWS
    run_folder.record(e.run())
    runner.run(e.settings, e.dataset, e.left, place or runner.Place(rows, jobs=1))
    whole = e.run()  # another command may have added tasks to the folder meanwhile
    run_folder.record(whole)
    found = [row for task in e.tasks if (row := read_row(rows, task)) and not row["error"]]
    return Outcome(table_of(found), write_report(e.out, [whole]))


def live_settings(
    dataset: Dataset, environment: Mapping[str, str] | None = None, **how
) -> Settings:
    """Settings of the backbone that PROMPTAD_BACKBONE names, on a dataset that is open already.

    For notebooks, which run on any backbone and data. `how` are the other settings.
    """
    name = "minifactory" if dataset.root.name == "minifactory" else dataset.layout
    choice = BackboneChoice.from_environment(environment)
    return Settings(name, dataset.root, choice, **{"resize": choice.resize} | how)
