"""The visual memory: how unlike every patch of the shots is a patch? (method section 3)"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from promptad_tutorial.clip.image_tower import ImageFeatures

CHUNK = 16  # images whose similarities to the memory are held at once


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
    blocks: Float[Tensor, "blocks b patches width"], memory: Float[Tensor, "blocks stored width"]
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
    parts = []
    for chunk in blocks.split(CHUNK, dim=1):
        nearest = torch.stack(
            [(tokens @ known.T).amax(dim=-1) for tokens, known in zip(chunk, memory, strict=True)]
        )
        # rounding can take a cosine a little above 1
        parts.append(((1 - nearest) / 2).clamp(0, 1).mean(dim=0))
    return torch.cat(parts)
