"""The exercises of notebook 05: the margin loss, where it begins to act, and its gradient."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from promptad_tutorial.exercises.answers import number_trouble, tensor_trouble
from promptad_tutorial.exercises.exercises import exercise
from promptad_tutorial.exercises.inputs import unit_rows
from promptad_tutorial.exercises.verdict import Task, Verdict
from promptad_tutorial.learning.losses import explicit_anomaly_margin

Distance = Callable[[Tensor, Tensor], Tensor]  # (k, d) and (d,) to (k,)


def margin_loss(fn: object) -> Verdict:
    """The explicit anomaly margin of some pictures.

    `fn(z, w_n, w_a, margin)`: tensors (k, d), (d,) and (d,) of length 1, and a float to one number.
    """
    generator = torch.Generator().manual_seed(5)
    return Task(
        exercise("margin_loss"),
        cases=tuple(
            (unit_rows(k, d, generator), *unit_rows(2, d, generator), margin)
            for k, d, margin in ((6, 8, 0.5), (5, 6, 0.3), (9, 5, 0.2))
        ),
        solution=lambda *inputs: float(explicit_anomaly_margin(*inputs)),
        trouble=number_trouble,
        mistakes={
            "not_squared": lambda z, n, a, m: _hinge(z, n, a, m, lambda x, w: (x - w).norm(dim=1)),
            "sides_exchanged": (
                lambda z, n, a, m: _hinge(z, a, n, m),
                lambda z, n, a, m: _hinge(z, a, n, -m),
            ),
            "margin_outside": (
                lambda z, n, a, m: _hinge(z, n, a, 0.0) + m,
                lambda z, n, a, m: _hinge(z, n, a, 0.0) - m,
            ),
            "no_margin": lambda z, n, a, m: _hinge(z, n, a, 0.0),
            "margin_subtracted": lambda z, n, a, m: _hinge(z, n, a, -m),
            "summed": lambda z, n, a, m: _hinge(z, n, a, m) * len(z),
            "no_relu": lambda z, n, a, m: (_gaps(z, n, a) + m).mean(),
            "relu_after_mean": lambda z, n, a, m: (_gaps(z, n, a) + m).mean().relu(),
            "no_factor_two": lambda z, n, a, m: (_gaps(z, n, a) / 2 + m).relu().mean(),
            "channel_mean": lambda z, n, a, m: _hinge(
                z, n, a, m, lambda x, w: (x - w).square().mean(dim=1)
            ),
        },
    ).judge(fn)


def idle_margin(fn: object) -> Verdict:
    """Up to which margin the hinge does nothing.

    `fn(z, w_n, w_a)`: tensors (k, d), (d,) and (d,) of length 1, every z nearer to w_n, to one
    number.
    """
    generator = torch.Generator().manual_seed(6)
    return Task(
        exercise("idle_margin"),
        cases=tuple(_near(k, d, generator) for k, d in ((5, 8), (4, 6), (7, 5))),
        solution=lambda z, n, a: float(-_gaps(z, n, a).max()),
        trouble=number_trouble,
        mistakes={
            "wrong_sign": lambda z, n, a: _gaps(z, n, a).max(),
            "last_picture": (
                lambda z, n, a: -_gaps(z, n, a).min(),
                lambda z, n, a: _gaps(z, n, a).min(),
            ),
            "mean_picture": (
                lambda z, n, a: -_gaps(z, n, a).mean(),
                lambda z, n, a: -_gaps(z, n, a).median(),
            ),
            "no_factor_two": lambda z, n, a: -_gaps(z, n, a).max() / 2,
            "not_squared": lambda z, n, a: ((z - a).norm(dim=1) - (z - n).norm(dim=1)).min(),
            "between_prototypes": (
                lambda z, n, a: (n - a).square().sum(),
                lambda z, n, a: (n - a).norm(),
            ),
            "two_pictures": lambda z, n, a: _squared(z, a).min() - _squared(z, n).max(),
        },
    ).judge(fn)


def margin_gradient(fn: object) -> Verdict:
    """The gradient of the margin loss at w_a, by hand.

    `fn(z, w_n, w_a, margin)`: as in `margin_loss`, to a tensor (d,). w_a is a free vector.
    """
    generator = torch.Generator().manual_seed(7)
    return Task(
        exercise("margin_gradient"),
        cases=tuple(
            (unit_rows(k, d, generator), *unit_rows(2, d, generator), margin)
            for k, d, margin in ((6, 4, 1.2), (5, 6, 0.9), (8, 3, 0.8))
        ),
        solution=lambda z, n, a, m: _push(z, a, _active(z, n, a, m)),
        trouble=tensor_trouble,
        mistakes={
            "all_pictures_pull": lambda z, n, a, m: _push(
                z, a, torch.ones(len(z), dtype=torch.bool)
            ),
            "mean_of_active": lambda z, n, a, m: (
                _push(z, a, _active(z, n, a, m)) * (len(z) / max(1, int(_active(z, n, a, m).sum())))
            ),
            "summed": lambda z, n, a, m: _push(z, a, _active(z, n, a, m)) * len(z),
            "wrong_sign": lambda z, n, a, m: -_push(z, a, _active(z, n, a, m)),
            "no_factor_two": lambda z, n, a, m: _push(z, a, _active(z, n, a, m)) / 2,
            "kept_length": lambda z, n, a, m: _push(z, 0 * a, _active(z, n, a, m)),
            "at_normal": lambda z, n, a, m: -_push(z, n, _active(z, n, a, m)),
            "no_margin": lambda z, n, a, m: _push(z, a, _active(z, n, a, 0.0)),
        },
    ).judge(fn)


def _near(k: int, d: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures around w_n, each nearer to it than to w_a."""
    normal, other = unit_rows(2, d, generator)
    anomalous = functional.normalize(normal + other, dim=0)
    z = functional.normalize(0.8 * normal - 0.4 * other + 0.6 * unit_rows(k, d, generator), dim=1)
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
