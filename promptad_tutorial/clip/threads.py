"""How many threads torch computes with: one in a small tower, as many as ever in a large one.

torch shares each product out to its threads, which spin while they wait for the slowest. Beside one
other busy process the small matrices of TinyCLIP cost more in waiting than in computing: a fit of
20 steps took 1.1 s with one thread and 20 s with two, on two cores that others used too.

What the user has set (`torch.set_num_threads`, OMP_NUM_THREADS) holds for large towers, and is back
afterwards.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

SMALL_WIDTH = 256  # towers whose tokens are narrower: TinyCLIP has 192, ViT-B-32 768

_lock = threading.Lock()
_mine = threading.local()  # .inside: whether this thread of Python is in a context
_users = {"inside": 0, "before": 0}  # how many are in one; the number before the first


@contextmanager
def threads_for(width: int, device: torch.device) -> Iterator[None]:
    """One thread on a CPU for the work of a tower with tokens of `width` numbers, if it is small.

    Contexts may be nested, and several threads of Python may be in one at the same time; each that
    leaves finds the number before the first.
    """
    if width >= SMALL_WIDTH or device.type != "cpu" or getattr(_mine, "inside", False):
        yield
        return
    with _lock:
        if not _users["inside"]:
            _users["before"] = torch.get_num_threads()
        _users["inside"] += 1
        torch.set_num_threads(1)
    _mine.inside = True
    try:
        yield
    finally:
        _mine.inside = False
        with _lock:
            _users["inside"] -= 1
            torch.set_num_threads(_users["before"])
