"""What the words say: prototypes of prompts, and the text score (method sections 1 and 3).

In: features of prompts (n, d) and of pictures or patches (.., d), unit length. Out: one direction
(d,) for each side, and one score in [0, 1] for each picture or patch.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

PART = 2**26  # bytes of features that are held in double precision at once


def prototype(features: Float[Tensor, "n d"]) -> Float[Tensor, " d"]:
    """One direction for many prompts: w = mean(g) / ||mean(g)||, of features as they are given.

    Words alone (zero-shot, WinCLIP: method section 7) come at length 1, each prompt with one vote;
    learnt prompts are averaged raw (`learning.losses.prototypes`). Raises ValueError for no
    features, or such that cancel out.
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


def exact_text_score(
    features: Float[Tensor, "*batch d"],
    normal_prototype: Float[Tensor, " d"],
    anomaly_prototype: Float[Tensor, " d"],
    temperature: float,
) -> Float[Tensor, "*batch"]:
    """`text_score` in double precision on the CPU, of a part of the features at a time.

    In single precision all scores above 0.9999999 would be one tie, and AUROC another figure.
    """
    sides = normal_prototype.cpu().double(), anomaly_prototype.cpu().double()
    flat = features.reshape(-1, features.shape[-1])
    parts = flat.split(max(1, PART // (8 * flat.shape[1])))
    found = [text_score(some.cpu().double(), *sides, temperature) for some in parts]
    return torch.cat(found).reshape(features.shape[:-1])
