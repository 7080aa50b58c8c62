"""The exercises of notebook 06: the memory's distance, harmonic fusion, and a threshold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from promptad_tutorial.exercises.answers import tensor_trouble
from promptad_tutorial.exercises.exercises import exercise
from promptad_tutorial.exercises.verdict import Task, Verdict
from promptad_tutorial.scoring import harmonic_fusion
from promptad_tutorial.scoring.memory import visual_score


def memory_distance(fn: object) -> Verdict:
    """`fn(tokens, memory)`: how unlike the nearest stored patch every patch is, (p,) in [0, 1].

    (blocks, p, w) and (blocks, s, w), tokens of any length.
    """
    generator = torch.Generator().manual_seed(11)
    return Task(
        exercise("memory_distance"),
        cases=[_tokens(*size, generator) for size in ((2, 5, 7, 6), (2, 4, 9, 8), (3, 6, 4, 5))],
        solution=lambda tokens, memory: visual_score(_unit(tokens)[:, None], _unit(memory))[0],
        mistakes={
            "not_halved": lambda t, m: 2 * _distance(t, m),
            "mean_of_memory": lambda t, m: _distance(t, m, nearest=lambda c: c.mean(dim=-1)),
            "farthest": lambda t, m: _distance(t, m, nearest=lambda c: c.amin(dim=-1)),
            "not_unit": (
                lambda t, m: _distance(t, m, unit=lambda x: x),
                lambda t, m: _distance(t, m, unit=lambda x: x).clamp(0, 1),
            ),
            "wrong_axis": (
                lambda t, m: _distance(t, m, unit=lambda x: functional.normalize(x, dim=1)),
                lambda t, m: _distance(t, m, unit=lambda x: functional.normalize(x, dim=0)),
            ),
            "one_block": (
                lambda t, m: _distance(t, m, over=lambda d: d.amax(dim=0)),
                lambda t, m: _distance(t, m, over=lambda d: d.amin(dim=0)),
                lambda t, m: _distance(t[:1], m[:1]),
                lambda t, m: _distance(t[-1:], m[-1:]),
            ),
            "blocks_summed": lambda t, m: _distance(t, m, over=lambda d: d.sum(dim=0)),
            "similarity": (lambda t, m: 1 - 2 * _distance(t, m), lambda t, m: 1 - _distance(t, m)),
        },
    ).judge(fn)


def fuse_harmonically(fn: object) -> Verdict:
    """`fn(text, visual)`: 1 / (1/text + 1/visual) without NaN, also where a score is 0.

    Two tensors of the same shape in [0, 1], with zeros in them, to a tensor of that shape.
    """
    generator = torch.Generator().manual_seed(12)
    return Task(
        exercise("fuse_harmonically"),
        cases=[_branches(shape, generator) for shape in ((8,), (3, 5), (2, 2, 4))],
        solution=harmonic_fusion,
        trouble=_fusion_trouble,
        mistakes={
            "zero_by_zero": lambda a, b: a * b / (a + b),
            "harmonic_mean": (
                lambda a, b: 2 * harmonic_fusion(a, b),
                lambda a, b: 2 * a * b / (a + b),
            ),
            "not_inverted": lambda a, b: 1 / a + 1 / b,
            "other_decides": lambda a, b: torch.where(
                a == 0, b, torch.where(b == 0, a, harmonic_fusion(a, b))
            ),
            "arithmetic": (lambda a, b: (a + b) / 2, lambda a, b: a + b),
            "minimum": torch.minimum,
            "product": torch.mul,
            "padded": tuple(
                lambda a, b, e=e: 1 / (1 / (a + e) + 1 / (b + e)) for e in (1e-1, 1e-2, 1e-3)
            ),
        },
    ).judge(fn)


def normal_threshold(fn: object) -> Verdict:
    """`fn(scores, quantile)`: the upper end of a prediction interval, mean + q s sqrt(1 + 1/n).

    Scores (n,) of normal pictures and Student's quantile q to one number.
    """
    generator = np.random.default_rng(13)
    return Task(
        exercise("normal_threshold"),
        cases=[
            (generator.uniform(0.05, 0.4, n), quantile)
            for n, quantile in ((4, 1.64), (8, 2.36), (3, 1.2))
        ],
        solution=_threshold,
        mistakes={
            "population": lambda x, q: _threshold(x, q, ddof=0),
            "bound_for_mean": lambda x, q: _threshold(x, q, factor=lambda n: (1 / n) ** 0.5),
            "no_uncertainty": lambda x, q: _threshold(x, q, factor=lambda n: 1.0),
            "no_square_root": lambda x, q: _threshold(x, q, factor=lambda n: 1 + 1 / n),
            "lower_end": lambda x, q: _threshold(x, -q),
            "highest_score": lambda x, q: x.max(),
            "no_quantile": (lambda x, q: _threshold(x, 1.0), lambda x, q: x.mean()),
        },
    ).judge(fn)


def _tokens(
    blocks: int, patches: int, stored: int, width: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Tokens of many lengths; the first patch is stored, at another length."""

    def some(n: int) -> Tensor:
        lengths = 0.5 + 1.5 * torch.rand(blocks, n, 1, generator=generator)
        return lengths * torch.randn(blocks, n, width, generator=generator)

    tokens, memory = some(patches), some(stored)
    memory[:, -1] = 1.7 * tokens[:, 0]
    return tokens, memory


def _unit(x: Float[Tensor, "*n w"]) -> Float[Tensor, "*n w"]:
    return functional.normalize(x, dim=-1)


def _distance(
    tokens: Float[Tensor, "blocks p w"],
    memory: Float[Tensor, "blocks s w"],
    unit: Callable[[Tensor], Tensor] = _unit,
    nearest: Callable[[Tensor], Tensor] = lambda cosines: cosines.amax(dim=-1),
    over: Callable[[Tensor], Tensor] = lambda d: d.mean(dim=0),
) -> Float[Tensor, " p"]:
    """The right answer, or with one of its steps replaced."""
    return over((1 - nearest(unit(tokens) @ unit(memory).mT)) / 2)


def _branches(shape: tuple[int, ...], generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Two tensors of scores; in the first entry both are 0, in the next two one of them."""
    text, visual = (0.02 + 0.9 * torch.rand(shape, generator=generator) for _ in range(2))
    text.view(-1)[[0, 1]] = 0
    visual.view(-1)[[0, 2]] = 0
    return text, visual


def _fusion_trouble(got: Any, expected: Tensor) -> str | None:
    """What is wrong with fused scores; an infinite one is named before any other."""
    if isinstance(got, Tensor) and got.shape == expected.shape and got.is_floating_point():
        for place in got.detach().isinf().nonzero().tolist():
            value = float(expected[tuple(place)])
            return f"entry {place} of the result is infinite, expected {value:.3g}"
    return tensor_trouble(got, expected)


def _threshold(
    scores: Float[np.ndarray, " n"],
    quantile: float,
    ddof: int = 1,
    factor: Callable[[int], float] = lambda n: (1 + 1 / n) ** 0.5,
) -> float:
    return float(scores.mean() + quantile * scores.std(ddof=ddof) * factor(len(scores)))
