"""The exercises of notebook 05: the margin loss, where it begins to act, and its gradient."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from promptad_tutorial.exercises.coop import unit_rows
from promptad_tutorial.exercises.exercises import exercise
from promptad_tutorial.exercises.verdict import Task, Verdict
from promptad_tutorial.learning.losses import explicit_anomaly_margin

Rows, Side, Each = Float[Tensor, "k d"], Float[Tensor, " d"], Float[Tensor, " k"]


def margin_loss(fn: object) -> Verdict:
    """`fn(z, w_n, w_a, margin)`: (k, d), (d,) and (d,) of length 1 to the margin loss, a number."""
    return Task(
        exercise("margin_loss"),
        cases=_pictures(5, (6, 8, 0.5), (5, 6, 0.3), (9, 5, 0.2)),
        solution=lambda *inputs: float(explicit_anomaly_margin(*inputs)),
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
    """`fn(z, w_n, w_a)`: up to which margin the hinge does nothing, a number.

    (k, d), (d,) and (d,) of length 1, every z nearer to w_n.
    """
    generator = torch.Generator().manual_seed(6)
    return Task(
        exercise("idle_margin"),
        cases=[_near(k, d, generator) for k, d in ((5, 8), (4, 6), (7, 5))],
        solution=lambda z, n, a: float(-_gaps(z, n, a).max()),
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
    """`fn(z, w_n, w_a, margin)`: as in `margin_loss`, to its gradient at w_a, (d,), by hand.

    w_a is a free vector.
    """
    return Task(
        exercise("margin_gradient"),
        cases=_pictures(7, (6, 4, 1.2), (5, 6, 0.9), (8, 3, 0.8)),
        solution=lambda z, n, a, m: _push(z, a, _active(z, n, a, m)),
        mistakes={
            "all_pictures_pull": lambda z, n, a, m: _push(z, a, _active(z, n, a, 9.0)),
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


def _pictures(
    seed: int, *sizes: tuple[int, int, float]
) -> list[tuple[Tensor, Tensor, Tensor, float]]:
    """z, w_n, w_a and margin for each (k, d, margin)."""
    generator = torch.Generator().manual_seed(seed)
    return [(unit_rows(k, d, generator), *unit_rows(2, d, generator), m) for k, d, m in sizes]


def _near(k: int, d: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures around w_n, each nearer to it than to w_a."""
    normal, other = unit_rows(2, d, generator)
    anomalous = functional.normalize(normal + other, dim=0)
    z = functional.normalize(0.8 * normal - 0.4 * other + 0.6 * unit_rows(k, d, generator), dim=1)
    return z, normal, anomalous


def _squared(z: Rows, w: Side) -> Each:
    return (z - w).square().sum(dim=1)


def _gaps(z: Rows, n: Side, a: Side) -> Each:
    """d(z, w_n) - d(z, w_a) of each picture."""
    return _squared(z, n) - _squared(z, a)


def _hinge(
    z: Rows, n: Side, a: Side, margin: float, distance: Callable[[Rows, Side], Each] = _squared
) -> float:
    return float((distance(z, n) - distance(z, a) + margin).relu().mean())


def _active(z: Rows, n: Side, a: Side, margin: float) -> Bool[Tensor, " k"]:
    return _gaps(z, n, a) + margin > 0  # true of all for 9: gaps of unit vectors are above -4


def _push(z: Rows, w: Side, active: Bool[Tensor, " k"]) -> Side:
    """2 (z - w), added up over the active pictures, divided by the number of all."""
    return 2 * (z - w)[active].sum(dim=0) / len(z)
