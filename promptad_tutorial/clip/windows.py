"""Windows of patches: what CLIP says of a neighbourhood, and its scores back on the patches.

A patch token of CLIP does not live with texts: only the image embedding was trained to. WinCLIP
(CVPR 2023) takes that embedding, and lets it see nothing but a window of k x k patches:

    z_w = unit(CLS of tower([CLS, patches of w])),  patches with their own positions, after ln_pre

That is the tower with all other patches masked out. Here they are left out: 1 + k * k tokens a
window instead of 1 + H * W, with the same result. A grid has (H-k+1) * (W-k+1) windows, numbered
row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from promptad_tutorial.clip.attention import run_block
from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.clip.image_tower import (
    Index,
    embed_pixels,
    encode_pixels,
    in_joint_space,
    unit_norm,
)

SIDES = (2, 3)  # of the windows, in patches
CHUNK = 256  # windows that run through the tower at once: about 40 MB in ViT-B-16-plus-240


@dataclass(frozen=True)
class WindowFeatures:
    """Features of B images on an H x W grid: unit norm, float32, no autograd graph."""

    cls: Float[Tensor, "batch embed"]  # z: the image embedding of plain CLIP
    patches: Float[Tensor, "batch patches width"]  # untouched patch tokens before the last block
    windows: dict[int, Float[Tensor, "batch _ embed"]]  # z_w of every window, by its side

    def __len__(self) -> int:
        """The number of images."""
        return len(self.cls)

    def __getitem__(self, index: Index) -> WindowFeatures:
        """The features of some images, as a batch: by number, slice, numbers or boolean mask."""
        index = [index] if isinstance(index, int) else index
        windows = {side: found[index] for side, found in self.windows.items()}
        return WindowFeatures(self.cls[index], self.patches[index], windows)

    @property
    def by_side(self) -> dict[int, Float[Tensor, "batch _ _"]]:
        """Patches and windows alike: side 1 are the patch tokens, the others windows."""
        return {1: self.patches, **self.windows}

    @staticmethod
    def concatenate(parts: Sequence[WindowFeatures]) -> WindowFeatures:
        """One batch out of several, in order. Raises ValueError for an empty sequence."""
        if not parts:
            raise ValueError("expected at least one WindowFeatures to concatenate, found none.")
        return WindowFeatures(
            torch.cat([part.cls for part in parts]),
            torch.cat([part.patches for part in parts]),
            {s: torch.cat([part.windows[s] for part in parts]) for s in parts[0].windows},
        )


def window_patches(grid: tuple[int, int], side: int) -> Int[Tensor, "windows size"]:
    """The patches of every window of side x side patches, row by row: (r, c) is r * W + c.

    ValueError for a side that is not in 1 .. min(H, W).
    """
    rows, columns = grid
    if not 1 <= side <= min(grid):
        raise ValueError(
            f"expected windows of 1 to {min(grid)} patches a side on a grid of {rows} x {columns}, "
            f"found {side}"
        )
    numbers = torch.arange(rows * columns).reshape(rows, columns)
    return numbers.unfold(0, side, 1).unfold(1, side, 1).reshape(-1, side * side)


@torch.no_grad()
def encode_windows(
    visual: nn.Module,
    pixels: Float[Tensor, "batch 3 rows columns"],
    side: int,
    chunk: int = CHUNK,
) -> Float[Tensor, "batch windows embed"]:
    """z_w of every window of preprocessed images, from `chunk` short sequences at a time."""
    tokens = embed_pixels(visual, pixels)
    patches = window_patches(tuple(visual.grid_size), side)
    # token 0 is CLS, and leads every window; so patch p is token p + 1
    members = nn.functional.pad(patches + 1, (1, 0)).to(tokens.device)
    found = []
    pairs = torch.arange(len(pixels) * len(members), device=tokens.device)  # image and window
    for some in pairs.split(chunk):
        image, window = some // len(members), some % len(members)
        short = tokens[image[:, None], members[window]]  # (chunk, 1 + side * side, width)
        for block in visual.transformer.resblocks:
            short = run_block(block, short)
        found.append(in_joint_space(visual, short[:, 0]))
    return torch.cat(found).unflatten(0, (len(pixels), len(members)))


def encode_images_and_windows(
    backbone: Backbone, images: Any, batch_size: int = 16, last_tokens: bool = False
) -> WindowFeatures:
    """Image embedding, patch tokens before the last block, and windows of all SIDES.

    `images` are whatever `Backbone.encode_images` takes. The tokens are those after block
    depth - 1, or of block 1 where there is but one; with `last_tokens` those after the last block
    and the final norm. Raises ImageError for images, ValueError for a grid smaller than a window.
    """
    visual = backbone.model.visual
    kept = backbone.depth if last_tokens else max(1, backbone.depth - 1)

    def encode(pixels: Tensor) -> WindowFeatures:
        whole = encode_pixels(visual, pixels, (kept,), attention="plain")
        tokens = whole.blocks[0]
        if last_tokens:  # unit tokens, brought to unit variance: the norm sees nothing of lengths
            tokens = unit_norm(visual.ln_post(tokens * tokens.shape[-1] ** 0.5))
        windows = {side: encode_windows(visual, pixels, side) for side in SIDES}
        return WindowFeatures(whole.cls, tokens, windows)

    return WindowFeatures.concatenate(backbone.in_batches(images, batch_size, encode))


def spread_windows(
    scores: Float[Tensor, "batch windows"], grid: tuple[int, int], side: int
) -> Float[Tensor, "batch patches"]:
    """Scores of windows as scores of patches: the harmonic mean over the windows that cover one.

        score(p) = n_p / sum over the n_p windows w that cover p of 1 / s_w

    One window that finds nothing outweighs others that do: where a score is 0, so is the result.
    ValueError for negative scores, or NaN, and for windows that do not fit the grid.
    """
    patches = window_patches(grid, side)
    if scores.shape[1] != len(patches):
        raise ValueError(f"expected {len(patches)} windows, got {scores.shape[1]}")
    inverse = _inverse(scores)[:, :, None].expand(-1, -1, side * side).flatten(1)
    cover = patches.flatten().to(scores.device)
    # summed up window by window: in a product with a 0/1 matrix, 0 * infinity would be NaN
    total = scores.new_zeros(len(scores), grid[0] * grid[1]).index_add_(1, cover, inverse)
    return torch.bincount(cover, minlength=grid[0] * grid[1]) / total


def harmonic_mean(maps: Sequence[Float[Tensor, "*shape"]]) -> Float[Tensor, "*shape"]:
    """n / (1/m_1 + ... + 1/m_n) of n maps, 0 where one of them is. ValueError for negative ones."""
    return len(maps) / torch.stack([_inverse(one) for one in maps]).sum(dim=0)


def _inverse(scores: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """1 / s, infinite for s = 0, so that what is divided by it is 0."""
    if not (scores >= 0).all():
        raise ValueError("expected scores of at least 0, found negative ones or NaN")
    return torch.where(scores > 0, 1 / scores, float("inf"))
