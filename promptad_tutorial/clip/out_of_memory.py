"""Work in batches that become smaller where the memory does not suffice, and say so."""

from __future__ import annotations

import gc
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

import torch
from torch import nn

Item = TypeVar("Item")
Result = TypeVar("Result")

log = logging.getLogger(__name__)

# CUDA and MPS say "out of memory"; torch's allocator on a CPU says one of the others
_MESSAGE = re.compile(r"out of memory|can't allocate memory|not enough memory", re.IGNORECASE)


AT_ONCE = 2**30  # bytes that the images of a batch may take in the tower, beside its weights
COPIES = 18  # of its tokens that a block holds: norms, q, k, v, both paths, 2 x 4 in the MLP


def largest_batch(visual: nn.Module) -> int:
    """How many images may run through an image tower at once, by an estimate, at least 1.

        AT_ONCE / (tokens * width * bytes of a number * COPIES)

    Attention has a bound of its own, see ``attention.attend``. Tells nobody: 16 images of 336
    pixels in ViT-L-14 fit, and what fits not is only read in smaller batches.
    """
    tokens, width = visual.positional_embedding.shape
    each = tokens * width * visual.positional_embedding.element_size() * COPIES
    return max(1, AT_ONCE // each)


class TooLittleMemoryError(ValueError):
    """Not even one item fits: what was tried, and what to do."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on any device and in any release of torch."""
    named = getattr(torch, "OutOfMemoryError", torch.cuda.OutOfMemoryError)  # torch 2.5 or newer
    if isinstance(error, (MemoryError, named)):
        return True
    return isinstance(error, RuntimeError) and bool(_MESSAGE.search(str(error)))


class HalvingBatches(Generic[Item, Result]):
    """Calls `work` on batches of at most `size` items; `size` halves when memory runs out.

    A smaller size stays: the next batch would not fit either. Raises ValueError for a size below 1.
    """

    def __init__(self, work: Callable[[Sequence[Item]], Result], size: int) -> None:
        if size < 1:
            raise ValueError(f"expected a batch size of 1 or more, got {size}")
        self.work = work
        self.size = size

    def __call__(self, items: Sequence[Item]) -> Iterator[tuple[Sequence[Item], Result]]:
        """Every batch with its result, in order; each item is in exactly one of them.

        Raises TooLittleMemoryError where one item alone does not fit, and whatever `work` raises.
        """
        start = 0
        while start < len(items):
            batch = items[start : start + self.size]
            done, result = self._try(batch)
            if done:
                start += len(batch)
                yield batch, result
            else:
                self._halve(len(batch))

    def _try(self, batch: Sequence[Item]) -> tuple[bool, Result | None]:
        try:
            return True, self.work(batch)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        return False, None  # here the error is gone, and with it the tensors of its frames

    def _halve(self, tried: int) -> None:
        if tried == 1:
            raise TooLittleMemoryError(
                "out of memory with a single picture: close other programs, choose a smaller "
                "backbone, or set PROMPTAD_DEVICE=cpu (--device cpu)"
            )
        self.size = tried // 2
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        log.warning("out of memory with a batch of %d: going on with %d", tried, self.size)
