"""Many workers make the rows of one, also when some are killed: processes, Dask and Ray.

The clusters are real, with two workers on this machine.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import cloudpickle
import joblib
import psutil
import pytest
import torch
from filelock import FileLock

from promptad_tutorial.benchmark import engines, runner, settings, tasks
from promptad_tutorial.benchmark.place import Place, own_gpu
from promptad_tutorial.benchmark.settings import BackboneChoice, Settings
from promptad_tutorial.benchmark.tasks import STARTS, WorkerKilledError
from promptad_tutorial.datasets import Dataset, ProductLine

CHOICE = BackboneChoice(device="cpu")
CHANGES = {"seconds", "memory_mb", "gpu_memory_mb"}  # timings and memory: from run to run
FACTS = 4  # questions asked of two workers


@dataclass(frozen=True)
class Deadly(Dataset):
    """Reading its category "wood" kills the process, as often as `deaths` says in all."""

    graves: Path = Path()
    deaths: int = 0

    def load(self, name: str, **how: object) -> ProductLine:
        if name == "wood":
            for number in range(self.deaths):
                with contextlib.suppress(FileExistsError):
                    (self.graves / str(number)).mkdir(parents=True)
                    os.kill(os.getpid(), signal.SIGKILL)
        return super().load(name, **how)


def deadly(dataset: Dataset, graves: Path, deaths: int) -> Deadly:
    return Deadly(**vars(dataset), graves=graves, deaths=deaths)


@pytest.fixture(scope="module")
def wanted(two_lines) -> Settings:
    methods = ("zero-shot", "PromptAD")
    return Settings(
        "mvtec", two_lines.root, CHOICE, methods, shots=(1,), seeds=2, map_size=24, steps=2
    )


@pytest.fixture(scope="module")
def every(wanted) -> tuple[tasks.Task, ...]:
    return tasks.all_tasks(wanted, wanted.open(), settings.loaded(CHOICE))


@pytest.fixture(scope="module")
def serial(wanted, every, tmp_path_factory) -> dict[str, dict]:
    """The rows of one process."""
    place = Place(tmp_path_factory.mktemp("serial") / "rows", jobs=1)
    runner.run(wanted, wanted.open(), every, place)
    found = rows_of(place)
    assert len(found) == len(every) == 6 and not any(row["error"] for row in found.values())
    return found


def rows_of(place: Place) -> dict[str, dict]:
    """Every row by its file's name, without timings."""
    found = {}
    for path in place.rows.iterdir():
        row = tasks.json.loads(path.read_text())
        found[path.name] = {k: v for k, v in row.items() if k not in CHANGES}
    return found


def check_rows_in_spite_of_deaths(
    place: Place, wanted: Settings, every: tuple, serial: dict, folder: Path, deaths: int
) -> None:
    """Workers die of one task: once is made good, twice is its row; all others are the serial ones.

    Then the same run with `retry`, in which nobody dies, makes the one that is left.
    """
    graves = folder / "graves"
    runner.run(wanted, deadly(wanted.open(), graves, deaths), every, place)
    assert len(list(graves.iterdir())) == deaths
    found = rows_of(place)
    failed = {name for name, row in found.items() if row["error"]}
    assert found.keys() == serial.keys() and len(failed) == (deaths == STARTS)
    assert all(found[name] == serial[name] for name in found.keys() - failed)
    for name in failed:
        assert found[name]["product_line"] == "wood"
        assert found[name]["error"].startswith("WorkerKilledError")
    left = runner.unfinished(every, place.rows, retry=True)
    assert {task.file for task in left} == failed
    runner.run(wanted, wanted.open(), left, replace(place, backend="loky", cluster=None, jobs=1))
    assert rows_of(place) == serial


