"""What learners of notebook 03 hand in: right answers, and the wrong ones that are typical."""

from __future__ import annotations

import math

import torch
from torch.nn import functional


def two_class_loss(z, normal, negatives, temperature):
    total = 0.0
    for picture in z:
        logits = [temperature * float(picture @ side) for side in (normal, *negatives)]
        total += math.log(sum(math.exp(x) for x in logits)) - logits[0]
    return total / len(z)


def given_learn_sides(z, sides, logit_scale, steps, target=0):
    """The function of the notebook, as it is given: it takes the logarithm for the temperature."""
    for _ in range(steps):
        sides = sides.clone().requires_grad_()
        w = functional.normalize(sides, dim=1)
        loss = functional.cross_entropy(logit_scale * z @ w.T, torch.full((len(z),), target))
        (gradient,) = torch.autograd.grad(loss, sides)
        sides = (sides - 0.01 * gradient).detach()
    return sides


def learn_sides(z, sides, logit_scale, steps, target=0):
    return given_learn_sides(z, sides, math.exp(logit_scale), steps, target)


def _logits(z, w, g, t):
    return t * torch.cat([(z @ w)[:, None], z @ g.T], dim=1)


def _cross_entropy(logits, target=0, **options):
    return functional.cross_entropy(logits, torch.full((len(logits),), target), **options)


def _without_length(z, sides, t, steps):
    for _ in range(steps):
        sides = sides.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(_cross_entropy(t * z @ sides.T), sides)
        sides = (sides - 0.01 * gradient).detach()
    return sides


SOLUTIONS = {"two_class_loss": two_class_loss, "learn_sides": learn_sides}

# check -> a phrase of the hint that the mistake must get -> ways to make it
WRONG = {
    "two_class_loss": {
        "temperature is missing": [lambda z, w, g, t: _cross_entropy(_logits(z, w, g, 1))],
        "divided by the temperature": [lambda z, w, g, t: _cross_entropy(_logits(z, w, g, 1 / t))],
        "another side is the target": [
            lambda z, w, g, t: _cross_entropy(_logits(z, w, g, t), 1),
            lambda z, w, g, t: _cross_entropy(_logits(z, w, g, t), len(g)),
        ],
        "the mean over them": [
            lambda z, w, g, t: _cross_entropy(_logits(z, w, g, t), reduction="sum"),
        ],
        "the sign is wrong": [lambda z, w, g, t: -_cross_entropy(_logits(z, w, g, t))],
        "the logarithm is missing": [
            lambda z, w, g, t: _logits(z, w, g, t).softmax(dim=1)[:, 0].mean(),
            lambda z, w, g, t: _logits(z, w, g, t).softmax(dim=1)[:, 1:].sum(dim=1).mean(),
        ],
        "became one prototype": [
            lambda z, w, g, t: _cross_entropy(_logits(z, w, g.mean(0)[None], t)),
            lambda z, w, g, t: two_class_loss(z, w, [g.mean(0) / g.mean(0).norm()], t),
        ],
        "softmax comes twice": [
            lambda z, w, g, t: _cross_entropy(_logits(z, w, g, t).softmax(dim=1)),
        ],
        "belongs into the sum": [
            lambda z, w, g, t: (torch.log((t * z @ g.T).exp().sum(1)) - t * (z @ w)).mean(),
        ],
    },
    "learn_sides": {
        "as CLIP stores it": [given_learn_sides],
        "the natural logarithm": [
            lambda z, s, scale, n: given_learn_sides(z, s, 10**scale, n),
            lambda z, s, scale, n: given_learn_sides(z, s, 2**scale, n),
        ],
        "divided by the temperature": [
            lambda z, s, scale, n: given_learn_sides(z, s, 1 / math.exp(scale), n),
        ],
        "taken once more": [lambda z, s, scale, n: given_learn_sides(z, s, math.log(scale), n)],
        "a number of your own": [
            lambda z, s, scale, n: given_learn_sides(z, s, 100.0, n),
            lambda z, s, scale, n: given_learn_sides(z, s, 1.0, n),
        ],
        "the target has changed": [
            lambda *inputs: learn_sides(*inputs, target=1),
            lambda *inputs: given_learn_sides(*inputs, target=1),
        ],
        "lost their length": [
            lambda z, s, scale, n: _without_length(z, s, math.exp(scale), n),
            lambda z, s, scale, n: _without_length(z, s, scale, n),
        ],
    },
}
