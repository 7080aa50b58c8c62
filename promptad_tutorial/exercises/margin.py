"""The exercises of notebook 05: the margin loss, where it begins to act, and its gradient."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from promptad_tutorial.exercises.answers import number_trouble, tensor_trouble
from promptad_tutorial.exercises.verdict import Task, Verdict, check_function, mistake
from promptad_tutorial.learning.losses import explicit_anomaly_margin

Distance = Callable[[Tensor, Tensor], Tensor]  # (k, d) and (d,) to (k,)


def margin_loss(fn: object) -> Verdict:
    """The explicit anomaly margin of some pictures. Difficulty 1 of 3, 8 minutes.

    `fn(z, w_n, w_a, margin)`: tensors (k, d), (d,) and (d,) of length 1, and a float to one number.
    """
    generator = torch.Generator().manual_seed(5)
    task = Task(
        inputs=("z", "w_n", "w_a", "margin"),
        cases=tuple(
            (_unit(k, d, generator), *_unit(2, d, generator), margin)
            for k, d, margin in ((6, 8, 0.5), (5, 6, 0.3), (9, 5, 0.2))
        ),
        solution=lambda *inputs: float(explicit_anomaly_margin(*inputs)),
        trouble=number_trouble,
        mistakes=(
            mistake(
                "the distances are not squared: d is the sum of the squared differences.",
                lambda z, n, a, m: _hinge(z, n, a, m, lambda x, w: (x - w).norm(dim=1)),
            ),
            mistake(
                "the sides are exchanged: a picture must be near w_n and far from w_a, so "
                "d(z, w_n) comes with a plus.",
                lambda z, n, a, m: _hinge(z, a, n, m),
                lambda z, n, a, m: _hinge(z, a, n, -m),
            ),
            mistake(
                "the margin stands outside of the relu: it shifts where the hinge begins to act, "
                "and belongs inside.",
                lambda z, n, a, m: _hinge(z, n, a, 0.0) + m,
                lambda z, n, a, m: _hinge(z, n, a, 0.0) - m,
            ),
            mistake(
                "the margin is missing.",
                lambda z, n, a, m: _hinge(z, n, a, 0.0),
            ),
            mistake(
                "the margin is subtracted: it is added, so that being just a little nearer to w_n "
                "is not enough.",
                lambda z, n, a, m: _hinge(z, n, a, -m),
            ),
            mistake(
                "the pictures are added up: take the mean over them.",
                lambda z, n, a, m: _hinge(z, n, a, m) * len(z),
            ),
            mistake(
                "the relu is missing: a picture beyond the margin counts as 0, not as negative.",
                lambda z, n, a, m: float((_gaps(z, n, a) + m).mean()),
            ),
            mistake(
                "the relu comes after the mean: each picture has a hinge of its own.",
                lambda z, n, a, m: float((_gaps(z, n, a) + m).mean().relu()),
            ),
            mistake(
                "a factor of 2 is missing: for vectors of length 1 the squared distance is "
                "2 - 2 <z, w>.",
                lambda z, n, a, m: float((_gaps(z, n, a) / 2 + m).relu().mean()),
            ),
            mistake(
                "the squares are averaged over the channels: a squared distance is their sum.",
                lambda z, n, a, m: _hinge(z, n, a, m, lambda x, w: (x - w).square().mean(dim=1)),
            ),
        ),
        hint="squared distances (z - w).square().sum(dim=1), normal minus anomalous plus margin, "
        "relu, then the mean over the pictures.",
    )
    return check_function(fn, task)


def idle_margin(fn: object) -> Verdict:
    """Up to which margin the hinge does nothing. Difficulty 2 of 3, 8 minutes.

    `fn(z, w_n, w_a)`: tensors (k, d), (d,) and (d,) of length 1, every z nearer to w_n, to one
    number.
    """
    generator = torch.Generator().manual_seed(6)
    task = Task(
        inputs=("z", "w_n", "w_a"),
        cases=tuple(_near(k, d, generator) for k, d in ((5, 8), (4, 6), (7, 5))),
        solution=lambda z, n, a: float(-_gaps(z, n, a).max()),
        trouble=number_trouble,
        mistakes=(
            mistake(
                "the sign is wrong: at this margin the largest hinge argument is 0, so the margin "
                "is minus the largest difference.",
                lambda z, n, a: float(_gaps(z, n, a).max()),
            ),
            mistake(
                "at this margin the hinge acts on every picture but one: ask for the picture that "
                "is reached first.",
                lambda z, n, a: float(-_gaps(z, n, a).min()),
                lambda z, n, a: float(_gaps(z, n, a).min()),
            ),
            mistake(
                "this is the mean over the pictures: about half of them are reached before it.",
                lambda z, n, a: float(-_gaps(z, n, a).mean()),
                lambda z, n, a: float(-_gaps(z, n, a).median()),
            ),
            mistake(
                "a factor of 2 is missing: for vectors of length 1 the difference is "
                "2 <z, w_a - w_n>.",
                lambda z, n, a: float(-_gaps(z, n, a).max() / 2),
            ),
            mistake(
                "the distances are not squared.",
                lambda z, n, a: float(((z - a).norm(dim=1) - (z - n).norm(dim=1)).min()),
            ),
            mistake(
                "this is the distance between the prototypes, whatever the pictures are: the "
                "hinge asks each picture.",
                lambda z, n, a: float((n - a).square().sum()),
                lambda z, n, a: float((n - a).norm()),
            ),
            mistake(
                "the nearest to w_a and the farthest from w_n may be two pictures: subtract "
                "within a picture first, then look for the smallest.",
                lambda z, n, a: float(_squared(z, a).min() - _squared(z, n).max()),
            ),
        ),
        hint="for which margin is d(z, w_n) - d(z, w_a) + margin = 0 for the first time, for any "
        "of the pictures?",
    )
    return check_function(fn, task)


def margin_gradient(fn: object) -> Verdict:
    """The gradient of the margin loss at w_a, by hand. Difficulty 3 of 3, 12 minutes.

    `fn(z, w_n, w_a, margin)`: as in `margin_loss`, to a tensor (d,). w_a is a free vector.
    """
    generator = torch.Generator().manual_seed(7)
    task = Task(
        inputs=("z", "w_n", "w_a", "margin"),
        cases=tuple(
            (_unit(k, d, generator), *_unit(2, d, generator), margin)
            for k, d, margin in ((6, 4, 1.2), (5, 6, 0.9), (8, 3, 0.8))
        ),
        solution=lambda z, n, a, m: _push(z, a, _active(z, n, a, m)),
        trouble=tensor_trouble,
        mistakes=(
            mistake(
                "pictures beyond the margin pull too: where the relu is 0, so is its slope.",
                lambda z, n, a, m: _push(z, a, torch.ones(len(z), dtype=torch.bool)),
            ),
            mistake(
                "this is the mean over the pictures on which the hinge acts: the loss is the mean "
                "over all of them.",
                lambda z, n, a, m: (
                    _push(z, a, _active(z, n, a, m))
                    * (len(z) / max(1, int(_active(z, n, a, m).sum())))
                ),
            ),
            mistake(
                "the sum over the pictures: the loss is their mean.",
                lambda z, n, a, m: _push(z, a, _active(z, n, a, m)) * len(z),
            ),
            mistake(
                "the sign is wrong: d(z, w_a) comes with a minus, and its own slope with another.",
                lambda z, n, a, m: -_push(z, a, _active(z, n, a, m)),
            ),
            mistake(
                "a factor of 2 is missing: it comes from the square.",
                lambda z, n, a, m: _push(z, a, _active(z, n, a, m)) / 2,
            ),
            mistake(
                "this is 2 z, what is left for a w_a that keeps its length: here w_a is free, and "
                "its square has a slope too.",
                lambda z, n, a, m: _push(z, 0 * a, _active(z, n, a, m)),
            ),
            mistake(
                "this is the gradient at w_n.",
                lambda z, n, a, m: -_push(z, n, _active(z, n, a, m)),
            ),
            mistake(
                "the margin decides which pictures count: it is missing in the condition.",
                lambda z, n, a, m: _push(z, a, _active(z, n, a, 0.0)),
            ),
        ),
        hint="for each picture: does its hinge act? If so it adds the slope of -d(z, w_a) at w_a, "
        "if not nothing; then the mean over all pictures.",
    )
    return check_function(fn, task)


def _unit(n: int, d: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
    return functional.normalize(torch.randn(n, d, generator=generator), dim=1)


def _near(k: int, d: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures around w_n, each nearer to it than to w_a."""
    normal, other = _unit(2, d, generator)
    anomalous = functional.normalize(normal + other, dim=0)
    z = functional.normalize(0.8 * normal - 0.4 * other + 0.6 * _unit(k, d, generator), dim=1)
    return z, normal, anomalous