@contextlib.contextmanager
def nothing_left_behind() -> Iterator[None]:
    """All processes that were started within the context are gone after it."""
    me = psutil.Process()
    before = set(me.children(recursive=True))
    yield
    end = time.monotonic() + 20
    while left := [
        one
        for one in set(me.children(recursive=True)) - before
        if one.is_running()
        and one.status() != psutil.STATUS_ZOMBIE
        and "resource_tracker" not in " ".join(one.cmdline())
    ]:
        assert time.monotonic() < end, left
        time.sleep(0.1)


def facts() -> dict[str, object]:
    """What a worker is: asked within one."""
    time.sleep(0.5)  # so that both workers get a question
    return {
        "process": os.getpid(),
        "gpus": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "gpu": own_gpu(("0", "1")),
        "listens": listening(),
    }


def listening() -> set[str]:
    """The addresses at which this process waits for others."""
    found = psutil.Process().net_connections("inet")
    return {one.laddr.ip for one in found if one.status == psutil.CONN_LISTEN}


def ask(running: engines.Engine) -> list[dict]:
    """The facts of both workers."""
    found = [one.result() for one in [running.submit(facts) for _ in range(FACTS)]]
    assert len(found) == FACTS and len({one["process"] for one in found}) == 2
    assert os.getpid() not in {one["process"] for one in found}
    return found


# --- one machine ----------------------------------------------------------------------------


@pytest.mark.slow
def test_processes_make_the_rows_of_one_though_some_are_killed(wanted, every, serial, tmp_path):
    place = Place(tmp_path / "rows", tmp_path / "cache", jobs=2)
    check_rows_in_spite_of_deaths(place, wanted, every, serial, tmp_path, deaths=2)


def test_threads_make_the_rows_of_one(wanted, every, serial, tmp_path):
    place = Place(tmp_path / "rows", tmp_path / "cache", jobs=2, backend="threading")
    runner.run(wanted, wanted.open(), every, place)
    assert rows_of(place) == serial


def test_workers_that_die_before_they_begin_are_one_error(monkeypatch, wanted, every, tmp_path):
    class Dead(Exception):
        pass

    def dies(*rest, **options):
        raise Dead

    @contextlib.contextmanager
    def broken(place, choice):
        yield engines.Engine(engines._here_and_now, killed=(Dead,))

    monkeypatch.setattr(runner, "engine", broken)
    monkeypatch.setattr(runner, "run_group", dies)
    with pytest.raises(OSError, match="killed before it began .* fewer --jobs"):
        runner.run(wanted, wanted.open(), every, Place(tmp_path / "rows", jobs=1))


def test_workers_that_write_elsewhere_are_one_error(monkeypatch, wanted, every, tmp_path):
    monkeypatch.setattr(runner, "run_group", lambda *rest: 0)  # as on a machine with other folders
    with pytest.raises(OSError, match=f"no rows into {tmp_path}: .* share this folder"):
        runner.run(wanted, wanted.open(), every, Place(tmp_path / "rows", jobs=1))


def test_a_task_is_given_up_after_two_workers(every, tmp_path):
    rows, (one, other, *_) = tmp_path / "rows", every
    assert not tasks.begun(rows, one)
    for _ in range(STARTS):
        tasks.begin(rows, one)
        assert tasks.begun(rows, one) and not tasks.begun(rows, other)
    with pytest.raises(WorkerKilledError, match="killed 2 times .* --retry"):
        tasks.begin(rows, one)
    tasks.no_longer_begun(rows, one)
    tasks.begin(rows, one)  # another run
    assert tasks.begun(rows, one)


def test_the_cores_are_shared_out(monkeypatch, tmp_path):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(joblib, "cpu_count", lambda: 8)
    place = Place(tmp_path)
    assert [place.threads_each(n) for n in (1, 2, 3, 8, 16)] == [None, 4, 2, 1, 1]
    assert replace(place, threads=3).threads_each(8) == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "5")  # its owner knows better
    assert place.threads_each(2) is None and replace(place, threads=3).threads_each(2) == 3


