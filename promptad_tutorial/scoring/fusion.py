"""Ways to make one score of two branches: the harmonic one of the paper, and alternatives.

In: text scores and visual ones of one shape, in [0, 1]: of pictures or of patches. Out: that shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from jaxtyping import Float
from torch import Tensor


def harmonic_fusion(
    text: Float[Tensor, "*shape"], visual: Float[Tensor, "*shape"]
) -> Float[Tensor, "*shape"]:
    """1 / (1/text + 1/visual), between 0 and the smaller of the two (method section 3).

    Both branches must speak for a high score; where one of them is 0, so is the result. Computed
    as a / (1 + a/b) with a <= b, so that small scores do not vanish. NaN stays NaN.
    """
    smaller, larger = torch.minimum(text, visual), torch.maximum(text, visual)
    ratio = torch.where(larger == 0, torch.zeros_like(larger), smaller / larger)
    return smaller / (1 + ratio)


def _harmonic(a: Tensor, b: Tensor, w: float) -> Tensor:
    if w in (0, 1):  # one branch alone: the zeros of the other are not asked
        return (b if w else a) / 2
    return harmonic_fusion(a / (2 * (1 - w)), b / (2 * w))


FUSIONS: Mapping[str, Callable[[Tensor, Tensor, float], Tensor]] = MappingProxyType(
    {
        "harmonic": _harmonic,  # 1 / (2 (1 - w) / a + 2 w / b); at w = 1/2 the paper's
        "arithmetic mean": lambda a, b, w: (1 - w) * a + w * b,
        "maximum": lambda a, b, w: torch.maximum(2 * (1 - w) * a, 2 * w * b),
        "product": lambda a, b, w: a ** (2 * (1 - w)) * b ** (2 * w),
    }
)


def fuse(
    text: Float[Tensor, "*shape"],
    visual: Float[Tensor, "*shape"],
    kind: str = "harmonic",
    weight: float = 0.5,
) -> Float[Tensor, "*shape"]:
    """One score of a = `text` and b = `visual` by `FUSIONS[kind]`; `weight` w is that of b.

    For every kind, w = 0 ranks as the text branch alone does, and w = 1 as the visual one. Values
    of different kinds are not comparable; rankings are. Raises ValueError for another kind, or a
    weight outside [0, 1].
    """
    if kind not in FUSIONS:
        raise ValueError(f"kind must be one of {', '.join(FUSIONS)}; got {kind!r}")
    if not 0 <= weight <= 1:
        raise ValueError(f"weight must be between 0 and 1, got {weight}")
    return FUSIONS[kind](text, visual, weight)
