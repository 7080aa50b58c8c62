"""What runs the tasks: joblib on this machine, or Dask or Ray through joblib's backends.

Each engine gives the options of `joblib.Parallel`, the errors that mean "a worker was killed", and
what a worker may use of its machine. A cluster is started on this machine, on loopback alone and
without a dashboard, or an existing one is joined by its address and left running.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import joblib
from joblib.externals.loky.process_executor import TerminatedWorkerError

from promptad_tutorial.benchmark.place import Place
from promptad_tutorial.benchmark.settings import BackboneChoice
from promptad_tutorial.benchmark.workers import Share, describe, gpu_numbers

CONNECT_SECONDS = 20  # to wait for the answer of a cluster
LOOPBACK = "127.0.0.1"
# Ray asks these when it is first imported: tell nobody of this run, and be reachable from nowhere
RAY_SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}


@dataclass(frozen=True)
class Engine:
    """What is running."""

    killed: tuple[type[BaseException], ...]  # errors that say that a worker was killed
    share: Share  # for every worker
    options: dict[str, Any] = field(default_factory=dict)  # of `joblib.Parallel`


def engine(place: Place, choice: BackboneChoice) -> AbstractContextManager[Engine]:
    """The engine of `place`, running within the context.

    Raises ImportError, at once, if its library is not installed, and within the context OSError or
    ValueError for a cluster that cannot be reached.
    """
    if place.backend == "dask":
        return _dask(place, choice, _import_dask())
    if place.backend == "ray":
        return _ray(place, choice, _import_ray(place))
    return _joblib(place, choice)


@contextmanager
def _joblib(place: Place, choice: BackboneChoice) -> Iterator[Engine]:
    workers = place.workers(choice)
    options = {"return_as": "generator_unordered", "batch_size": 1}
    with joblib.parallel_config(place.backend, n_jobs=workers):
        yield Engine((TerminatedWorkerError,), Share(place.threads_each(workers)), options)


def _import_dask() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise _missing("dask", "distributed") from error
    return distributed


@contextmanager
def _dask(place: Place, choice: BackboneChoice, distributed: Any) -> Iterator[Engine]:
    from promptad_tutorial.benchmark.dask_backend import ReportingDaskBackend

    workers = place.workers(choice)
    if place.cluster:
        cluster, threads = None, place.threads
    else:
        cluster = distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            host=LOOPBACK,
            dashboard_address=None,
            worker_dashboard_address=None,
            memory_limit=None,  # --jobs says how many fit; a worker that is paused helps nobody
        )
        threads = place.threads_each(workers)
    try:
        with _quiet("distributed", logging.WARNING), _client(place, distributed, cluster) as client:
            gpus = {}
            if choice.device in (None, "cuda"):
                gpus = gpu_numbers(client.run(describe))
            backend = ReportingDaskBackend(client=client, most=place.jobs)
            options = {"return_as": "generator_unordered", "batch_size": 1}
            if place.jobs > 0:
                options["pre_dispatch"] = "n_jobs"  # no more than so many are at work
            with joblib.parallel_config(backend, n_jobs=place.jobs):
                yield Engine((distributed.KilledWorker,), Share(threads, gpus), options)
    finally:
        if cluster is not None:
            with _quiet("distributed", logging.ERROR):  # of workers that are slow to leave
                cluster.close()


@contextmanager
def _quiet(library: str, level: int) -> Iterator[None]:
    """Within the context a library logs nothing below `level`: users cannot mend its debris."""
    logger = logging.getLogger(library)
    before = logger.level
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(before)


def _client(place: Place, distributed: Any, cluster: Any) -> Any:
    try:
        return distributed.Client(cluster or place.cluster, timeout=CONNECT_SECONDS)
    except OSError as error:
        raise OSError(
            f"expected a running Dask scheduler at {place.cluster}, found none within "
            f"{CONNECT_SECONDS} s ({error}): start one with `dask scheduler` and workers with "
            "`dask worker ADDRESS`, or correct --cluster"
        ) from error


def _import_ray(place: Place) -> Any:
    if "ray" not in sys.modules:
        wanted = dict(RAY_SETTINGS)
        if place.cluster:  # another machine has to find this one
            del wanted["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"]
        for name, value in wanted.items():
            os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise _missing("ray", "ray") from error
    return ray


@contextmanager
def _ray(place: Place, choice: BackboneChoice, ray: Any) -> Iterator[Engine]:
    from ray.util.joblib import register_ray

    workers = place.workers(choice)
    started = not ray.is_initialized()
    if started:
        _start_ray(place, ray, workers)
    try:
        here = ray.cluster_resources()
        gpus = int(here.get("GPU", 0)) if choice.device in (None, "cuda") else 0
        most = gpus or int(here.get("CPU", 1))
        jobs = most if place.jobs < 0 else min(place.jobs, most)
        # an actor that asks for no GPU is shown none
        asked = {"ray_remote_args": {"num_gpus": 1}} if gpus else {}
        threads = place.threads if place.cluster else place.threads_each(workers)
        killed = (ray.exceptions.RayActorError, ray.exceptions.WorkerCrashedError)
        register_ray()
        with joblib.parallel_config("ray", n_jobs=jobs, **asked):
            yield Engine(killed, Share(threads), {"batch_size": 1})
    finally:
        if started:
            ray.shutdown()


def _start_ray(place: Place, ray: Any, workers: int) -> None:
    how: dict[str, Any] = {"include_dashboard": False, "logging_level": "WARNING"}
    if not place.cluster:
        ray.init(address="local", num_cpus=workers, **how)
        return
    try:
        _knock(place.cluster)  # Ray itself would go on trying for many minutes
        ray.init(address=place.cluster, **how)
    except (OSError, RuntimeError) as error:
        raise OSError(
            f"expected a running Ray cluster at {place.cluster}, found none ({error}): start one "
            "with `ray start --head`, or correct --cluster"
        ) from error


def _knock(address: str) -> None:
    """Raise OSError unless something answers at HOST:PORT; other forms are left to Ray."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()


def _missing(backend: str, library: str) -> ImportError:
    return ImportError(
        f"the backend {backend} needs the library {library}, which is not installed: "
        f"pip install 'promptad-tutorial[{backend}]', or use --backend loky"
    )
