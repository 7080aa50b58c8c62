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
from dataclasses import dataclass, replace
from multiprocessing import current_process
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import psutil
import torch
from joblib.externals.loky.process_executor import TerminatedWorkerError
from PIL import Image
from tqdm.auto import tqdm

from promptad_tutorial.benchmark.cases import Case, worst_cases, write_cases
from promptad_tutorial.benchmark.comparison import Plan, Scored, measure_line
from promptad_tutorial.benchmark.encoding import CachedEncoder
from promptad_tutorial.benchmark.feature_cache import FeatureCache
from promptad_tutorial.benchmark.run_folder import CASES
from promptad_tutorial.benchmark.settings import Settings, loaded
from promptad_tutorial.benchmark.tasks import Task, groups, read_row, write_row
from promptad_tutorial.benchmark.test_set import TestSet
from promptad_tutorial.datasets import Dataset, ProductLine, Sample, read_mask
from promptad_tutorial.frozen_clip import Backbone
from promptad_tutorial.provenance import commit, versions

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
    cases: int = 3  # worst false alarms, and most-missed defects, kept as pictures of seed 0

    def __post_init__(self) -> None:
        if self.backend not in BACKENDS:
            raise ValueError(f"backend must be one of {', '.join(BACKENDS)}; got {self.backend!r}")
        if self.jobs == 0 or self.jobs < -1:
            raise ValueError(f"jobs must be 1 or more, or -1 for all cores; got {self.jobs}")
        if self.cases < 0:
            raise ValueError(f"cases must be 0 or more, got {self.cases}")
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
        "resize": settings.resize,
        "commit": commit(),
        "versions": versions(),
    }
    opened: tuple[ProductLine, TestSet] | None = None
    features: dict[tuple, tuple] = {}
    failed = 0
    for task in tasks:
        begun = time.perf_counter()
        cases: tuple[Case, ...] = ()
        try:
            if opened is None:
                line = settings.load(dataset, task.product_line)
                opened = line, test_set(line, settings)
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


def test_set(line: ProductLine, settings: Settings) -> TestSet:
    """The test set, its masks cut as the pictures are. ValueError as `TestSet.of` raises it."""
    whole = TestSet.of(line, settings.map_size)
    if settings.resize == "squash" or whole.masks is None:
        return whole
    size = settings.map_size
    masks = [central_square(read_mask(s), size) for s in whole.samples]
    return replace(whole, masks=np.stack(masks))


def central_square(mask: np.ndarray, size: int) -> np.ndarray:
    """What `images.preprocess` leaves of a picture with resize="crop", here of a mask, nearest."""
    height, width = mask.shape
    short = min(height, width)
    shape = int(size * width / short), int(size * height / short)
    image = Image.fromarray(mask.astype(np.uint8)).resize(shape, Image.Resampling.NEAREST)
    left, top = round((shape[0] - size) / 2), round((shape[1] - size) / 2)
    return np.asarray(image.crop((left, top, left + size, top + size))) > 0


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
