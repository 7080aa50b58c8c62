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
from pathlib import Path
from typing import Any

import psutil
import torch
from tqdm.auto import tqdm

from promptad_tutorial.benchmark.cases import Case, picture_name, worst_cases, write_cases
from promptad_tutorial.benchmark.encoding import CachedEncoder
from promptad_tutorial.benchmark.engines import Engine, engine
from promptad_tutorial.benchmark.feature_cache import FeatureCache
from promptad_tutorial.benchmark.measure import measure
from promptad_tutorial.benchmark.place import Place, Share, own_number, torch_threads
from promptad_tutorial.benchmark.run_folder import CASES
from promptad_tutorial.benchmark.settings import Settings, loaded
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
from promptad_tutorial.datasets import Dataset, ProductLine
from promptad_tutorial.files.provenance import commit, versions

log = logging.getLogger(__name__)


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
            if task in unfinished([task], place.rows, retry=True):
                (place.rows / task.file).unlink(missing_ok=True)
        with tqdm(total=len(groups(tasks)), desc="benchmark", unit="category and seed") as bar:
            while left := unfinished(tasks, place.rows):
                parts = groups(left)
                doubtful = [p for p in parts if any(begun(place.rows, task) for task in p)]
                work = [
                    (run_group, settings, dataset, part, place, checksum, running.share)
                    for part in (doubtful[:1] or parts)
                ]
                _together(work, running, place.rows, bar)


def _together(work: Sequence[tuple], running: Engine, rows: Path, bar: Any) -> None:
    """Do the work until all is done or a worker is killed; OSError if that helped nothing."""
    before, waiting, killed = _state(rows), list(work), None
    in_hand: set[Future] = set()
    while (waiting and not killed) or in_hand:
        while waiting and not killed and len(in_hand) < running.at_once:
            in_hand.add(running.submit(*waiting.pop(0)))
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


def run_group(
    settings: Settings,
    dataset: Dataset,
    tasks: Sequence[Task],
    place: Place,
    checksum: str,
    share: Share | None = None,
) -> int:
    """Measure tasks of one category and seed in this process; returns how many failed.

    Tasks that have a row are left out: Dask repeats what a killed worker had in hand.
    """
    share = share or Share()
    with torch_threads(share.threads):
        return _run_group(settings, dataset, tasks, place, checksum, share)


def _run_group(
    settings: Settings,
    dataset: Dataset,
    tasks: Sequence[Task],
    place: Place,
    checksum: str,
    share: Share,
) -> int:
    backbone = loaded(settings.backbone.on(own_number(share)))
    if backbone.checksum != checksum:
        raise ValueError(
            f"expected weights {checksum[:12]} in every process, found {backbone.checksum[:12]}: "
            "give all machines the same file"
        )
    cache = FeatureCache(place.cache, place.cache_bytes) if place.cache else None
    encoder = CachedEncoder(backbone, cache, settings.resize)
    label = _label(settings, backbone)
    opened: tuple[ProductLine, TestSet] | None = None
    methods = {method.name: method for method in settings.chosen_methods()}
    failed = 0
    for task in unfinished(tasks, place.rows):
        started = time.perf_counter()
        cases: tuple[Case, ...] = ()
        try:
            begin(place.rows, task)
            if opened is None:
                line = settings.load(dataset, task.product_line)
                opened = line, TestSet.of(line, settings.map_size, settings.resize)
            line, test = opened
            method = methods[task.method]
            found = measure(method, backbone, line, test, task.shots, task.seed, encoder)
            row = dict(found.row)
            row["shot_pictures"] = [picture_name(shot, line) for shot in found.shots]
            row["error"] = None
            if place.cases and task.seed == 0:
                cases = worst_cases(line, test, found.scores, place.cases, settings.resize)
        except Exception as error:  # whatever it is, it belongs to this task alone
            failed += 1
            told = " ".join(str(error).split())
            row = {"error": f"{type(error).__name__}: {told}"}
            row["seconds"] = round(time.perf_counter() - started, 3)
        _keep(place, task, row | label | _memory(backbone), cases)
    return failed


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
    """What a reader of a row needs to trust it."""
    return {
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
    }


def _memory(backbone: Backbone) -> dict[str, float]:
    """What the process holds after a task, in MB, and the most that it held on the GPU."""
    found = {"memory_mb": round(psutil.Process().memory_info().rss / 1e6, 1)}
    if backbone.device.type == "cuda":
        most = torch.cuda.max_memory_allocated(backbone.device)
        found["gpu_memory_mb"] = round(most / 1e6, 1)
    return found
