"""What learners of notebook 05 hand in: right answers, and the wrong ones that are typical."""

from __future__ import annotations

import torch
from torch.nn import functional


def margin_loss(z, w_n, w_a, margin):
    total = 0.0
    for picture in z:
        to_normal = sum(float(x) ** 2 for x in picture - w_n)
        to_anomalous = sum(float(x) ** 2 for x in picture - w_a)
        total += max(0.0, to_normal - to_anomalous + margin)
    return total / len(z)


def idle_margin(z, w_n, w_a):
    return min(float(2 - 2 * x @ w_a - (2 - 2 * x @ w_n)) for x in z)


def _autograd(loss, at):
    at = at.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(at), at)
    return gradient


def _loss(z, n, a, m, reduce=torch.mean):
    return reduce(functional.relu(((z - n) ** 2).sum(1) - ((z - a) ** 2).sum(1) + m))


def margin_gradient(z, w_n, w_a, margin):
    return _autograd(lambda a: _loss(z, w_n, a, margin), w_a)


def _acting(z, n, a, m):
    return z[2 * z @ (a - n) + m > 0]


def _arguments(z, n, a, m):
    return 2 * z @ (a - n) + m


SOLUTIONS = {
    "margin_loss": margin_loss,
    "idle_margin": idle_margin,
    "margin_gradient": margin_gradient,
}

# check -> a phrase of the hint that the mistake must get -> ways to make it
WRONG = {
    "margin_loss": {
        "are not squared": [
            lambda z, n, a, m: functional.relu(
                torch.cdist(z, n[None]) - torch.cdist(z, a[None]) + m
            ).mean(),
        ],
        "the sides are exchanged": [
            lambda z, n, a, m: margin_loss(z, a, n, m),
            lambda z, n, a, m: functional.relu(_arguments(z, a, n, 0) - m).mean(),
        ],
        "stands outside of the relu": [
            lambda z, n, a, m: margin_loss(z, n, a, 0) + m,
            lambda z, n, a, m: margin_loss(z, n, a, 0) - m,
        ],
        "the margin is missing": [lambda z, n, a, m: margin_loss(z, n, a, 0)],
        "the margin is subtracted": [lambda z, n, a, m: margin_loss(z, n, a, -m)],
        "take the mean": [lambda z, n, a, m: _loss(z, n, a, m, torch.sum)],
        "the relu is missing": [lambda z, n, a, m: _arguments(z, n, a, m).mean()],
        "after the mean": [lambda z, n, a, m: max(0.0, float(_arguments(z, n, a, m).mean()))],
        "a factor of 2": [lambda z, n, a, m: functional.relu(z @ a - z @ n + m).mean()],
        "averaged over the channels": [
            lambda z, n, a, m: functional.relu(
                ((z - n) ** 2).mean(1) - ((z - a) ** 2).mean(1) + m
            ).mean(),
        ],
    },
    "idle_margin": {
        "the sign is wrong": [lambda z, n, a: -idle_margin(z, n, a)],
        "every picture but one": [lambda z, n, a: (2 * z @ (n - a)).max()],
        "mean over the pictures": [lambda z, n, a: (2 * z @ (n - a)).mean()],
        "a factor of 2": [lambda z, n, a: (z @ n - z @ a).min()],
        "are not squared": [lambda z, n, a: min(float((x - a).norm() - (x - n).norm()) for x in z)],
        "between the prototypes": [
            lambda z, n, a: 2 - 2 * float(n @ a),
            lambda z, n, a: torch.dist(n, a),
        ],
        "may be two pictures": [lambda z, n, a: (2 - 2 * z @ a).min() - (2 - 2 * z @ n).max()],
    },
    "margin_gradient": {
        "beyond the margin pull too": [lambda z, n, a, m: (2 * (z - a)).mean(0)],
        "on which the hinge acts": [lambda z, n, a, m: 2 * (_acting(z, n, a, m) - a).mean(0)],
        "the sum over the pictures": [
            lambda z, n, a, m: _autograd(lambda x: _loss(z, n, x, m, torch.sum), a),
        ],
        "the sign is wrong": [lambda z, n, a, m: -margin_gradient(z, n, a, m)],
        "a factor of 2": [lambda z, n, a, m: (_acting(z, n, a, m) - a).sum(0) / len(z)],
        "what is left for a w_a": [lambda z, n, a, m: 2 * _acting(z, n, a, m).sum(0) / len(z)],
        "the gradient at w_n": [lambda z, n, a, m: _autograd(lambda x: _loss(z, x, a, m), n)],
        "missing in the condition": [lambda z, n, a, m: margin_gradient(z, n, a, 0)],
    },
}
