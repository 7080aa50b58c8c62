"""The exercises of notebook 03: the loss of learnt prompts, and a bug that really happened."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from promptad_tutorial.exercises.answers import number_trouble, tensor_trouble
from promptad_tutorial.exercises.verdict import Task, Verdict, check_function, mistake
from promptad_tutorial.learning.losses import contrastive

RATE = 0.01  # the step size of `learn_sides`


def two_class_loss(fn: object) -> Verdict:
    """Cross-entropy with the normal side as target. Difficulty 2 of 3, 10 minutes.

    `fn(z, normal, negatives, temperature)`: tensors (k, d), (d,) and (j, d) with rows of length 1,
    and a float to one number.
    """
    generator = torch.Generator().manual_seed(7)
    task = Task(
        inputs=("z", "normal", "negatives", "temperature"),
        cases=tuple(
            (_unit(k, d, generator), _unit(1, d, generator)[0], _unit(j, d, generator), t)
            for k, j, d, t in ((4, 3, 8, 5.0), (2, 6, 5, 3.0), (7, 2, 12, 8.0))
        ),
        solution=lambda *inputs: float(contrastive(*inputs)),
        trouble=number_trouble,
        mistakes=(
            mistake(
                "the temperature is missing: multiply the cosines by it before the softmax.",
                lambda z, w, g, t: _loss(z, w, g, 1.0),
            ),
            mistake(
                "the cosines are divided by the temperature: multiply them by it.",
                lambda z, w, g, t: _loss(z, w, g, 1 / t),
            ),
            mistake(
                "another side is the target: all pictures are normal, so the target is the column "
                "of the normal side.",
                lambda z, w, g, t: float(-_log_shares(z, w, g, t)[:, 1].mean()),
                lambda z, w, g, t: float(-_log_shares(z, w, g, t)[:, -1].mean()),
            ),
            mistake(
                "the pictures are added up: take the mean over them.",
                lambda z, w, g, t: _loss(z, w, g, t) * len(z),
            ),
            mistake(
                "the sign is wrong: the loss is minus the logarithm of a probability.",
                lambda z, w, g, t: -_loss(z, w, g, t),
            ),
            mistake(
                "the logarithm is missing: -log p, not p or 1 - p.",
                lambda z, w, g, t: float(_log_shares(z, w, g, t)[:, 0].exp().mean()),
                lambda z, w, g, t: float(1 - _log_shares(z, w, g, t)[:, 0].exp().mean()),
            ),
            mistake(
                "the negatives became one prototype: each of them is a class of its own here.",
                lambda z, w, g, t: _loss(z, w, g.mean(dim=0, keepdim=True), t),
                lambda z, w, g, t: _loss(
                    z, w, functional.normalize(g.mean(dim=0, keepdim=True), dim=1), t
                ),
            ),
            mistake(
                "the softmax comes twice: cross_entropy takes logits and does it by itself.",
                lambda z, w, g, t: float(
                    -_log_shares(z, w, g, t).exp().log_softmax(dim=1)[:, 0].mean()
                ),
            ),
            mistake(
                "the normal side belongs into the sum of the softmax too: "
                "torch.cat([normal[None], negatives]).",
                lambda z, w, g, t: float(
                    ((t * z @ g.T).logsumexp(dim=1) - t * z @ w).mean(),
                ),
            ),
        ),
        hint="logits = temperature * z @ torch.cat([normal[None], negatives]).T, then "
        "cross_entropy with target 0 for every picture.",
    )
    return check_function(fn, task)


def learn_sides(fn: object) -> Verdict:
    """Mend a training loop that uses a number for another. Difficulty 2 of 3, 10 minutes.

    `fn(z, sides, logit_scale, steps)`: tensors (k, d) and (2, d), a float and an int to a tensor
    (2, d). `logit_scale` is what CLIP stores: the logarithm of the temperature (trap 2 of method
    section 4).
    """
    generator = torch.Generator().manual_seed(8)
    task = Task(
        inputs=("z", "sides", "logit_scale", "steps"),
        cases=tuple(
            (_unit(k, d, generator), 1.5 * _unit(2, d, generator), scale, steps)
            for k, d, scale, steps in ((4, 8, 2.0, 5), (2, 5, 2.8, 8), (6, 10, 1.2, 12))
        ),
        solution=lambda z, sides, scale, steps: _learn(z, sides, math.exp(scale), steps),
        trouble=tensor_trouble,
        mistakes=(
            mistake(
                "the cosines are still multiplied by the number as CLIP stores it: print it beside "
                "backbone.temperature, and ask what CLIP stores.",
                lambda z, sides, scale, steps: _learn(z, sides, scale, steps),
            ),
            mistake(
                "it is the natural logarithm that is stored: undo it with math.exp.",
                lambda z, sides, scale, steps: _learn(z, sides, 10**scale, steps),
                lambda z, sides, scale, steps: _learn(z, sides, 2**scale, steps),
            ),
            mistake(
                "the cosines are divided by the temperature: multiply them by it.",
                lambda z, sides, scale, steps: _learn(z, sides, math.exp(-scale), steps),
            ),
            mistake(
                "the logarithm is taken once more: what is stored is a logarithm already.",
                lambda z, sides, scale, steps: _learn(z, sides, math.log(scale), steps),
            ),
            mistake(
                "the temperature is a number of your own: compute it from logit_scale.",
                *(_fixed(t) for t in (1.0, 10.0, 100.0)),
            ),
            mistake(
                "the target has changed: all pictures are normal, and the normal side is number 0.",
                lambda z, sides, scale, steps: _learn(z, sides, math.exp(scale), steps, target=1),
                lambda z, sides, scale, steps: _learn(z, sides, scale, steps, target=1),
            ),
            mistake(
                "the sides lost their length of 1: a cosine needs vectors of length 1 on both "
                "sides.",
                lambda z, sides, scale, steps: _learn(
                    z, sides, math.exp(scale), steps, normalise=False
                ),
                lambda z, sides, scale, steps: _learn(z, sides, scale, steps, normalise=False),
            ),
        ),
        hint="four of the five lines of the loop are right; leave the step size and the number of "
        "steps as they are.",
    )
    return check_function(fn, task)


def _unit(n: int, d: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
    return functional.normalize(torch.randn(n, d, generator=generator), dim=1)


def _log_shares(
    z: Float[Tensor, "k d"], w: Float[Tensor, " d"], g: Float[Tensor, "j d"], t: float
) -> Float[Tensor, "k sides"]:
    """The log probability of each side, the normal one first."""
    return (t * z @ torch.cat([w[None], g]).T).log_softmax(dim=1)


def _loss(
    z: Float[Tensor, "k d"], w: Float[Tensor, " d"], g: Float[Tensor, "j d"], t: float
) -> float:
    return float(-_log_shares(z, w, g, t)[:, 0].mean())


def _learn(
    z: Float[Tensor, "k d"],
    sides: Float[Tensor, "2 d"],
    temperature: float,
    steps: int,
    target: int = 0,
    normalise: bool = True,
) -> Float[Tensor, "2 d"]:
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


def _fixed(temperature: float) -> Callable[..., Tensor]:
    return lambda z, sides, scale, steps: _learn(z, sides, temperature, steps)
