"""The visual memory: how unlike every patch of the shots is a patch? (method section 3)

In: block tokens of unit length, (blocks, shots, patches, width) of the shots and (blocks, b,
patches, width) of the pictures. Out: one score a patch, (b, patches), in [0, 1].
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from promptad_tutorial.clip.image_tower import ImageFeatures

BUDGET = 2**26  # bytes of cosines that are held at once, whatever the pictures and the memory
ROWS = 4096  # patches that are compared with a part of the memory at once


def remember(features: ImageFeatures) -> Float[Tensor, "blocks stored width"]:
    """The memory of k shots: every patch token of the chosen blocks, (blocks, k * H*W, width).

    Raises ValueError for features without block tokens.
    """
    if not len(features.blocks):
        raise ValueError(
            "the memory needs tokens of at least one block, found none: encode with blocks"
        )
    return features.blocks.flatten(1, 2)


def visual_score(
    blocks: Float[Tensor, "blocks b patches width"],
    memory: Float[Tensor, "blocks stored width"],
    budget: int = BUDGET,
) -> Float[Tensor, "b patches"]:
    """(1 - max cosine to the stored tokens) / 2, averaged over the blocks, in [0, 1].

    0 on a stored patch, 1/2 for a patch at a right angle to all of them. Raises ValueError if
    numbers of blocks or widths differ.
    """
    if (len(blocks), blocks.shape[-1]) != (len(memory), memory.shape[-1]):
        raise ValueError(
            f"expected tokens of {len(memory)} blocks of width {memory.shape[-1]}, found "
            f"{len(blocks)} of width {blocks.shape[-1]}"
        )
    pairs = zip(blocks.flatten(1, 2), memory, strict=True)
    nearest = torch.stack([_nearest_cosine(asked, known, budget) for asked, known in pairs])
    # rounding can take a cosine a little above 1
    return ((1 - nearest) / 2).clamp(0, 1).mean(dim=0).reshape(blocks.shape[1:3])


def _nearest_cosine(
    tokens: Float[Tensor, "n width"], known: Float[Tensor, "stored width"], budget: int
) -> Float[Tensor, " n"]:
    """The largest cosine of each token to any of the `known` ones, `budget` bytes at a time."""
    cells = max(1, budget // tokens.element_size())
    rows = min(ROWS, cells)
    found = []
    for some in tokens.split(rows):
        best = some.new_full((len(some),), -torch.inf)
        for part in known.split(max(1, cells // rows)):
            torch.maximum(best, (some @ part.T).amax(dim=1), out=best)
        found.append(best)
    return torch.cat(found)
