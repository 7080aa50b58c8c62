"""What features are computed in, whatever the towers run in."""

from __future__ import annotations

import torch
from torch import Tensor


def at_least_single(values: Tensor) -> Tensor:
    """The same numbers in float32; those that are in float64 already stay so.

    Towers may run in half precision, but lengths, means and losses of features may not.
    """
    return values.to(torch.promote_types(values.dtype, torch.float32))
