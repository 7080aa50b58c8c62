"""From features to anomaly scores: prototypes, the text score, and maps the size of a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.ndimage import gaussian_filter
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


def prototype(features: Float[Tensor, "n d"]) -> Float[Tensor, " d"]:
    """One direction for many prompts: w = mean(g) / ||mean(g)||  (method section 1).

    Raises ValueError for no features, or for features that cancel out.
    """
    if len(features) == 0:
        raise ValueError("a prototype needs at least one feature, got none")
    mean = features.mean(dim=0)
    if float(mean.norm()) < 1e-8:
        raise ValueError("the features cancel out: their mean has no direction")
    return functional.normalize(mean, dim=0)


def text_score(
    features: Float[Tensor, "*batch d"],
    normal_prototype: Float[Tensor, " d"],
    anomaly_prototype: Float[Tensor, " d"],
    temperature: float,
) -> Float[Tensor, "*batch"]:
    """The probability of the anomalous side: softmax(t * <f, [w_n, w_a]>)[anomaly], in [0, 1].

    f is the image embedding z at image level and every patch embedding Z at pixel level (method
    section 3). With two sides the softmax is a sigmoid of t * (<f, w_a> - <f, w_n>).
    """
    if temperature <= 0:
        raise ValueError(f"the temperature must be positive, got {temperature}")
    return torch.sigmoid(temperature * (features @ (anomaly_prototype - normal_prototype)))


def anomaly_maps(
    patch_scores: Float[Tensor, "b n"], grid: tuple[int, int], size: int, sigma: float = SIGMA
) -> Float[np.ndarray, "b s s"]:
    """Patch scores as pictures of `size` px: bilinear upsampling, then a Gaussian.

    `sigma` is the Gaussian's, as a share of the side (the paper: 4 px of 400). 0 leaves it out.
    """
    if patch_scores.shape[1] != grid[0] * grid[1]:
        raise ValueError(f"expected {grid[0]} x {grid[1]} patches, got {patch_scores.shape[1]}")
    coarse = patch_scores.cpu().reshape(-1, 1, *grid)
    fine = functional.interpolate(coarse, size=(size, size), mode="bilinear", align_corners=False)
    maps = fine[:, 0].numpy()
    return gaussian_filter(maps, (0, sigma * size, sigma * size)) if sigma else maps
