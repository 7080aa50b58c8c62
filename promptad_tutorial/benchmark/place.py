"""Where a run works: folders, workers, and a worker's share of its machine. Nothing decides a row.

Workers are threads, or processes of loky's, of Dask's or of Ray's. A process of Ray's sees its own
GPU alone: Ray sets CUDA_VISIBLE_DEVICES. One of Dask's does too if dask-cuda started it (its own
comes first); others get the number of their place among the workers of their machine.
"""

from __future__ import annotations

import os
import re
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import current_process
from pathlib import Path

import joblib
import torch

from promptad_tutorial.benchmark.settings import BackboneChoice

BACKENDS = ("loky", "threading", "dask", "ray")
CLUSTERS = ("dask", "ray")


@dataclass(frozen=True)
class Place:
    """Folders and workers of a run. ValueError for wishes that do not fit together."""

    rows: Path
    cache: Path | None = None  # None: features are not kept
    cache_bytes: float = 20e9
    jobs: int = -1  # workers; -1: one a GPU where the device is CUDA, else one a core
    backend: str = "loky"
    cluster: str | None = None  # address of a running cluster; None: one on this machine
    threads: int | None = None  # of torch in each worker; None: the cores are shared out
    cases: int = 3  # worst false alarms, and most-missed defects, kept as pictures of seed 0

    def __post_init__(self) -> None:
        expected = ""
        if self.backend not in BACKENDS:
            expected = f"backend must be one of {', '.join(BACKENDS)}; got {self.backend!r}"
        elif self.jobs == 0 or self.jobs < -1:
            expected = f"jobs must be 1 or more, or -1 for all cores; got {self.jobs}"
        elif self.threads is not None and self.threads < 1:
            expected = f"threads must be 1 or more, got {self.threads}"
        elif self.cases < 0:
            expected = f"cases must be 0 or more, got {self.cases}"
        elif self.cluster and self.backend not in CLUSTERS:
            expected = f"--cluster goes with dask or ray, got the backend {self.backend!r}"
        if expected:
            raise ValueError(expected)

    def workers(self, choice: BackboneChoice) -> int:
        """How many workers there will be on this machine."""
        return self.jobs if self.jobs > 0 else own_workers(choice)

    def threads_each(self, workers: int) -> int | None:
        """Threads of torch in one of so many workers on this machine; None: leave it as it is.

        The cores are shared out, unless OMP_NUM_THREADS says what its owner wants.
        """
        if self.threads is not None or workers == 1 or "OMP_NUM_THREADS" in os.environ:
            return self.threads
        return max(1, joblib.cpu_count() // workers)


@dataclass(frozen=True)
class Share:
    """What the driver tells every worker."""

    threads: int | None = None  # of torch; None: as the worker was started
    gpus: Mapping[str, int] = field(default_factory=dict)  # of a worker of Dask's, by its address


def own_workers(choice: BackboneChoice) -> int:
    """One worker for each GPU that the backbone may use, or for each core of this machine."""
    device = choice.device or ("cuda" if torch.cuda.is_available() else "cpu")
    if device == "cuda":
        return max(1, torch.cuda.device_count())
    return joblib.cpu_count() if torch.device(device).type == "cpu" else 1


def own_number(share: Share) -> int:
    """The number of this worker among those of its machine, the same for all of its tasks."""
    distributed = sys.modules.get("distributed")  # a worker of Dask's has it imported
    if share.gpus and distributed is not None:
        try:
            return share.gpus.get(distributed.get_worker().address, 0)
        except ValueError:  # this process is none of its workers
            pass
    for name, first in ((current_process().name, 1), (threading.current_thread().name, 0)):
        mine = re.match(r"(?:LokyProcess-|Thread_)(\d+)", name)
        if mine:
            return int(mine.group(1)) - first
    return 0


@contextmanager
def torch_threads(number: int | None) -> Iterator[None]:
    """Within the context torch computes with so many threads; None changes nothing."""
    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def describe() -> tuple[str, str | None]:
    """(machine, CUDA_VISIBLE_DEVICES) of this process: what `gpu_numbers` needs."""
    return socket.gethostname(), os.environ.get("CUDA_VISIBLE_DEVICES")


def gpu_numbers(workers: Mapping[str, tuple[str, str | None]]) -> dict[str, int]:
    """The GPU of each worker, by its address, as an index into those that it sees.

    Where the workers of a machine see different lists, their engine has given each its own, which
    comes first. Where all see the same, they take them in turn.
    """
    found = {}
    machines: dict[str, list[tuple[str, str | None]]] = {}
    for address, (machine, visible) in sorted(workers.items()):
        machines.setdefault(machine, []).append((address, visible))
    for members in machines.values():
        seen = [visible for _, visible in members]
        given = None not in seen and len(set(seen)) == len(seen)
        for number, (address, _) in enumerate(members):
            found[address] = 0 if given else number
    return found
