"""Run the tasks that have no row yet: in parallel, resumable, and one failure stops nothing.

Joblib does the work: `loky` (processes) and `threading` on this machine, or an existing cluster
engine through joblib's own backends, `dask` and `ray`. There, data, rows and cache must be in
folders that all machines share.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import current_process
from pathlib import Path
from typing import Any

import joblib
import psutil
import torch
from joblib.externals.loky.process_executor import TerminatedWorkerError
from tqdm.auto import tqdm

from promptad_tutorial.benchmark.comparison import Plan, measure_line
from promptad_tutorial.benchmark.encoding import CachedEncoder
from promptad_tutorial.benchmark.feature_cache import FeatureCache
from promptad_tutorial.benchmark.settings import Settings, loaded
from promptad_tutorial.benchmark.tasks import Task, groups, read_row, write_row
from promptad_tutorial.benchmark.test_set import TestSet
from promptad_tutorial.datasets import Dataset, ProductLine
from promptad_tutorial.frozen_clip import Backbone
from promptad_tutorial.provenance import versions

BACKENDS = ("loky", "threading", "dask", "ray")


@dataclass(frozen=True)
class Place:
    """Where a run works: nothing here decides a row."""

    rows: Path
    cache: Path | None = None  # None: features are not kept
    cache_bytes: float = 20e9
    jobs: int = -1
    backend: str = "loky"
    cluster: str | None = None  # address of a running cluster; None: one on this machine

    def __post_init__(self) -> None:
        if self.backend not in BACKENDS:
            raise ValueError(f"backend must be one of {', '.join(BACKENDS)}; got {self.backend!r}")
        if self.jobs == 0 or self.jobs < -1:
            raise ValueError(f"jobs must be 1 or more, or -1 for all cores; got {self.jobs}")
        if self.cluster and self.backend not in ("dask", "ray"):
            raise ValueError(f"--cluster goes with dask or ray, got the backend {self.backend!r}")


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

    Raises ImportError if the backend's library is not installed, and what starting it raises.
    """
    work = groups(tasks)
    if not work:
        return
    checksum = loaded(settings.backbone).checksum
    jobs = (
        joblib.delayed(run_group)(settings, dataset, group, place, checksum, number)
        for number, group in enumerate(work)
    )
    with _backend(place) as options:
        found = joblib.Parallel(**options)(jobs)
        try:
            list(tqdm(found, total=len(work), desc="benchmark", unit="category and seed"))
        except TerminatedWorkerError as error:
            raise OSError(
                "a process was killed, perhaps for want of memory; the rows so far are kept: run "
                "the same command again, with fewer --jobs"
            ) from error


def run_group(
    settings: Settings,
    dataset: Dataset,
    tasks: Sequence[Task],
    place: Place,
    checksum: str,
    number: int = 0,
) -> int:
    """Measure tasks of one category and seed; returns how many failed. `number` picks a GPU."""
    choice = settings.backbone.on(_worker_number(number))
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
        "versions": versions(),
    }
    opened: tuple[ProductLine, TestSet] | None = None
    features: dict[tuple, tuple] = {}
    failed = 0
    for task in tasks:
        begun = time.perf_counter()
        try:
            if opened is None:
                line = settings.load(dataset, task.product_line)
                opened = line, TestSet.of(line, settings.map_size, settings.resize)
            found = _measure(settings, backbone, task, *opened, features, encoder)
            found["error"] = None
        except Exception as error:  # whatever it is, it belongs to this task alone
            failed += 1
            told = " ".join(str(error).split())
            found = {"error": f"{type(error).__name__}: {told}"}
            found["seconds"] = round(time.perf_counter() - begun, 3)
        write_row(place.rows, task, found | label | _memory(backbone))
    return failed


def _measure(
    settings: Settings,
    backbone: Backbone,
    task: Task,
    line: ProductLine,
    test: TestSet,
    features: dict[tuple, tuple],
    encoder: CachedEncoder,
) -> dict[str, Any]:
    methods = tuple(m for m in settings.chosen_methods() if m.name == task.method)
    plan = Plan(methods, (max(task.shots, 1),), (task.seed,), settings.map_size)
    (row,) = measure_line(plan, backbone, line, task.seed, None, features, test, encoder)
    return dict(row)


def _memory(backbone: Backbone) -> dict[str, float]:
    """What the process holds after a task, in MB, and the most that it held on the GPU."""
    found = {"memory_mb": round(psutil.Process().memory_info().rss / 1e6, 1)}
    if backbone.device.type == "cuda":
        most = torch.cuda.max_memory_allocated(backbone.device)
        found["gpu_memory_mb"] = round(most / 1e6, 1)
    return found


def _worker_number(number: int) -> int:
    """The number of this process among joblib's own, so that it stays on one GPU; else `number`."""
    mine = re.search(r"LokyProcess-(\d+)$", current_process().name)
    return int(mine.group(1)) - 1 if mine else number


@contextmanager
def _backend(place: Place) -> Iterator[dict[str, Any]]:
    """Joblib's backend, started if it has to be; gives the options of `Parallel`."""
    streamed = {"return_as": "generator_unordered"}
    if place.backend == "dask":
        try:
            from distributed import Client
        except ImportError as error:
            raise _missing("dask", "distributed") from error
        cores = {} if place.jobs < 0 else {"n_workers": place.jobs}
        local = {"threads_per_worker": 1, "dashboard_address": None, **cores}
        client = Client(place.cluster) if place.cluster else Client(**local)
        with client, joblib.parallel_config("dask", n_jobs=place.jobs):
            yield {}
    elif place.backend == "ray":
        try:
            import ray
            from ray.util.joblib import register_ray
        except ImportError as error:
            raise _missing("ray", "ray") from error
        started = not ray.is_initialized()
        if started:
            cores = {"num_cpus": place.jobs} if place.jobs > 0 and not place.cluster else {}
            ray.init(address=place.cluster, include_dashboard=False, **cores)
        try:
            register_ray()
            with joblib.parallel_config("ray", n_jobs=place.jobs):
                yield {}
        finally:
            if started:
                ray.shutdown()
    else:
        with joblib.parallel_config(place.backend, n_jobs=place.jobs):
            yield streamed


def _missing(backend: str, library: str) -> ImportError:
    return ImportError(
        f"the backend {backend} needs the library {library}, which is not installed: "
        f"pip install 'promptad-tutorial[{backend}]', or use --backend loky"
    )
