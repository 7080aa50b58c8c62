"""What the tests of explorers share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture
def one_thread() -> Iterator[None]:
    """One thread for torch, so that seconds of the processor are seconds that somebody waits.

    Two threads would be counted twice, the waiting of one for the other included.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
