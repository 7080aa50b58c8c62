"""What runs the work: this process, threads, processes, Dask or Ray, all behind one `submit`.

Every engine takes `submit(function, *arguments)` and gives back a future of `concurrent.futures`:
loky and threads do so by themselves, Dask by `Client.get_executor`, Ray by `ObjectRef.future`.
(joblib's own backend for Dask never returns from a call whose worker was killed, and Ray's takes
all others with it.) A cluster is started on this machine, on loopback alone and without a
dashboard, or an existing one is joined by its address and left running.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib import import_module
from queue import SimpleQueue
from typing import Any

from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError

from promptad_tutorial.benchmark.place import Place
from promptad_tutorial.clip.choice import BackboneChoice

CONNECT_SECONDS = 20  # to wait for the answer of a cluster
IDLE_SECONDS = 300  # after which a process without work ends
LOOPBACK = "127.0.0.1"
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
# Ray asks these when it is first imported: tell nobody of this run, and be reachable from nowhere
RAY_SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}


@dataclass(frozen=True)
class Engine:
    """What is running."""

    submit: Callable[..., Future]
    threads: int | None = None  # of torch in each worker; None: as the worker was started
    killed: tuple[type[BaseException], ...] = ()  # errors that say that a worker was killed
    at_once: int = sys.maxsize  # pieces of work to be handed out at a time


def engine(place: Place, choice: BackboneChoice) -> AbstractContextManager[Engine]:
    """The engine of `place`, running within the context.

    Raises ImportError if its library is not installed, and OSError or ValueError for a cluster that
    cannot be reached.
    """
    start = {"dask": _dask, "ray": _ray}.get(place.backend, _on_this_machine)
    return start(place, choice)


@contextmanager
def _on_this_machine(place: Place, choice: BackboneChoice) -> Iterator[Engine]:
    workers = place.workers(choice)
    threads = place.threads_each(workers)
    if workers == 1:
        yield Engine(_here_and_now, threads, at_once=1)
    elif place.backend == "threading":
        pool = ThreadPoolExecutor(workers)
        try:
            yield Engine(pool.submit, threads, at_once=workers)
        finally:
            pool.shutdown(cancel_futures=True)
    else:
        environment = {name: str(threads) for name in THREAD_VARIABLES if threads}

        def processes() -> Any:  # new ones, if the last were killed
            return get_reusable_executor(workers, timeout=IDLE_SECONDS, env=environment)

        def submit(*work: Any) -> Future:
            return processes().submit(*work)

        try:
            yield Engine(submit, threads, (TerminatedWorkerError,), workers)
        finally:
            processes().shutdown(kill_workers=True)


def _here_and_now(function: Callable, *arguments: Any) -> Future:
    """Do the work here and now; what it raises comes with the future."""
    done: Future = Future()
    try:
        done.set_result(function(*arguments))
    except Exception as error:
        done.set_exception(error)
    return done


@contextmanager
def _dask(place: Place, choice: BackboneChoice) -> Iterator[Engine]:
    distributed = _library("dask", "distributed")
    workers = place.workers(choice)
    own = {
        "n_workers": workers,
        "threads_per_worker": 1,
        "host": LOOPBACK,
        "dashboard_address": None,
        "worker_dashboard_address": None,
        "memory_limit": None,  # --jobs says how many fit; a worker that is paused helps nobody
        "silence_logs": logging.ERROR,  # of workers that are slow to leave
    }
    try:
        how = {} if place.cluster else own
        client = distributed.Client(place.cluster, timeout=CONNECT_SECONDS, **how)
    except OSError as error:
        raise OSError(
            f"expected a running Dask scheduler at {place.cluster}, found none within "
            f"{CONNECT_SECONDS} s ({error}): start one with `dask scheduler` and workers with "
            "`dask worker ADDRESS`, or correct --cluster"
        ) from error
    with client:
        threads = place.threads if place.cluster else place.threads_each(workers)
        most = place.jobs if place.jobs > 0 else sys.maxsize
        submit = client.get_executor(pure=False).submit
        yield Engine(submit, threads, (distributed.KilledWorker,), most)


@contextmanager
def _ray(place: Place, choice: BackboneChoice) -> Iterator[Engine]:
    if "ray" not in sys.modules:
        for name, value in RAY_SETTINGS.items():
            if not (place.cluster and "CLUSTER" in name):  # another machine has to find this one
                os.environ.setdefault(name, value)
    ray = _library("ray", "ray")
    workers = place.workers(choice)
    started = not ray.is_initialized()
    if started:
        _start_ray(place, ray, workers)
    try:
        here = ray.cluster_resources()
        gpus = int(here.get("GPU", 0)) if choice.device in (None, "cuda") else 0
        most = gpus or int(here.get("CPU", 1))
        most = min(place.jobs, most) if place.jobs > 0 else most
        # an actor keeps its GPU and its backbone; one that asks for no GPU is shown none
        hand = ray.remote(_Hand).options(num_gpus=int(gpus > 0))
        killed = (ray.exceptions.RayActorError, ray.exceptions.WorkerCrashedError)
        free: SimpleQueue = SimpleQueue()
        for _ in range(most):
            free.put(None)

        def submit(function: Callable, *arguments: Any) -> Future:
            mine = free.get() or hand.remote()
            future = mine.do.remote(function, *arguments).future()
            # no restarts: while Ray restarts an actor, it refuses work. A new one is made by who
            # submits, as callbacks run in Ray's own thread, which must not wait for Ray
            future.add_done_callback(
                lambda done: free.put(None if isinstance(done.exception(), killed) else mine)
            )
            return future

        threads = place.threads if place.cluster else place.threads_each(workers)
        yield Engine(submit, threads, killed, most)
    finally:
        if started:
            ray.shutdown()


class _Hand:
    """A worker of Ray's: a process that does one piece of work after the other."""

    def do(self, function: Callable, *arguments: Any) -> Any:
        """The result of the work."""
        return function(*arguments)


def _start_ray(place: Place, ray: Any, workers: int) -> None:
    how: dict[str, Any] = {"include_dashboard": False, "logging_level": "WARNING"}
    if not place.cluster:
        ray.init(address="local", num_cpus=workers, **how)
        return
    try:
        # Ray itself would go on trying for many minutes; forms but HOST:PORT are left to it
        host, _, port = place.cluster.removeprefix("ray://").rpartition(":")
        if host and port.isdecimal():
            socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
        ray.init(address=place.cluster, **how)
    except (OSError, RuntimeError) as error:
        raise OSError(
            f"expected a running Ray cluster at {place.cluster}, found none ({error}): start one "
            "with `ray start --head`, or correct --cluster"
        ) from error


def _library(backend: str, name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f"the backend {backend} needs the library {name}, which is not installed: "
            f"pip install 'promptad-tutorial[{backend}]', or use --backend loky"
        ) from error
