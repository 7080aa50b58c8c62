"""The pretraining losses against open_clip's own, slow references and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from open_clip.loss import ClipLoss
from torch.nn import functional as F

from promptad_tutorial.tinyclip.objective import multi_positive_contrastive, name_the_patches


def random_features(count: int = 5, width: int = 7, seed: int = 0) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(count, width, generator=generator).double() for _ in range(2))


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
