"""What became of the tasks of this run: a worker that is killed cannot tell it itself.

A task is in the journal before it begins, and again when its row is written. So a task that was
begun and did not end was running when its worker died. One that takes worker after worker with it,
for want of memory as a rule, is given up after STARTS of them; others go on.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from promptad_tutorial.benchmark.tasks import Task

STARTS = 2  # workers that one task may cost
_BEGUN, _ENDED = "begun\n", "ended\n"


class WorkerKilledError(RuntimeError):
    """The process of a task was killed each time that it ran."""


class Journal:
    """One small file a task, in a folder beside the rows, which lasts as long as the run."""

    def __init__(self, rows: Path) -> None:
        self.folder = rows.with_name(f"{rows.name}.journal")

    def begin(self, task: Task) -> None:
        """Note that a task begins. Raises WorkerKilledError if it has cost STARTS workers."""
        starts = self._read(task).count(_BEGUN)
        if starts >= STARTS:
            raise WorkerKilledError(
                f"the process was killed {starts} times while it ran this task, perhaps for want "
                "of memory: run the same command with --retry and fewer --jobs, or a smaller "
                "backbone"
            )
        self._write(task, _BEGUN)

    def end(self, task: Task) -> None:
        """Note that the row of a task is written."""
        self._write(task, _ENDED)

    def ended(self, task: Task) -> bool:
        """Whether its row was written in this run."""
        return _ENDED in self._read(task)

    def running(self, task: Task) -> bool:
        """Whether it was begun and has not ended: after a worker died, it may be why."""
        said = self._read(task)
        return _BEGUN in said and _ENDED not in said

    def size(self) -> int:
        """How much was noted so far, in bytes: it grows with every note."""
        if not self.folder.is_dir():
            return 0
        return sum(path.stat().st_size for path in self.folder.iterdir())

    def clear(self) -> None:
        """Forget everything: a new run begins, or this one is over."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self, task: Task) -> str:
        try:
            return (self.folder / task.file).read_text()
        except OSError:
            return ""

    def _write(self, task: Task, word: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / task.file).open("a") as file:
            file.write(word)
