"""The pretraining losses against open_clip's own, slow references and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from open_clip.loss import ClipLoss
from torch.nn import functional as F

from workshop.pretraining.objective import multi_positive_contrastive, name_the_patches, right_state

COUNTERED = torch.tensor([True, False, True, True, False])


def random_features(
    sets: int = 2, count: int = 5, width: int = 7, seed: int = 0
) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(count, width, generator=generator).double() for _ in range(sets))


def some_truth(count: int = 5) -> torch.Tensor:
    """A truth table in which every picture has its own caption and some others."""
    generator = torch.Generator().manual_seed(3)
    return torch.eye(count, dtype=torch.bool) | (
        torch.rand(count, count, generator=generator) < 0.3
    )


@pytest.mark.parametrize("temperature", [1.0, 14.3, 100.0])
def test_with_one_true_caption_each_it_is_clips_own_loss(temperature):
    images, texts = random_features()
    found = multi_positive_contrastive(images, texts, torch.eye(5, dtype=torch.bool), temperature)
    images, texts = F.normalize(images, dim=-1), F.normalize(texts, dim=-1)
    torch.testing.assert_close(found, ClipLoss()(images, texts, torch.tensor(temperature)))


def test_several_true_captions_share_the_target():
    (images, texts), true = random_features(), some_truth()
    assert true.sum() > 5
    z = images / images.norm(dim=1, keepdim=True)
    g = texts / texts.norm(dim=1, keepdim=True)
    logits = (9.0 * z @ g.T).numpy()
    total = 0.0
    for table, positives in ((logits, true.numpy()), (logits.T, true.numpy().T)):
        for row, right in zip(table, positives, strict=True):
            log_p = row - np.log(np.exp(row).sum())
            total += -np.mean(log_p[right]) / len(table) / 2
    found = multi_positive_contrastive(images, texts, true, 9.0)
    assert float(found) == pytest.approx(total, rel=1e-9)


def test_lengths_of_features_do_not_matter():
    (images, texts), true = random_features(), some_truth()
    found = multi_positive_contrastive(images, texts, true, 9.0)
    torch.testing.assert_close(
        found, multi_positive_contrastive(3 * images, 0.2 * texts, true, 9.0)
    )


def test_gradients_are_those_of_finite_differences():
    (images, texts), true = random_features(), some_truth()
    inputs = [x.requires_grad_() for x in (images, texts, torch.tensor(5.0).double())]
    assert torch.autograd.gradcheck(
        lambda z, g, t: multi_positive_contrastive(z, g, true, t), inputs
    )


# --- the right state ------------------------------------------------------------------------


def test_the_right_state_is_the_mean_log_loss_of_the_pictures_with_a_counter():
    images, texts, counters = random_features(3)
    losses = []
    for i in (0, 2, 3):
        z, g, c = (x[i].numpy() for x in (images, texts, counters))
        near, far = (z @ x / np.linalg.norm(z) / np.linalg.norm(x) for x in (g, c))
        losses.append(-np.log(1 / (1 + np.exp(-9.0 * (near - far)))))
    found = right_state(images, texts, counters, COUNTERED, 9.0)
    assert found.shape == () and float(found) == pytest.approx(np.mean(losses), rel=1e-9)


def test_the_right_state_is_a_choice_between_the_two_texts():
    images, texts, counters = random_features(3)
    z, g, c = (F.normalize(x, dim=-1)[COUNTERED] for x in (images, texts, counters))
    logits = 9.0 * torch.stack([(z * g).sum(-1), (z * c).sum(-1)], dim=1)
    expected = F.cross_entropy(logits, torch.zeros(3, dtype=torch.long))
    torch.testing.assert_close(right_state(images, texts, counters, COUNTERED, 9.0), expected)


def test_lengths_of_features_do_not_matter_to_the_right_state():
    images, texts, counters = random_features(3)
    found = right_state(images, texts, counters, COUNTERED, 9.0)
    other = right_state(3 * images, 0.2 * texts, 50 * counters, COUNTERED, 9.0)
    torch.testing.assert_close(found, other)


@pytest.mark.parametrize("temperature", [1.0, 14.3, 100.0])
def test_a_caption_that_is_its_own_counter_costs_one_bit(temperature):
    images, texts = random_features()
    found = right_state(images, texts, texts.clone(), torch.ones(5, dtype=torch.bool), temperature)
    torch.testing.assert_close(found, torch.tensor(2.0).double().log(), atol=1e-15, rtol=0)


def test_without_counters_the_right_state_costs_nothing():
    images, texts, counters = (x.requires_grad_() for x in random_features(3))
    found = right_state(images, texts, counters, torch.zeros(5, dtype=torch.bool), 9.0)
    assert found.shape == () and float(found) == 0.0 and found.dtype == images.dtype
    (found + images.sum()).backward()  # it can stand in a sum of losses
    assert torch.equal(images.grad, torch.ones(5, 7).double())


def test_the_right_state_pulls_on_pictures_with_a_counter_alone_as_finite_differences_say():
    inputs = [x.requires_grad_() for x in (*random_features(3), torch.tensor(5.0).double())]

    def loss(z, g, c, t):
        return right_state(z, g, c, COUNTERED, t)

    assert torch.autograd.gradcheck(loss, inputs)
    loss(*inputs).backward()
    for features in inputs[:3]:
        assert torch.equal(features.grad.abs().sum(dim=1) > 0, COUNTERED)


# --- patches --------------------------------------------------------------------------------


def test_patches_are_named_by_weighted_cross_entropy():
    generator = torch.Generator().manual_seed(1)
    scores = torch.randn(2, 9, 4, generator=generator).double()
    patches = torch.randint(0, 4, (2, 3, 3), generator=generator)
    total = weights = 0.0
    for picture in range(2):
        for row in range(3):
            for column in range(3):
                logits = scores[picture, 3 * row + column].numpy()
                label = int(patches[picture, row, column])
                weight = 0.15 if label == 0 else 1.0
                total += weight * (np.log(np.exp(logits).sum()) - logits[label])
                weights += weight
    found = name_the_patches(scores, patches)
    assert float(found) == pytest.approx(total / weights, rel=1e-9)
    assert torch.autograd.gradcheck(
        lambda s: name_the_patches(s, patches), [scores.requires_grad_()]
    )
