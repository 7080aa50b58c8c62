"""The exercises of notebook 02: the two-path pass, its control, and how well a map marks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy import ndimage
from sklearn.metrics import jaccard_score
from torch import Tensor, nn
from torch.nn import functional

from promptad_tutorial.exercises.answers import kind_of, number_trouble
from promptad_tutorial.exercises.control import control
from promptad_tutorial.exercises.exercises import exercise
from promptad_tutorial.exercises.verdict import Task, Verdict, call, not_yet
from promptad_tutorial.scoring.metrics import label_regions


def second_path(fn: object) -> Verdict:
    """`fn(blocks, tokens, kind)`: the tokens of the second path behind the last block.

    Blocks like open_clip's, (batch, tokens, width) and two letters, "v-v", to the same shape.
    """
    generator = torch.Generator().manual_seed(4)
    sizes = ((2, 5, "v-v", 2), (3, 4, "q-k", 3), (2, 6, "k-k", 2))
    return Task(
        exercise("second_path"),
        cases=[
            (_blocks(depth, heads, generator), _draw(2, n, 4 * heads, generator=generator), kind)
            for depth, n, kind, heads in sizes
        ],
        solution=_second,
        mistakes={
            "untouched": lambda blocks, x, kind: _through(blocks, x),
            "with_mlp": lambda blocks, x, kind: _second(blocks, x, kind, mlp=True),
            "own_residuals": lambda blocks, x, kind: _second(blocks, x, kind, own=True),
            "not_advanced": lambda blocks, x, kind: _second(blocks, x, kind, advance="never"),
            "advanced_first": lambda blocks, x, kind: _second(blocks, x, kind, advance="first"),
            "from_zero": lambda blocks, x, kind: _second(blocks, x, kind) - x,
            "last_block": lambda blocks, x, kind: (
                x + _residual(blocks[-1], _through(blocks[:-1], x), kind)
            ),
            "kind_ignored": (
                lambda blocks, x, kind: _second(blocks, x, "v-v"),
                lambda blocks, x, kind: _second(blocks, x, "q-k"),
            ),
            "no_norm": lambda blocks, x, kind: _second(blocks, x, kind, norm=False),
            "no_projection": lambda blocks, x, kind: _second(blocks, x, kind, project=False),
            "no_scale": lambda blocks, x, kind: _second(blocks, x, kind, scale=1.0),
            "scale_by_width": lambda blocks, x, kind: _second(
                blocks, x, kind, scale=x.shape[-1] ** -0.5
            ),
        },
    ).judge(fn)


def control_of_values(answer: object) -> Verdict:
    """`answer`: the run between plain maps and V-V maps, a pair (attention, path)."""
    return control("control_of_values", answer, ("q-k", "untouched"), ("v-v", "second"))


def region_overlap(fn: object) -> Verdict:
    """`fn(mask, anomaly_map, threshold)`: the mean share of each region at or above a threshold.

    Arrays (h, w), bool and float in [0, 1], and a float to a float in [0, 1]. Regions are
    8-connected, as in `metrics.aupro`. Without a region: nan, or `ValueError`.
    """
    generator = np.random.default_rng(5)
    verdict = Task(
        exercise("region_overlap"),
        cases=[
            (*_regions(generator, *size), threshold)
            for size, threshold in (((8, 12), 0.5), ((14, 10), 0.625), ((16, 16), 0.375))
        ],
        solution=lambda mask, heat, t: float(np.mean(_shares(mask, heat >= t))),
        mistakes={
            "pooled": lambda mask, heat, t: (heat >= t)[mask].mean(),
            "intersection_over_union": lambda mask, heat, t: jaccard_score(
                mask.ravel(), (heat >= t).ravel()
            ),
            "strictly_above": lambda mask, heat, t: np.mean(_shares(mask, heat > t)),
            "corners_apart": lambda mask, heat, t: np.mean(_shares(mask, heat >= t, corners=False)),
            "best_region": lambda mask, heat, t: np.max(_shares(mask, heat >= t)),
        },
    ).judge(fn)
    return _without_region(fn, verdict) if verdict and callable(fn) else verdict


def _draw(*shape: int, generator: torch.Generator) -> Tensor:
    return torch.randn(*shape, generator=generator)


def _blocks(depth: int, heads: int, generator: torch.Generator) -> list[nn.Module]:
    """Small blocks of open_clip's own kind, with random weights and without gradients."""
    from open_clip.transformer import ResidualAttentionBlock  # marking's process can load it, too

    with torch.random.fork_rng(devices=[]):  # layers draw weights that are replaced
        blocks = [ResidualAttentionBlock(4 * heads, heads, mlp_ratio=2) for _ in range(depth)]
    for block in blocks:
        for weights in block.eval().requires_grad_(False).parameters():
            weights.copy_(0.5 * _draw(*weights.shape, generator=generator))
    return blocks


