"""Patch tokens that keep what a teacher's say: losses, and pictures turned with their features."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from workshop.pretraining.batches import one_way
from workshop.pretraining.taught_features import TaughtSet


class Heads(nn.Module):
    """Per taught block a layer norm and a linear map to the teacher's features; thrown away later.

    The features have length 1; heads learn them at a mean square of 1.
    """

    def __init__(self, blocks: int, width: int, taught: int) -> None:
        super().__init__()
        self.maps = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, taught)) for _ in range(blocks)
        )
        self.scale = taught**0.5

    def forward(
        self, tokens: Float[Tensor, "blocks b patches width"]
    ) -> Float[Tensor, "blocks b patches taught"]:
        return torch.stack([head(one) for head, one in zip(self.maps, tokens, strict=True)])

    def regression(
        self,
        tokens: Float[Tensor, "blocks b patches width"],
        features: Float[Tensor, "blocks b patches taught"],
    ) -> Float[Tensor, ""]:
        """Smooth L1 (quadratic below 1) between the heads' values and the scaled features."""
        return F.smooth_l1_loss(self(tokens).float(), self.scale * features)


def cosine_error(
    tokens: Float[Tensor, "blocks b patches width"],
    features: Float[Tensor, "blocks b patches taught"],
) -> Float[Tensor, ""]:
    """Mean squared difference between the tokens' cosines and the features', within a picture."""
    own = F.normalize(tokens.float(), dim=-1)
    theirs = F.normalize(features, dim=-1)
    return F.mse_loss(own @ own.transpose(-1, -2), theirs @ theirs.transpose(-1, -2))


def distance_error(
    tokens: Float[Tensor, "blocks b patches width"],
    features: Float[Tensor, "blocks b patches taught"],
    generator: torch.Generator,
    count: int = 1024,
) -> Float[Tensor, ""]:
    """Mean squared difference between distances of unit tokens over `count` patches of the batch.

    The memory looks for the nearest patch in *other* pictures. A distance is |u - v| of unit
    vectors, sqrt(2 - 2 cos): unlike the cosine it tells near patches from nearer ones.
    """
    _, pictures, patches, _ = tokens.shape
    count = min(count, pictures * patches)
    chosen = torch.randperm(pictures * patches, generator=generator)[:count]
    own, theirs = (
        F.normalize(x.float().flatten(1, 2)[:, chosen], dim=-1) for x in (tokens, features)
    )

    def distances(unit: Tensor) -> Tensor:
        return (2 - 2 * unit @ unit.transpose(-1, -2)).clamp(min=1e-4).sqrt()

    return F.mse_loss(distances(own), distances(theirs))


def taught_batch(
    data: TaughtSet, count: int, draw: np.random.Generator
) -> tuple[np.ndarray, Float[Tensor, "blocks n patches taught"]]:
    """Random pictures, each flipped and turned in one of eight ways, its grid of features alike."""
    index = np.sort(draw.integers(len(data), size=count))
    return turned(data.images[index], data.features[index], draw.integers(8, size=count))


def turned(
    images: np.ndarray, features: np.ndarray, ways: np.ndarray
) -> tuple[np.ndarray, Float[Tensor, "blocks n patches taught"]]:
    """Pictures (n, s, s, 3) and features (n, blocks, patches, taught), each in its own way."""
    side = round(features.shape[2] ** 0.5)
    shown = np.stack([one_way(image, way) for image, way in zip(images, ways, strict=True)])
    grids = [
        one_way(np.moveaxis(grid.reshape(-1, side, side, grid.shape[-1]), 0, 2), way)
        for grid, way in zip(features, ways, strict=True)
    ]  # (side, side, blocks, taught) each
    stacked = torch.from_numpy(np.stack(grids).astype(np.float32))
    return shown, stacked.flatten(1, 2).permute(2, 0, 1, 3)
