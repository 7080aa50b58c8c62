"""One pass through a frozen ViT: CLS, patches and memory tokens together.

Two paths run side by side. The untouched path is CLIP as it was trained; it gives the image
embedding and the tokens that the memory keeps. The second path starts from the same tokens and
adds only attention residuals, computed from the untouched path (method section 3); it gives
the patch embeddings, which live in the joint space of images and texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from promptad_tutorial.clip.attention import attention_residual, run_block, run_both_paths
from promptad_tutorial.clip.precision import at_least_single

Index: TypeAlias = int | slice | Sequence[int] | np.ndarray | Tensor


@dataclass(frozen=True)
class ImageFeatures:
    """Features of B images on an H x W grid of patches: unit norm, float32, no autograd graph.

    Patches are in row-major order: patch (r, c) of the grid has index r * W + c.
    """

    cls: Float[Tensor, "batch embed"]  # z: the image embedding of plain CLIP
    patches: Float[Tensor, "batch patches embed"]  # Z: patch embeddings in the joint space
    blocks: Float[Tensor, "n_blocks batch patches width"]  # patch tokens after chosen blocks

    def __len__(self) -> int:
        """The number of images."""
        return len(self.cls)

    def __getitem__(self, index: Index) -> ImageFeatures:
        """The features of some images, as a batch: by number, slice, numbers or boolean mask."""
        index = [index] if isinstance(index, int) else index
        return ImageFeatures(self.cls[index], self.patches[index], self.blocks[:, index])

    @staticmethod
    def concatenate(parts: Sequence[ImageFeatures]) -> ImageFeatures:
        """One batch out of several, in order. Raises ValueError for an empty sequence."""
        if not parts:
            raise ValueError("expected at least one ImageFeatures to concatenate, found none.")
        return ImageFeatures(
            torch.cat([part.cls for part in parts]),
            torch.cat([part.patches for part in parts]),
            torch.cat([part.blocks for part in parts], dim=1),
        )


@torch.no_grad()
def encode_pixels(
    visual: nn.Module,
    pixels: Float[Tensor, "batch 3 rows columns"],
    blocks: Sequence[int],
    attention: str = "v-v",
    first_block: int = 1,
    blocks_in_place: bool = False,
) -> ImageFeatures:
    """Features of preprocessed images. Blocks are counted from 1: "after block 3".

    ``attention`` is the kind of the second path, or "plain" for patches of the untouched path.
    The second path leaves the untouched one at ``first_block``. ``blocks_in_place`` is trap 7 of
    method section 4: the released code keeps views of the tokens, to which the attention of the
    next block is then added in place.
    """
    tokens = embed_pixels(visual, pixels)
    second = tokens
    kept = {}
    depth = len(visual.transformer.resblocks)
    for number, block in enumerate(visual.transformer.resblocks, start=1):
        if attention == "plain" or number < first_block:
            second = tokens = run_block(block, tokens)
        else:
            last = number == depth and number not in blocks  # then CLS alone is read
            residual, tokens = run_both_paths(block, tokens, attention, cls_only=last)
            second = second + residual
        if number in blocks:
            # normalising makes new memory: no later block can change what was kept
            after = tokens
            if blocks_in_place and number < depth:
                following = visual.transformer.resblocks[number]
                after = tokens + attention_residual(following, tokens, "q-k")
            kept[number] = unit_norm(after[:, 1:])
    none = at_least_single(second.new_zeros((0, *second[:, 1:].shape)))
    return ImageFeatures(
        cls=in_joint_space(visual, tokens[:, 0]),
        patches=in_joint_space(visual, second[:, 1:]),
        blocks=torch.stack([kept[number] for number in blocks]) if blocks else none,
    )


@torch.no_grad()
def tokens_before_block(
    visual: nn.Module, pixels: Float[Tensor, "batch 3 rows columns"], number: int
) -> Float[Tensor, "batch tokens width"]:
    """What block ``number`` (counted from 1) gets from the untouched path, CLS first."""
    tokens = embed_pixels(visual, pixels)
    for block in visual.transformer.resblocks[: number - 1]:
        tokens = run_block(block, tokens)
    return tokens


def embed_pixels(
    visual: nn.Module, pixels: Float[Tensor, "batch 3 rows columns"]
) -> Float[Tensor, "batch tokens width"]:
    """CLS and patch tokens as they enter the first block: patch projection, positions, norm."""
    patches = visual.conv1(pixels).flatten(2).transpose(1, 2)  # (B, H*W, width)
    cls = visual.class_embedding.expand(len(patches), 1, -1)
    # blocks add to the tokens: those stay in single precision where products are in half
    tokens = torch.cat([cls, patches.to(cls.dtype)], dim=1)
    return visual.ln_pre(tokens + visual.positional_embedding)


def in_joint_space(
    visual: nn.Module, tokens: Float[Tensor, "*batch width"]
) -> Float[Tensor, "*batch embed"]:
    """Unit-norm features in the joint space of images and texts, by the head of CLIP's CLS."""
    return unit_norm(visual.ln_post(tokens) @ visual.proj)


def unit_norm(features: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
    """Features of length 1, in float32 even where the tower runs in half precision."""
    return F.normalize(at_least_single(features), dim=-1)
