"""The exercises of notebook 03: the loss of learnt prompts, and a bug that really happened."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from promptad_tutorial.exercises.exercises import exercise
from promptad_tutorial.exercises.verdict import Task, Verdict
from promptad_tutorial.learning.losses import contrastive

RATE = 0.01  # the step size of `learn_sides`
Rows, Sides = Float[Tensor, "k d"], Float[Tensor, "2 d"]


def two_class_loss(fn: object) -> Verdict:
    """`fn(z, normal, negatives, temperature)`: the cross-entropy with the normal side as target.

    (k, d), (d,) and (j, d) with rows of length 1, and a float to one number.
    """
    generator = torch.Generator().manual_seed(7)
    return Task(
        exercise("two_class_loss"),
        cases=[
            (*(unit_rows(n, d, generator).squeeze(0) for n in (k, 1, j)), t)
            for k, j, d, t in ((4, 3, 8, 5.0), (2, 6, 5, 3.0), (7, 2, 12, 8.0))
        ],
        solution=lambda *inputs: float(contrastive(*inputs)),
        mistakes={
            "no_temperature": lambda z, w, g, t: _loss(z, w, g, 1.0),
            "divided_by_temperature": lambda z, w, g, t: _loss(z, w, g, 1 / t),
            "other_target": (
                lambda z, w, g, t: -_log_shares(z, w, g, t)[:, 1].mean(),
                lambda z, w, g, t: -_log_shares(z, w, g, t)[:, -1].mean(),
            ),
            "summed": lambda z, w, g, t: _loss(z, w, g, t) * len(z),
            "wrong_sign": lambda z, w, g, t: -_loss(z, w, g, t),
            "no_logarithm": (
                lambda z, w, g, t: _log_shares(z, w, g, t)[:, 0].exp().mean(),
                lambda z, w, g, t: 1 - _log_shares(z, w, g, t)[:, 0].exp().mean(),
            ),
            "one_negative": (
                lambda z, w, g, t: _loss(z, w, g.mean(dim=0)[None], t),
                lambda z, w, g, t: _loss(z, w, functional.normalize(g.mean(dim=0)[None]), t),
            ),
            "softmax_twice": lambda z, w, g, t: (
                -_log_shares(z, w, g, t).exp().log_softmax(dim=1)[:, 0].mean()
            ),
            "normal_left_out": lambda z, w, g, t: (
                (t * z @ g.T).logsumexp(dim=1) - t * z @ w
            ).mean(),
        },
    ).judge(fn)


def learn_sides(fn: object) -> Verdict:
    """`fn(z, sides, logit_scale, steps)`: fix a training loop that takes one number for another.

    (k, d), (2, d), a float and an int to (2, d). `logit_scale` is what CLIP stores: the logarithm
    of the temperature (trap 2 of method section 4).
    """
    generator = torch.Generator().manual_seed(8)
    return Task(
        exercise("learn_sides"),
        cases=[
            (unit_rows(k, d, generator), 1.5 * unit_rows(2, d, generator), scale, steps)
            for k, d, scale, steps in ((4, 8, 2.0, 5), (2, 5, 2.8, 8), (6, 10, 1.2, 12))
        ],
        solution=lambda z, s, x, n: _learn(z, s, math.exp(x), n),
        mistakes={
            "still_logarithm": _learn,
            "other_base": (
                lambda z, s, x, n: _learn(z, s, 10**x, n),
                lambda z, s, x, n: _learn(z, s, 2**x, n),
            ),
            "divided_by_temperature": lambda z, s, x, n: _learn(z, s, math.exp(-x), n),
            "logarithm_twice": lambda z, s, x, n: _learn(z, s, math.log(x), n),
            "own_number": tuple(
                lambda z, s, x, n, t=t: _learn(z, s, t, n) for t in (1.0, 10.0, 100.0)
            ),
            "other_target": (
                lambda z, s, x, n: _learn(z, s, math.exp(x), n, target=1),
                lambda z, s, x, n: _learn(z, s, x, n, target=1),
            ),
            "no_length": (
                lambda z, s, x, n: _learn(z, s, math.exp(x), n, normalise=False),
                lambda z, s, x, n: _learn(z, s, x, n, normalise=False),
            ),
        },
    ).judge(fn)


def _log_shares(
    z: Rows, w: Float[Tensor, " d"], g: Float[Tensor, "j d"], t: float
) -> Float[Tensor, "k sides"]:
    """The log probability of each side, the normal one first."""
    return (t * z @ torch.cat([w[None], g]).T).log_softmax(dim=1)


def _loss(z: Rows, w: Float[Tensor, " d"], g: Float[Tensor, "j d"], t: float) -> float:
    return float(-_log_shares(z, w, g, t)[:, 0].mean())


def _learn(
    z: Rows,
    sides: Sides,
    temperature: float,
    steps: int,
    target: int = 0,
    normalise: bool = True,
) -> Sides:
    """Gradient descent on the cross-entropy; its gradient written out, by the chain rule."""
    wanted = functional.one_hot(torch.tensor(target), 2).to(z.dtype)
    for _ in range(steps):
        lengths = sides.norm(dim=1, keepdim=True) if normalise else torch.ones_like(sides[:, :1])
        w = sides / lengths
        shares = (temperature * z @ w.T).softmax(dim=1)
        gradient = temperature * (shares - wanted).T @ z / len(z)  # of w
        if normalise:
            gradient = (gradient - (gradient * w).sum(dim=1, keepdim=True) * w) / lengths
        sides = sides - RATE * gradient
    return sides


def unit_rows(n: int, d: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
    """`n` random vectors of length 1."""
    return functional.normalize(torch.randn(n, d, generator=generator), dim=1)
