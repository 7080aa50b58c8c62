"""Scores of patches as pictures: upsampled, smoothed, and their maximum (method section 3).

In: patch scores (b, H*W) of an H x W grid. Out: maps (b, size, size), and `Scores`, which is what
every detector gives: image scores (b,) and maps, both in [0, 1], higher is more anomalous.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d
from torch import Tensor
from torch.nn import functional

SIGMA = 4 / 400  # the paper smooths maps with 4 px at 400 px: this share of the map's side


@dataclass(frozen=True)
class Scores:
    """What a detector says of B pictures. Higher is more anomalous."""

    image_scores: Float[np.ndarray, " b"]  # one number a picture, in [0, 1]
    anomaly_maps: Float[np.ndarray, "b s s"]  # one number a pixel, in [0, 1]

    def __len__(self) -> int:
        return len(self.image_scores)


def anomaly_maps(
    patch_scores: Float[Tensor, "b n"], grid: tuple[int, int], size: int, sigma: float = SIGMA
) -> Float[np.ndarray, "b s s"]:
    """Patch scores as pictures of `size` px: bilinear upsampling, then a Gaussian.

    `sigma` is the Gaussian's, as a share of the side (the paper: 4 px of 400). 0 leaves it out.
    Both steps are linear, and work on rows and columns apart, so they are two matrix products:
    map = R P C^T, with the smoothed interpolation of H rows in R and of W columns in C.
    """
    if patch_scores.shape[1] != grid[0] * grid[1]:
        raise ValueError(f"expected {grid[0]} x {grid[1]} patches, got {patch_scores.shape[1]}")
    coarse = patch_scores.cpu().reshape(-1, *grid)
    rows, columns = (_smooth_interpolation(n, size, sigma).to(coarse.dtype) for n in grid)
    return (rows @ coarse @ columns.T).numpy()


def highest_of_map(
    patch_scores: Float[Tensor, "b n"], grid: tuple[int, int], size: int
) -> Float[Tensor, " b"]:
    """The maximum of each map of `size` px, upsampled bilinearly and not smoothed.

    With the visual scores it is what the memory says of a whole picture (method section 3).
    """
    return torch.from_numpy(anomaly_maps(patch_scores, grid, size, sigma=0).max(axis=(1, 2)))


def _smooth_interpolation(n: int, size: int, sigma: float) -> Float[Tensor, "size n"]:
    """What n values in a line contribute to each of `size` pixels; its rows sum to 1."""
    one_each = torch.eye(n, dtype=torch.float64)[None]
    fine = functional.interpolate(one_each, size=size, mode="linear", align_corners=False)[0].T
    if not sigma:
        return fine.contiguous()
    return torch.from_numpy(gaussian_filter1d(fine.numpy(), sigma * size, axis=0))
