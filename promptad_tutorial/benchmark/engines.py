"""What runs the work: this process, threads, processes, Dask or Ray, all behind one `submit`.

Every engine takes `submit(function, *arguments)` and gives back a future of `concurrent.futures`:
loky and threads do so by themselves, Dask by `Client.get_executor`, Ray by `ObjectRef.future`. A
cluster is started on this machine, on loopback alone and without a dashboard, or an existing one
is joined by its address and left running.

    in:  a Place (which engine, how many workers), a BackboneChoice (which device)
    out: an Engine, within a context
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError

from promptad_tutorial.benchmark.place import Place, Share, describe, gpu_numbers
from promptad_tutorial.benchmark.settings import BackboneChoice

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
    share: Share = field(default_factory=Share)  # what every worker is told
    killed: tuple[type[BaseException], ...] = ()  # errors that say that a worker was killed
    at_once: int = sys.maxsize  # pieces of work to be handed out at a time


def engine(place: Place, choice: BackboneChoice) -> AbstractContextManager[Engine]:
    """The engine of `place`, running within the context.

    Raises ImportError, at once, if its library is not installed, and within the context OSError or
    ValueError for a cluster that cannot be reached.
    """
    if place.backend == "dask":
        return _dask(place, choice, _import_dask())
    if place.backend == "ray":
        return _ray(place, choice, _import_ray(place))
    return _on_this_machine(place, choice)


@contextmanager
def _on_this_machine(place: Place, choice: BackboneChoice) -> Iterator[Engine]:
    workers = place.workers(choice)
    share = Share(place.threads_each(workers))
    if workers == 1:
        yield Engine(_here_and_now, share, at_once=1)
    elif place.backend == "threading":
        pool = ThreadPoolExecutor(workers, thread_name_prefix="Thread")
        try:
            yield Engine(pool.submit, share, at_once=workers)
        finally:
            pool.shutdown(cancel_futures=True)
    else:
        environment = {name: str(share.threads) for name in THREAD_VARIABLES if share.threads}

        def processes() -> Any:  # new ones, if the last were killed
            return get_reusable_executor(workers, timeout=IDLE_SECONDS, env=environment)

        try:
            yield Engine(
                lambda *work: processes().submit(*work), share, (TerminatedWorkerError,), workers
            )
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


def _import_dask() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise _missing("dask", "distributed") from error
    return distributed


@contextmanager
def _dask(place: Place, choice: BackboneChoice, distributed: Any) -> Iterator[Engine]:
    workers = place.workers(choice)
    threads = place.threads if place.cluster else place.threads_each(workers)
    own = {
        "n_workers": workers,
        "threads_per_worker": 1,
        "host": LOOPBACK,
        "dashboard_address": None,
        "worker_dashboard_address": None,
        "memory_limit": None,  # --jobs says how many fit; a worker that is paused helps nobody
    }
    with (
        _quiet("distributed", logging.ERROR),  # of workers that are slow to leave
        _client(place, distributed, {} if place.cluster else own) as client,
    ):
        gpus = gpu_numbers(client.run(describe)) if choice.device in (None, "cuda") else {}
        most = place.jobs if place.jobs > 0 else sys.maxsize
        submit = client.get_executor(pure=False).submit
        yield Engine(submit, Share(threads, gpus), (distributed.KilledWorker,), most)


@contextmanager
def _quiet(library: str, level: int) -> Iterator[None]:
    """Within the context a library logs nothing below `level`: users can do nothing about it."""
    logger = logging.getLogger(library)
    before = logger.level
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(before)


def _client(place: Place, distributed: Any, own: dict[str, Any]) -> Any:
    """Of the cluster that runs, or of an own one that ends with the client."""
    try:
        return distributed.Client(place.cluster, timeout=CONNECT_SECONDS, **own)
    except OSError as error:
        raise OSError(
            f"expected a running Dask scheduler at {place.cluster}, found none within "
            f"{CONNECT_SECONDS} s ({error}): start one with `dask scheduler` and workers with "
            "`dask worker ADDRESS`, or correct --cluster"
        ) from error


def _import_ray(place: Place) -> Any:
    if "ray" not in sys.modules:
        for name, value in RAY_SETTINGS.items():
            if not (place.cluster and "CLUSTER" in name):  # another machine has to find this one
                os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise _missing("ray", "ray") from error
    return ray


@contextmanager
def _ray(place: Place, choice: BackboneChoice, ray: Any) -> Iterator[Engine]:
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

            def give_back(done: Future) -> None:
                # no restarts: while Ray restarts an actor, it refuses work. A new one is made by
                # who submits, as this runs in Ray's own thread, which must not wait for Ray
                free.put(None if isinstance(done.exception(), killed) else mine)

            future.add_done_callback(give_back)
            return future

        threads = place.threads if place.cluster else place.threads_each(workers)
        yield Engine(submit, Share(threads), killed, most)
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