def _squared(z: Float[Tensor, "k d"], w: Float[Tensor, " d"]) -> Float[Tensor, " k"]:
    return (z - w).square().sum(dim=1)


def _gaps(
    z: Float[Tensor, "k d"], n: Float[Tensor, " d"], a: Float[Tensor, " d"]
) -> Float[Tensor, " k"]:
    """d(z, w_n) - d(z, w_a) of each picture."""
    return _squared(z, n) - _squared(z, a)


def _hinge(
    z: Float[Tensor, "k d"],
    n: Float[Tensor, " d"],
    a: Float[Tensor, " d"],
    margin: float,
    distance: Distance = _squared,
) -> float:
    return float((distance(z, n) - distance(z, a) + margin).relu().mean())


def _active(
    z: Float[Tensor, "k d"], n: Float[Tensor, " d"], a: Float[Tensor, " d"], margin: float
) -> Bool[Tensor, " k"]:
    return _gaps(z, n, a) + margin > 0


def _push(
    z: Float[Tensor, "k d"], w: Float[Tensor, " d"], active: Bool[Tensor, " k"]
) -> Float[Tensor, " d"]:
    """2 (z - w), added up over the active pictures, divided by the number of all."""
    return 2 * (z - w)[active].sum(dim=0) / len(z)
