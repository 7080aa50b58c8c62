"""What one worker may use of its machine: one GPU of several, and its share of the threads.

Workers are processes of joblib's, of Dask's or of Ray's, or threads. A process of Ray's sees its
own GPU alone: Ray sets CUDA_VISIBLE_DEVICES. One of Dask's does too if dask-cuda started it (its
own comes first); others get the number of their place among the workers of their machine.
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

import torch


@dataclass(frozen=True)
class Share:
    """What the driver tells every worker."""

    threads: int | None = None  # of torch; None: as the worker was started
    gpus: Mapping[str, int] = field(default_factory=dict)  # of a worker of Dask's, by its address


def own_number(share: Share) -> int:
    """The number of this worker among those of its machine, the same for all of its tasks."""
    distributed = sys.modules.get("distributed")  # a worker of Dask's has it imported
    if share.gpus and distributed is not None:
        try:
            return share.gpus.get(distributed.get_worker().address, 0)
        except ValueError:  # this process is none of its workers
            pass
    for name in (current_process().name, threading.current_thread().name):
        mine = re.match(r"(?:LokyProcess|Thread)-(\d+)", name)
        if mine:
            return int(mine.group(1)) - 1
    return 0


@contextmanager
def torch_threads(number: int | None) -> Iterator[None]:
    """Within the context torch computes with so many threads; None changes nothing."""
    before = torch.get_num_threads()
    try:
        if number is not None:
            torch.set_num_threads(number)
        yield
    finally:
        if number is not None:
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