def _through(blocks: list[nn.Module], x: Tensor) -> Tensor:
    for block in blocks:
        x = block(x)
    return x


def _residual(
    block: nn.Module,
    x: Float[Tensor, "b n w"],
    kind: str,
    norm: bool = True,
    project: bool = True,
    scale: float | None = None,
) -> Float[Tensor, "b n w"]:
    """What the attention of a block adds, or with one of its steps left out."""
    x = block.ln_1(x) if norm else x
    parts = functional.linear(x, block.attn.in_proj_weight, block.attn.in_proj_bias)
    parts = parts.unflatten(-1, (3, block.attn.num_heads, -1)).permute(2, 0, 3, 1, 4)
    left, right = (parts["qkv".index(letter)] for letter in kind.split("-"))
    mixed = functional.scaled_dot_product_attention(left, right, parts[2], scale=scale)
    mixed = mixed.transpose(1, 2).flatten(2)
    return block.attn.out_proj(mixed) if project else mixed


def _second(
    blocks: list[nn.Module],
    x: Float[Tensor, "b n w"],
    kind: str,
    mlp: bool = False,
    own: bool = False,
    advance: str = "last",
    **parts: Any,
) -> Float[Tensor, "b n w"]:
    """The second path, or one that takes a wrong turn."""
    second = x
    for block in blocks:
        x = block(x) if advance == "first" else x
        second = second + _residual(block, second if own else x, kind, **parts)
        second = second + block.mlp(block.ln_2(second)) if mlp else second
        x = block(x) if advance == "last" else x
    return second


def _shares(
    mask: Bool[np.ndarray, "h w"], hot: Bool[np.ndarray, "h w"], corners: bool = True
) -> list[float]:
    """The share of hot pixels in each region."""
    numbers, count = ndimage.label(mask)
    if corners:
        (numbers,), count = label_regions(mask[None])
    return [float(hot[numbers == k].mean()) for k in range(1, count + 1)]


def _without_region(fn: Callable[..., Any], passed: Verdict) -> Verdict:
    """Of a function that is right otherwise: does it say that a mean of nothing is undefined?"""
    output, error = call(fn, (np.zeros((4, 6), dtype=bool), np.full((4, 6), 0.5), 0.25))
    if isinstance(error, ValueError) or number_trouble(output, math.nan) is None:
        return passed
    found = kind_of(output) if error is None else type(error).__name__
    return not_yet(
        f"for a mask without a region your function gives {found}, expected nan or a ValueError",
        "a mean over no region is undefined: look at the number of regions before dividing by it.",
    )


def _regions(
    generator: np.random.Generator, height: int, width: int
) -> tuple[Bool[np.ndarray, "h w"], Float[np.ndarray, "h w"]]:
    """A mask of 2 x 2 blocks, some touching at corners only, and a map that partly finds them.

    The map goes in steps of 1/8, which floats hold exactly: pixels lie AT a threshold of such a
    step, and no rounding decides about them.
    """
    blocks = generator.random((height // 2, width // 2)) < 0.25
    blocks[:3, :3] = [[True, False, False], [False, True, False], [False, False, False]]
    mask = np.kron(blocks, np.ones((2, 2))).astype(bool)
    return mask, np.minimum(generator.integers(0, 8, mask.shape) + 2 * mask, 8) / 8
