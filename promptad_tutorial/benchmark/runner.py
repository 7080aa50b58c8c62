"""Run the tasks that have no row yet: in parallel, resumable, and one failure stops nothing.

Joblib does the work: `loky` (processes) and `threading` on this machine, or an existing cluster
engine through joblib's own backends, `dask` and `ray` (see `engines`). There, data, rows and cache
must be in folders that all machines share. A worker that is killed costs the task that it was
running, at most: see `journal`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import joblib
import psutil
import torch
from tqdm.auto import tqdm

from promptad_tutorial.benchmark.cases import Case, worst_cases, write_cases
from promptad_tutorial.benchmark.comparison import Plan, Scored, measure_line
from promptad_tutorial.benchmark.encoding import CachedEncoder
from promptad_tutorial.benchmark.engines import Engine, engine
from promptad_tutorial.benchmark.feature_cache import FeatureCache
from promptad_tutorial.benchmark.journal import Journal
from promptad_tutorial.benchmark.place import Place
from promptad_tutorial.benchmark.run_folder import CASES
from promptad_tutorial.benchmark.settings import Settings, loaded
from promptad_tutorial.benchmark.tasks import Task, groups, read_row, write_row
from promptad_tutorial.benchmark.test_set import TestSet
from promptad_tutorial.benchmark.workers import Share, own_number, torch_threads
from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.datasets import Dataset, ProductLine, Sample
from promptad_tutorial.files.provenance import commit, versions

log = logging.getLogger(__name__)


def unfinished(tasks: Sequence[Task], rows: Path, retry: bool = False) -> tuple[Task, ...]:
    """The tasks without a row; with `retry` also those whose row is an error."""
    found = []
    for task in tasks:
        row = read_row(rows, task)
        if row is None or (retry and row.get("error")):
            found.append(task)
    return tuple(found)


def run(settings: Settings, dataset: Dataset, tasks: Sequence[Task], place: Place) -> None:
    """Measure the tasks and write a row for each, whatever happens to the others.

    When a worker is killed, what was running is tried again, one category and seed at a time, so
    that no task can harm another. A task that costs a second worker gets an error as its row.

    Raises ImportError if the backend's library is not installed, what starting it raises, and
    OSError where workers die before they begin a task.
    """
    if not tasks:
        return
    checksum = loaded(settings.backbone).checksum
    journal = Journal(place.rows)
    journal.clear()
    with engine(place, settings.backbone) as running:
        bar = tqdm(total=len(groups(tasks)), desc="benchmark", unit="category and seed")
        with bar:
            while left := [task for task in tasks if not journal.ended(task)]:
                parts = groups(left)
                doubtful = [part for part in parts if any(map(journal.running, part))]
                jobs = [
                    joblib.delayed(run_group)(
                        settings, dataset, part, place, checksum, running.share
                    )
                    for part in (doubtful[:1] or parts)
                ]
                _together(jobs, running, journal, bar)
    journal.clear()


def _together(jobs: Sequence[Any], running: Engine, journal: Journal, bar: Any) -> None:
    """Run the jobs until all are done or a worker is killed; OSError if that helped nothing."""
    before = journal.size()
    try:
        for _ in joblib.Parallel(**running.options)(jobs):
            bar.update()
    except running.killed as error:
        if journal.size() == before:
            raise OSError(
                "a process was killed before it began a task, perhaps for want of memory; the "
                "rows so far are kept: run the same command again, with fewer --jobs"
            ) from error
        log.warning("a process was killed: its tasks are tried again, one by one")
    else:
        if journal.size() == before:
            raise OSError(
                f"the workers wrote no rows into {journal.folder.parent}: all machines of a "
                "cluster have to share this folder, under the same name"
            )


def run_group(
    settings: Settings,
    dataset: Dataset,
    tasks: Sequence[Task],
    place: Place,
    checksum: str,
    share: Share | None = None,
) -> int:
    """Measure tasks of one category and seed in this process; returns how many failed.

    Tasks that ended in this run are left out: Dask repeats what a killed worker had in hand.
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
    choice = settings.backbone.on(own_number(share))
    backbone = loaded(choice)
    if backbone.checksum != checksum:
        raise ValueError(
            f"expected weights {checksum[:12]} in every process, found {backbone.checksum[:12]}: "
            "give all machines the same file"
        )
    cache = FeatureCache(place.cache, place.cache_bytes) if place.cache else None
    encoder = CachedEncoder(backbone, cache, settings.resize)
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
    }
    opened: tuple[ProductLine, TestSet] | None = None
    features: dict[tuple, tuple] = {}
    failed = 0
    journal = Journal(place.rows)
    for task in tasks:
        if journal.ended(task):
            continue
        begun = time.perf_counter()
        cases: tuple[Case, ...] = ()
        try:
            journal.begin(task)
            if opened is None:
                line = settings.load(dataset, task.product_line)
                opened = line, TestSet.of(line, settings.map_size, settings.resize)
            found, scored = _measure(settings, backbone, task, *opened, features, encoder)
            found["shot_pictures"] = [_name(s, opened[0]) for s in scored.shots]
            found["error"] = None
            if place.cases and task.seed == 0:
                cases = worst_cases(opened[0], scored, place.cases, settings.resize)
        except Exception as error:  # whatever it is, it belongs to this task alone
            failed += 1
            told = " ".join(str(error).split())
            found = {"error": f"{type(error).__name__}: {told}"}
            found["seconds"] = round(time.perf_counter() - begun, 3)
        _keep(place, task, found | label | _memory(backbone), cases)
        journal.end(task)
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


def _name(sample: Sample, line: ProductLine) -> str:
    """A picture's name in its category, the same on every machine."""
    try:
        return sample.image.relative_to(line.root).as_posix()
    except ValueError:  # VisA's pictures may lie elsewhere
        return sample.image.name


def _measure(
    settings: Settings,
    backbone: Backbone,
    task: Task,
    line: ProductLine,
    test: TestSet,
    features: dict[tuple, tuple],
    encoder: CachedEncoder,
) -> tuple[dict[str, Any], Scored]:
    methods = tuple(m for m in settings.chosen_methods() if m.name == task.method)
    plan = Plan(methods, (max(task.shots, 1),), (task.seed,), settings.map_size)
    seen: list[Scored] = []
    (row,) = measure_line(
        plan, backbone, line, task.seed, None, features, test, encoder, seen.append
    )
    return dict(row), seen[-1]


def _memory(backbone: Backbone) -> dict[str, float]:
    """What the process holds after a task, in MB, and the most that it held on the GPU."""
    found = {"memory_mb": round(psutil.Process().memory_info().rss / 1e6, 1)}
    if backbone.device.type == "cuda":
        most = torch.cuda.max_memory_allocated(backbone.device)
        found["gpu_memory_mb"] = round(most / 1e6, 1)
    return found