def test_a_worker_computes_with_its_share_of_threads(monkeypatch, wanted, every, tmp_path):
    count = torch.get_num_threads
    seen, before = [], count()
    monkeypatch.setattr(runner, "unfinished", lambda *rest: seen.append(count()) or ())
    checksum = settings.loaded(CHOICE).checksum
    for threads in (None, before + 1):
        job = runner.Job(wanted, wanted.open(), Place(tmp_path / "rows"), checksum, threads)
        runner.run_group(job, every)
    assert seen == [before, before + 1] and count() == before


def test_a_worker_with_other_weights_is_refused(wanted, every, tmp_path):
    job = runner.Job(wanted, wanted.open(), Place(tmp_path / "rows"), "0" * 64)
    with pytest.raises(ValueError, match="expected weights 000000000000 in every process"):
        runner.run_group(job, every)


# --- GPUs, of which this machine may have none ---------------------------------------------------


def test_each_worker_has_a_gpu_of_its_own(monkeypatch, tmp_path):
    choice = BackboneChoice()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert [choice.on(n).device for n in range(4)] == ["cuda:0", "cuda:1", "cuda:2", "cuda:0"]
    assert replace(choice, device="cpu").on(1).device == "cpu"
    assert replace(choice, device="cuda:2").on(0).device == "cuda:2"
    assert Place(tmp_path).workers(choice) == 3
    assert Place(tmp_path, jobs=5).workers(choice) == 5
    assert Place(tmp_path).workers(replace(choice, device="cuda:2")) == 1
    assert Place(tmp_path).workers(replace(choice, device="cpu")) == joblib.cpu_count()
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert choice.on(1) == choice


def taken(workers: int, *visible: str) -> list[int]:
    """What each of so many workers takes, threads that all live until the last has asked."""
    meet = threading.Barrier(workers)
    names = iter([*visible] * workers)

    def ask(seen: Sequence[str]) -> tuple[int, int]:
        mine = own_gpu(seen)
        meet.wait(60)
        return mine, own_gpu(seen)

    with ThreadPoolExecutor(workers) as pool:
        both = list(pool.map(ask, [next(names).split(",") for _ in range(workers)]))
    assert all(first == again for first, again in both)  # a worker keeps its own
    return sorted(first for first, _ in both)


