"""Losses against closed forms, written-out loops and finite differences of their gradients."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from promptad_tutorial.learning.losses import (
    alignment,
    contrastive,
    explicit_anomaly_margin,
    prototypes,
    pull,
)
from promptad_tutorial.prompts.learner import PromptFeatures

SHAPES = [(3, 5), (2, 4, 5)]  # of z: images, and patches of images
X, Y, Z = torch.eye(3)


def raw(*shape: int, seed: int = 0) -> Tensor:
    """Features in double precision, as a text tower gives them: of any length."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def unit(*shape: int, seed: int = 0) -> Tensor:
    return F.normalize(raw(*shape, seed=seed), dim=-1)


def rows(z: Tensor) -> list[list[float]]:
    return z.reshape(-1, z.shape[-1]).tolist()


def dot(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def distance(a: list[float], b: list[float]) -> float:
    return sum((x - y) ** 2 for x, y in zip(a, b, strict=True))


# --- prototypes -----------------------------------------------------------------------------


def test_prototypes_weigh_longer_features_more():
    none = torch.zeros(0, 2)
    features = PromptFeatures(torch.tensor([[3.0, 0.0], [0.0, 1.0]]), none, none, none)
    found, missing = prototypes(features)
    torch.testing.assert_close(found, torch.tensor([3.0, 1.0]) / math.sqrt(10))
    assert missing is None
    of_unit_features = torch.tensor([1.0, 1.0]) / math.sqrt(2)
    assert (found - of_unit_features).norm() > 0.4


def test_the_anomaly_prototype_is_of_every_negative():
    features = PromptFeatures(raw(2, 5), raw(3, 5, seed=1), raw(4, 5, seed=2), raw(1, 5, seed=3))
    for found, groups in zip(
        prototypes(features),
        ([features.normal], [features.manual, features.learnt, features.own]),
        strict=True,
    ):
        total = [0.0] * 5
        for feature in (one for group in groups for one in group.tolist()):
            total = [a + b for a, b in zip(total, feature, strict=True)]
        expected = torch.tensor(total, dtype=torch.float64) / math.sqrt(dot(total, total))
        torch.testing.assert_close(found, expected)


# --- the contrastive loss -------------------------------------------------------------------


@pytest.mark.parametrize("negatives", [0, 1, 7])
def test_contrastive_of_zero_logits_is_log_of_their_number(negatives):
    found = contrastive(Z[None], X, Y.expand(negatives, 3), 100.0)
    assert float(found) == pytest.approx(math.log(1 + negatives), abs=1e-6)


@pytest.mark.parametrize("t", [1.0, 4.6, 100.0])
def test_contrastive_of_two_sides_is_a_softplus(t):
    assert float(contrastive(X[None], X, Y[None], t)) == pytest.approx(math.log1p(math.exp(-t)))
    # t above 0 for a z that sits on a negative, however large t is
    wrong = float(contrastive(Y[None], X, Y[None], t))
    assert wrong == pytest.approx(t + math.log1p(math.exp(-t)), rel=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("t", [1.0, 20.0])
def test_contrastive_is_the_written_out_loop(shape, t):
    z, normal, negatives = unit(*shape), unit(5, seed=1), unit(6, 5, seed=2)
    losses = []
    for one in rows(z):
        logits = [t * dot(one, side) for side in [normal.tolist(), *negatives.tolist()]]
        losses.append(-math.log(math.exp(logits[0]) / sum(map(math.exp, logits))))
    expected = sum(losses) / len(losses)
    assert float(contrastive(z, normal, negatives, t)) == pytest.approx(expected, rel=1e-9)


# --- the pull -------------------------------------------------------------------------------


def test_pull_is_0_on_the_prototype_and_2_t_opposite_to_it():
    for z, expected in ((X, 0.0), (Y, 7.0), (-X, 14.0), (torch.stack([X, -X]), 7.0)):
        assert float(pull(z, X, 7.0)) == pytest.approx(expected)


# --- the explicit anomaly margin --------------------------------------------------------------


@pytest.mark.parametrize(
    ("z", "margin", "expected"),
    [
        (X, 0.0, 0.0),  # distances 0 and 2: apart
        (X, 1.9, 0.0),
        (X, 2.5, 0.5),
        (Y, 0.0, 2.0),
        (Y, 0.5, 2.5),
        (Y, -0.5, 1.5),
        (Z, 0.0, 0.0),  # as near to the one as to the other
        (Z, 0.3, 0.3),
        (-X, 0.0, 2.0),  # 4 and 2
    ],
)
def test_margin_by_hand(z, margin, expected):
    found = explicit_anomaly_margin(z[None], X, Y, margin)
    assert float(found) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("margin", [0.0, 0.7])
def test_margin_is_the_written_out_loop(shape, margin):
    z, normal, anomalous = unit(*shape), unit(5, seed=1), unit(5, seed=2)
    hinges = [
        max(0.0, distance(one, normal.tolist()) - distance(one, anomalous.tolist()) + margin)
        for one in rows(z)
    ]
    assert 0 < sum(hinge > 0 for hinge in hinges) < len(hinges)  # both sides of the hinge
    found = explicit_anomaly_margin(z, normal, anomalous, margin)
    assert float(found) == pytest.approx(sum(hinges) / len(hinges), rel=1e-9)


def test_trap_3_takes_the_hinge_channel_by_channel():
    z, normal, anomalous = unit(2, 4, 5), unit(5, seed=1), unit(5, seed=2)
    hinges = []
    for image in z.tolist():
        for d in range(5):
            to_normal = sum((patch[d] - float(normal[d])) ** 2 for patch in image)
            to_anomalous = sum((patch[d] - float(anomalous[d])) ** 2 for patch in image)
            hinges.append(max(0.0, to_normal - to_anomalous + 0.1))
    trap = float(explicit_anomaly_margin(z, normal, anomalous, 0.1, over_patches=True))
    assert trap == pytest.approx(sum(hinges) / len(hinges), rel=1e-9)
    assert trap != pytest.approx(float(explicit_anomaly_margin(z, normal, anomalous, 0.1)))


def test_trap_3_is_about_patches_only():
    z, normal, anomalous = unit(3, 5), unit(5, seed=1), unit(5, seed=2)
    trap, clean = (explicit_anomaly_margin(z, normal, anomalous, 0.1, on) for on in (True, False))
    assert torch.equal(trap, clean)


# --- alignment --------------------------------------------------------------------------------


def test_alignment_by_hand():
    many = torch.stack([X, Y])
    assert float(alignment(many, many)) == 0
    assert float(alignment(X[None], -X[None])) == pytest.approx(4)
    assert float(alignment(X[None], Y[None])) == pytest.approx(2)
    assert float(alignment(many, X[None])) == pytest.approx(0.5)  # (1/2, 1/2, 0) - (1, 0, 0)
    # equal means of different features, of different lengths
    assert float(alignment(torch.stack([9 * X, -X]), torch.stack([Y, -Y, 5 * Z, -Z]))) < 1e-12


def test_alignment_is_the_written_out_loop():
    manual, learnt = raw(4, 5), raw(3, 5, seed=1)
    means = []
    for group in (manual.tolist(), learnt.tolist()):
        total = [0.0] * 5
        for one in group:
            length = math.sqrt(dot(one, one))
            total = [a + b / length / len(group) for a, b in zip(total, one, strict=True)]
        means.append(total)
    assert float(alignment(manual, learnt)) == pytest.approx(distance(*means), rel=1e-9)


@pytest.mark.parametrize(("manual", "learnt"), [(0, 3), (3, 0), (0, 0)])
def test_alignment_of_a_missing_side_is_0(manual, learnt):
    assert float(alignment(raw(manual, 5), raw(learnt, 5))) == 0


# --- gradients --------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_are_those_of_finite_differences(shape):
    z, none = unit(*shape), torch.zeros(0, 5, dtype=torch.float64)

    def losses(normal: Tensor, manual: Tensor, learnt: Tensor) -> tuple[Tensor, ...]:
        features = PromptFeatures(normal, manual, learnt, none)
        w_n, w_a = prototypes(features)
        assert w_a is not None
        return (
            contrastive(z, w_n, F.normalize(features.anomalous, dim=-1), 3.0),
            pull(z, w_n, 3.0),
            explicit_anomaly_margin(z, w_n, w_a, 0.1),
            explicit_anomaly_margin(z, w_n, w_a, 0.1, over_patches=True),
            alignment(manual, learnt),
        )

    inputs = [raw(n, 5, seed=n).requires_grad_() for n in (2, 3, 4)]
    assert all(float(loss.detach()) > 1e-3 for loss in losses(*inputs))  # no term sleeps
    assert torch.autograd.gradcheck(losses, inputs, atol=1e-6)
