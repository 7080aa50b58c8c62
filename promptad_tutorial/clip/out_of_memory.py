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


class TooLittleMemoryError(ValueError):
    """Not even one item fits: what was tried, and what to do."""


def largest_batch(visual: nn.Module) -> int:
    """How many images may run through an image tower at once, by an estimate, at least 1.

        AT_ONCE / (tokens * width * bytes of a number * COPIES)

    Attention has a bound of its own, see ``attention.attend``.
    """
    positions = visual.positional_embedding  # (tokens, width)
    return max(1, AT_ONCE // (positions.numel() * positions.element_size() * COPIES))


def bytes_at_once(visual: nn.Module, images: int) -> int:
    """Bytes that encoding and scoring a batch of images takes beside the weights, by an estimate.

    In the tower stand at most `largest_batch` of them, COPIES of its tokens each. Of all of them
    stay the pixels, the tokens of three layers and three maps, in double precision; and AT_ONCE / 2
    is there for what is computed in parts: attention weights and cosines to a memory.
    """
    positions = visual.positional_embedding  # (tokens, width)
    inside = min(images, largest_batch(visual)) * positions.element_size() * COPIES
    outside = 3 * 8 * images
    pixels = 2 * int(visual.image_size[0]) ** 2  # of picture and maps
    return positions.numel() * (inside + outside) + pixels * outside + AT_ONCE // 2


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on any device and in any release of torch."""
    if isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and bool(_MESSAGE.search(str(error)))


class HalvingBatches(Generic[Item, Result]):
    """Calls `work` on batches of at most `size` items; `size` halves when memory runs out.

    A smaller size stays: the next batch would not fit either. Raises ValueError for a size below 1.
    """

    def __init__(self, work: Callable[[Sequence[Item]], Result], size: int) -> None:
        check_batch_size(size)
        self.work, self.size = work, size

    def __call__(self, items: Sequence[Item]) -> Iterator[tuple[Sequence[Item], Result]]:
        """Every batch with its result, in order; each item is in exactly one of them.

        Raises TooLittleMemoryError where one item alone does not fit, and whatever `work` raises.
        """
        start = 0
        while start < len(items):
            batch = items[start : start + self.size]
            try:
                result = self.work(batch)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            else:
                start += len(batch)
                yield batch, result
                continue
            self._halve(len(batch))  # the error is gone, and with it the tensors of its frames

    def _halve(self, tried: int) -> None:
        if tried == 1:
            raise TooLittleMemoryError(
                "out of memory with a single picture: close other programs, choose a smaller "
                "backbone, or set PROMPTAD_DEVICE=cpu (--device cpu)"
            )
        self.size = tried // 2
        gc.collect()
        torch.cuda.empty_cache()  # does nothing where there is no CUDA
        log.warning("out of memory with a batch of %d: going on with %d", tried, self.size)


def check_batch_size(size: int) -> None:
    """Raise ValueError unless a batch can have this size."""
    if not isinstance(size, int) or size < 1:
        raise ValueError(f"expected a batch size of 1 or more, found {size!r}.")
