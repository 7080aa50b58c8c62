"""Where a run works: folders, workers, a worker's share of its machine. Nothing decides a row."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import joblib
import torch
from filelock import FileLock, Timeout

from promptad_tutorial.clip.choice import BackboneChoice

BACKENDS = ("loky", "threading", "dask", "ray")
_MINE = threading.local()  # the lock on the GPU of this worker, which is a process or a thread


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
        backend, jobs, threads = self.backend, self.jobs, self.threads
        for fits, expected in (
            (backend in BACKENDS, f"backend must be one of {', '.join(BACKENDS)}; got {backend!r}"),
            (jobs > 0 or jobs == -1, f"jobs must be 1 or more, or -1 for all cores; got {jobs}"),
            (threads is None or threads > 0, f"threads must be 1 or more, got {threads}"),
            (self.cases >= 0, f"cases must be 0 or more, got {self.cases}"),
            (
                not self.cluster or backend in ("dask", "ray"),
                f"--cluster goes with dask or ray, got the backend {backend!r}",
            ),
        ):
            if not fits:
                raise ValueError(expected)

    def workers(self, choice: BackboneChoice) -> int:
        """How many workers there will be on this machine: one for each GPU or core by default."""
        device = choice.device or ("cuda" if torch.cuda.is_available() else "cpu")
        if self.jobs > 0:
            return self.jobs
        if device == "cuda":
            return max(1, torch.cuda.device_count())
        return joblib.cpu_count() if torch.device(device).type == "cpu" else 1

    def threads_each(self, workers: int) -> int | None:
        """Threads of torch in one of so many workers on this machine; None: leave it as it is.

        The cores are shared out, unless OMP_NUM_THREADS says what its owner wants.
        """
        if self.threads is not None or workers == 1 or "OMP_NUM_THREADS" in os.environ:
            return self.threads
        return max(1, joblib.cpu_count() // workers)


def own_gpu(visible: Sequence[str] | None = None) -> int:
    """The index of this worker's GPU among those that it sees: the first that nobody has taken.

    Each worker of a machine takes one by locking a file, until it ends; where there are more
    workers than GPUs, they share them evenly. `visible` are names of the GPUs, by default those of
    CUDA_VISIBLE_DEVICES, which may differ from worker to worker.
    """
    if visible is None:
        every = torch.cuda.device_count()
        named = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
        visible = named if len(named) == every else [str(i) for i in range(every)]
    if len(visible) < 2:
        return 0
    if not hasattr(_MINE, "lock"):
        folder = Path(tempfile.gettempdir()) / f"promptad-gpus-{os.getuid()}"
        folder.mkdir(exist_ok=True)
        places = ((turn, *one) for turn in count() for one in enumerate(visible))
        for turn, index, name in places:
            lock = FileLock(folder / f"{name.replace('/', '-')}.{turn}")
            with suppress(Timeout):
                lock.acquire(timeout=0)
                _MINE.lock, _MINE.index = lock, index
                break
    return _MINE.index


@contextmanager
def torch_threads(number: int | None) -> Iterator[None]:
    """Within the context torch computes with so many threads; None changes nothing."""
    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
