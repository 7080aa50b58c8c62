"""Where a run works: folders, workers, threads. Nothing here decides a row."""

from __future__ import annotations

import os
from dataclasses import dataclass
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
        if self.backend not in BACKENDS:
            raise ValueError(f"backend must be one of {', '.join(BACKENDS)}; got {self.backend!r}")
        if self.jobs == 0 or self.jobs < -1:
            raise ValueError(f"jobs must be 1 or more, or -1 for all cores; got {self.jobs}")
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"threads must be 1 or more, got {self.threads}")
        if self.cases < 0:
            raise ValueError(f"cases must be 0 or more, got {self.cases}")
        if self.cluster and self.backend not in CLUSTERS:
            raise ValueError(f"--cluster goes with dask or ray, got the backend {self.backend!r}")

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


def own_workers(choice: BackboneChoice) -> int:
    """One worker for each GPU that the backbone may use, or for each core of this machine."""
    device = choice.device or ("cuda" if torch.cuda.is_available() else "cpu")
    if device == "cuda":
        return max(1, torch.cuda.device_count())
    return joblib.cpu_count() if torch.device(device).type == "cpu" else 1
