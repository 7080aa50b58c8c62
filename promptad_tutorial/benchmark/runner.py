"""Run the tasks that have no row yet: in parallel, resumable, and one failure stops nothing.

    in:  Settings, a Dataset, the tasks to run, a Place (folders and workers; see `engines`)
    out: one row a task in `place.rows`, its worst cases beside them

On a cluster, data, rows and cache must be in folders that all machines share. A worker that is
killed costs the task that it was running, at most.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch
from tqdm.auto import tqdm

from promptad_tutorial.benchmark.cases import Case, worst_cases, write_cases
from promptad_tutorial.benchmark.encoding import CachedEncoder
from promptad_tutorial.benchmark.engines import Engine, engine
from promptad_tutorial.benchmark.feature_cache import FeatureCache
from promptad_tutorial.benchmark.measure import measure
from promptad_tutorial.benchmark.place import Place, own_gpu, torch_threads
from promptad_tutorial.benchmark.run_folder import CASES
from promptad_tutorial.benchmark.settings import Settings, loaded, name_in
from promptad_tutorial.benchmark.tasks import (
    BEGUN,
    Task,
    begin,
    begun,
    groups,
    no_longer_begun,
    read_row,
    write_row,
)
from promptad_tutorial.benchmark.test_set import TestSet
from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.datasets import Dataset
from promptad_tutorial.files.provenance import commit, versions

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """What every worker is told."""

    settings: Settings
    dataset: Dataset
    place: Place
    checksum: str  # of the weights
    threads: int | None = None  # of torch; None: as the worker was started


def unfinished(tasks: Sequence[Task], rows: Path, retry: bool = False) -> tuple[Task, ...]:
    """The tasks without a row; with `retry` also those whose row is an error."""
    found = ((task, read_row(rows, task)) for task in tasks)
    return tuple(task for task, row in found if row is None or (retry and row.get("error")))


def run(settings: Settings, dataset: Dataset, tasks: Sequence[Task], place: Place) -> None:
    """Measure the tasks and write a row for each, whatever happens to the others.

    Rows that are errors are made again, others kept. When a worker is killed, what was running is
    tried again, one category and seed at a time, so that no task can harm another. A task that
    costs a second worker gets an error as its row.

    Raises ImportError if the backend's library is not installed, what starting it raises, and
    OSError where workers die before they begin a task.
    """
    if not tasks:
        return
    checksum = loaded(settings.backbone).checksum
    with engine(place, settings.backbone) as running:
        for task in tasks:
            no_longer_begun(place.rows, task)
            if unfinished([task], place.rows, retry=True):
                (place.rows / task.file).unlink(missing_ok=True)
        job = Job(settings, dataset, place, checksum, running.threads)
        with tqdm(total=len(groups(tasks)), desc="benchmark", unit="category and seed") as bar:
            while left := unfinished(tasks, place.rows):
                parts = groups(left)
                doubtful = [p for p in parts if any(begun(place.rows, task) for task in p)]
                _together(job, doubtful[:1] or parts, running, bar)


def _together(job: Job, parts: Sequence[tuple], running: Engine, bar: Any) -> None:
    """Do the work until all is done or a worker is killed; OSError if that helped nothing."""
    rows = job.place.rows
    before, waiting, killed = _state(rows), list(parts), None
    in_hand: set[Future] = set()
    while (waiting and not killed) or in_hand:
        while waiting and not killed and len(in_hand) < running.at_once:
            in_hand.add(running.submit(run_group, job, waiting.pop(0)))
        done, in_hand = wait(in_hand, return_when=FIRST_COMPLETED)
        for one in done:
            try:
                one.result()
                bar.update()
            except running.killed as error:
                killed = error
    if killed:
        log.warning("a process was killed: its tasks are tried again, one by one")
    if _state(rows) == before:
        raise OSError(
            "a process was killed before it began a task, perhaps for want of memory; the rows so "
            "far are kept: run the same command again, with fewer --jobs"
            if killed
            else f"the workers wrote no rows into {rows.parent}: all machines of a cluster have to "
            "share this folder, under the same name"
        ) from killed


def _state(rows: Path) -> set[tuple[str, int]]:
    """What was begun, how often, and what is done: it changes with every task."""
    found = set()
    for path in rows.glob("*.json*"):
        with suppress(FileNotFoundError):  # another command may work in this folder too
            found.add((path.name, path.stat().st_size if path.suffix == BEGUN else 0))
    return found


def run_group(job: Job, tasks: Sequence[Task]) -> None:
    """Measure tasks of one category and seed in this process, those that have no row.

    (Dask repeats what a killed worker had in hand.) What goes wrong with a task stands in its row.
    ValueError if this machine has other weights, and OSError where rows cannot be written.
    """
    settings, place = job.settings, job.place
    with torch_threads(job.threads):
        backbone = loaded(settings.backbone.on(own_gpu()))
        if backbone.checksum != job.checksum:
            raise ValueError(
                f"expected weights {job.checksum[:12]} in every process, found "
                f"{backbone.checksum[:12]}: give all machines the same file"
            )
        cache = FeatureCache(place.cache, place.cache_bytes) if place.cache else None
        encoder = CachedEncoder(backbone, cache, settings.resize)
        methods = {method.name: method for method in settings.chosen_methods()}
        line = test = None
        for task in unfinished(tasks, place.rows):
            started = time.perf_counter()
            cases: tuple[Case, ...] = ()
            try:
                begin(place.rows, task)
                if line is None or test is None:
                    line = settings.load(job.dataset, task.product_line)
                    test = TestSet.of(line, settings.map_size, settings.resize)
                method = methods[task.method]
                found = measure(method, backbone, line, test, task.shots, task.seed, encoder)
                shots = [name_in(line, shot.image) for shot in found.shots]
                row = found.row | {"shot_pictures": shots, "error": None}
                if place.cases and task.seed == 0:
                    cases = worst_cases(line, test, found.scores, place.cases, settings.resize)
            except Exception as error:  # whatever it is, it belongs to this task alone
                told = " ".join(str(error).split())
                row = {"error": f"{type(error).__name__}: {told}"}
                row["seconds"] = round(time.perf_counter() - started, 3)
            _keep(place, task, row | _label(settings, backbone), cases)


def _keep(place: Place, task: Task, row: dict[str, Any], cases: Sequence[Case]) -> None:
    """Write cases, then the row: where there is a row, all of its task is there."""
    try:
        if cases:
            write_cases(place.rows.parent / CASES, task, cases)
        write_row(place.rows, task, row)
    except OSError as error:
        raise OSError(
            f"cannot write into {place.rows.parent} ({error.strerror or error}); the rows so far "
            "are kept: make room there, then run the same command again"
        ) from error
    finally:
        no_longer_begun(place.rows, task)


def _label(settings: Settings, backbone: Backbone) -> dict[str, Any]:
    """What a reader of a row needs to trust it, and what the process holds after it, in MB."""
    label = {
        "protocol": settings.protocol,
        "test_selected": settings.protocol == "released",
        "backbone": backbone.label,
        "checksum": backbone.checksum,
        "device": str(backbone.device),
        "dtype": settings.backbone.dtype,
        "map_size": settings.map_size,
        "image_size": backbone.image_size,
        "resize": settings.resize,
        "commit": commit(),
        "versions": versions(),
        "memory_mb": round(psutil.Process().memory_info().rss / 1e6, 1),
    }
    if backbone.device.type == "cuda":  # the most that it held
        most = torch.cuda.max_memory_allocated(backbone.device)
        label["gpu_memory_mb"] = round(most / 1e6, 1)
    return label