@pytest.fixture
def no_gpu_taken(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_workers_of_a_machine_share_its_gpus_evenly(no_gpu_taken):
    assert taken(2, "0,1") == [0, 1]
    assert taken(2, "0,1") == [0, 1]  # those who had them are gone
    assert taken(5, "0,1") == [0, 0, 0, 1, 1]
    assert taken(2, "0,1", "1,0") == [0, 0]  # as dask-cuda does it: its own comes first
    assert taken(2, "GPU-a/1,GPU-b/2") == [0, 1]
    assert taken(3, "7") == [0, 0, 0]
    assert own_gpu() == 0 or torch.cuda.device_count() > 1


def own_gpu_of_a_thread() -> int:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(own_gpu).result()


def test_the_gpus_that_a_worker_sees_are_those_of_its_environment(no_gpu_taken, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,3")
    assert own_gpu_of_a_thread() == 0
    (folder,) = Path(tempfile.gettempdir()).glob("promptad-gpus-*")
    with FileLock(folder / "5.0"):  # somebody else's
        assert own_gpu_of_a_thread() == 1


# --- clusters -------------------------------------------------------------------------------


@pytest.fixture
def by_value() -> Iterator[None]:
    """Workers elsewhere cannot import this file: it travels with what is sent."""
    here = sys.modules[__name__]
    for pickle in (cloudpickle, *_rays_pickle()):
        pickle.register_pickle_by_value(here)
    yield
    for pickle in (cloudpickle, *_rays_pickle()):
        pickle.unregister_pickle_by_value(here)


def _rays_pickle() -> list:
    return [sys.modules["ray.cloudpickle"]] if "ray.cloudpickle" in sys.modules else []


@pytest.fixture
def dask() -> object:
    return pytest.importorskip("distributed", reason="the extra dask is not installed")


@pytest.fixture
def ray(monkeypatch) -> object:
    if "ray" not in sys.modules:
        for name, value in engines.RAY_SETTINGS.items():
            monkeypatch.setenv(name, value)
    return pytest.importorskip("ray", reason="the extra ray is not installed")


@pytest.mark.slow
def test_a_dask_cluster_makes_the_rows_of_one_though_a_worker_is_killed(
    dask, by_value, wanted, every, serial, tmp_path
):
    local = {"host": engines.LOOPBACK, "dashboard_address": None, "silence_logs": 50}
    with (
        nothing_left_behind(),
        dask.LocalCluster(n_workers=2, threads_per_worker=1, **local) as cluster,
    ):
        address = cluster.scheduler_address
        place = Place(tmp_path / "rows", tmp_path / "cache", backend="dask", cluster=address)
        check_rows_in_spite_of_deaths(place, wanted, every, serial, tmp_path, deaths=1)
        assert cluster.scheduler.workers  # it is not ours to close


@pytest.mark.slow
def test_dasks_own_workers_are_on_loopback_with_one_thread_and_a_gpu_each(dask, by_value, tmp_path):
    place = Place(tmp_path, backend="dask", jobs=2)
    with nothing_left_behind(), engines.engine(place, BackboneChoice()) as running:
        found = ask(running)
        assert {one["threads"] for one in found} == {"1"} and {one["gpu"] for one in found} == {
            0,
            1,
        }
        assert set.union(listening(), *(one["listens"] for one in found)) == {engines.LOOPBACK}


@pytest.mark.slow
def test_a_task_that_dask_gives_up_is_an_error_and_no_endless_wait(dask, by_value, tmp_path):
    import dask as library

    with (
        library.config.set({"distributed.scheduler.allowed-failures": 0}),
        engines.engine(Place(tmp_path, backend="dask", jobs=1), CHOICE) as running,
        pytest.raises(running.killed),
    ):
        running.submit(os._exit, 1).result(timeout=300)


@pytest.mark.slow
def test_a_ray_cluster_makes_the_rows_of_one_though_a_worker_is_killed(
    ray, by_value, wanted, every, serial, tmp_path
):
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 2, "num_gpus": 2, "include_dashboard": False}  # the GPUs are not there
    with nothing_left_behind():
        cluster = Cluster(True, head_node_args=head)
        try:
            address = cluster.address
            place = Place(tmp_path / "rows", tmp_path / "cache", backend="ray", cluster=address)
            check_rows_in_spite_of_deaths(place, wanted, every, serial, tmp_path, deaths=1)
            assert not ray.is_initialized() and cluster.head_node.all_processes  # still running
            with engines.engine(place, BackboneChoice()) as running:
                assert {one["gpus"] for one in ask(running)} == {"0", "1"}
        finally:
            cluster.shutdown()


@pytest.mark.slow
def test_rays_own_cluster_is_on_loopback_and_tells_nobody(ray, monkeypatch, tmp_path):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # set by the user: then Ray's workers keep it
    with (
        nothing_left_behind(),
        engines.engine(Place(tmp_path, backend="ray", jobs=2), CHOICE) as running,
    ):
        assert ray.cluster_resources()["CPU"] == 2 and running.threads is None
        assert ray.util.get_node_ip_address() == engines.LOOPBACK
        assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert not ray.is_initialized()


@pytest.mark.parametrize("backend", ["dask", "ray"])
def test_a_cluster_that_is_not_there_is_one_error(request, monkeypatch, tmp_path, backend):
    request.getfixturevalue(backend)
    monkeypatch.setattr(engines, "CONNECT_SECONDS", 1)
    with socket.socket() as free:
        free.bind((engines.LOOPBACK, 0))
        address = f"{engines.LOOPBACK}:{free.getsockname()[1]}"
    place = Place(tmp_path, backend=backend, cluster=address)
    with (
        pytest.raises(OSError, match=rf"expected a running \w+ (scheduler|cluster) at {address}"),
        engines.engine(place, CHOICE),
    ):
        pass
