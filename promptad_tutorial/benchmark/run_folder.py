"""What a run's folder says of itself: `run.json`, enough for a report without data or backbone.

Rows carry the key of everything that decides them; `run.json` says which rows belong to the run,
so that missing ones can be named. Commands with more shots, seeds, methods or categories add to it;
one whose settings would give other rows is refused.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from promptad_tutorial.benchmark.measure import KEY
from promptad_tutorial.benchmark.settings import PROTOCOLS, Settings, key_of
from promptad_tutorial.benchmark.tasks import Task, read_row
from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.files.provenance import commit, versions
from promptad_tutorial.files.writing import write_whole

FILE = "run.json"
FORMAT = 1
ROWS, CASES = "rows", "cases"  # its sub-folders
SAME = "missing_masks"  # a setting that may differ: rows of it are kept apart, not refused


@dataclass(frozen=True)
class Run:
    """A run as it was planned."""

    folder: Path
    dataset: str
    protocol: str
    deciding: dict[str, Any]  # what decides its rows, of `Settings.deciding`
    label: dict[str, str]  # what a reader needs to trust its figures, or to make them again
    tasks: tuple[Task, ...]

    @property
    def identity(self) -> str:
        """The same for runs whose rows may stand in one column: all but the data is the same."""
        return key_of({k: v for k, v in self.deciding.items() if k not in ("dataset", SAME)})

    @property
    def released(self) -> bool:
        """Whether its figures are test-selected."""
        return self.protocol == "released"

    def rows(self) -> list[tuple[Task, dict[str, Any] | None]]:
        """Each task with its row; None where there is none."""
        return [(task, read_row(self.folder / ROWS, task)) for task in self.tasks]


def open_run(folder: Path) -> Run:
    """The run in a folder. FileNotFoundError or ValueError if there is none, or a damaged one."""
    path = folder / FILE
    if not path.is_file():
        found = "no such file" if folder.is_dir() else "no such folder"
        raise FileNotFoundError(
            f"expected the folder of a benchmark run, with {FILE} in it, at {folder}; found {found}"
            ": give the --out of a benchmark"
        )
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
        if whole["format"] != FORMAT:
            raise ValueError(f"its format is {whole['format']}, expected {FORMAT}")
        tasks = tuple(Task(**{n: one[n] for n in (*KEY, "key")}) for one in whole["tasks"])
        label = {str(name): str(value) for name, value in whole["label"].items()}
        found = Run(folder, whole["dataset"], whole["protocol"], whole["deciding"], label, tasks)
        if found.protocol not in PROTOCOLS or not isinstance(found.deciding, dict):
            raise ValueError(f"it has no protocol of {', '.join(PROTOCOLS)}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} is damaged ({type(error).__name__}: {error}): remove it and run the same "
            "benchmark command again; it keeps the rows and writes this file anew"
        ) from error
    return found


def plan(
    folder: Path,
    settings: Settings,
    backbone: Backbone,
    tasks: Sequence[Task],
    label: dict[str, str],
) -> Run:
    """This run joined with what the folder already holds; writes nothing.

    Of a task that is in both, the new one counts: its pictures may have been replaced. Raises
    ValueError if the folder holds a run whose settings give other rows.
    """
    deciding = json.loads(json.dumps(settings.deciding(backbone)))  # as the file gives it back
    every = list(tasks)
    if (folder / FILE).exists():
        there = open_run(folder)
        old, new = (
            pd.json_normalize(one).to_dict("records")[0] for one in (there.deciding, deciding)
        )
        other = [
            f"{name} {_short(old.get(name))} there, {_short(new.get(name))} now"
            for name in sorted({*old, *new} - {SAME})
            if old.get(name) != new.get(name)
        ]
        if other:
            raise ValueError(
                f"{folder} holds a run with other settings: {'; '.join(other)}. Give another "
                "--out, or the settings of that run; shots, seeds, methods and categories may be "
                "added to it"
            )
        every = [*there.tasks, *tasks]
    known = {task.what: task for task in every}
    return Run(folder, settings.dataset, settings.protocol, deciding, label, tuple(known.values()))


def record(run: Run) -> None:
    """Write `run.json`, in one move. OSError for a folder that cannot be written."""
    whole = {"format": FORMAT, "protocol_in_words": PROTOCOLS[run.protocol]} | {
        name: value for name, value in asdict(run).items() if name != "folder"
    }
    try:
        write_whole(run.folder / FILE, json.dumps(whole, indent=1) + "\n")
    except OSError as error:
        raise OSError(
            f"cannot write into {run.folder} ({error.strerror or error}): give a folder on a disk "
            "with room that you may write to with --out; nothing was run"
        ) from error


def run_label(settings: Settings, backbone: Backbone, command: str, data: Path) -> dict[str, str]:
    """What a run is, in the order to be shown."""
    config = settings.config
    aspects = {
        "squash": "whole pictures squashed to a square",
        "crop": "aspect ratio kept, central square",
    }
    return {
        "backbone": backbone.label,
        "checksum (sha256 of the weights)": backbone.checksum,
        "device and precision": f"{backbone.device.type}, {settings.backbone.dtype}",
        "dataset": f"{settings.dataset}, {data}",
        "protocol": f"{settings.protocol}: {PROTOCOLS[settings.protocol]}",
        "training": f"{config.steps} steps, learning rate {config.learning_rate}",
        "image size": f"{backbone.image_size} x {backbone.image_size} for the backbone; figures at "
        f"{settings.map_size} x {settings.map_size}",
        "aspect": f"{settings.resize}: {aspects[settings.resize]}",
        "commit": commit(),
        "versions": ", ".join(f"{name} {number}" for name, number in versions().items()),
        "command": command,
    }


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
