"""The visual memory alone: loops over every pair of tokens, and what must hold of any memory."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from sklearn.neighbors import NearestNeighbors
from torch.nn import functional as F

from promptad_tutorial.detectors import PromptAD, VisualMemory
from promptad_tutorial.detectors.detector import in_fixed_order
from tests.detectors.conftest import MAP, assert_same_scores, quick, seeded


def slow_distances(backbone, shots, pictures) -> np.ndarray:
    """(1 - max cosine) / 2, mean over blocks, by scikit-learn's nearest neighbours: (B, H*W).

    Of unit vectors the squared distance is 2 - 2 cos, so the score is its quarter.
    """
    known, asked = (backbone.encode_images(some).blocks.double() for some in (shots, pictures))
    parts = []
    for stored, tokens in zip(known, asked, strict=True):
        nearest = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(stored.flatten(0, 1))
        distance, _ = nearest.kneighbors(tokens.flatten(0, 1))
        parts.append(distance.reshape(len(tokens), -1) ** 2 / 4)
    return np.mean(parts, axis=0)


@pytest.mark.parametrize("build", ["small-plain", "small-12-blocks"])
def test_maps_are_distances_to_the_nearest_token(small_backbone, shots, pictures, build):
    backbone = small_backbone(build)
    found = VisualMemory(backbone, "nut", MAP).fit(shots).score(pictures)
    distances = slow_distances(backbone, shots, pictures)
    assert distances.std() > 1e-3
    for i, patches in enumerate(distances):
        coarse = torch.from_numpy(patches).reshape(1, 1, *backbone.grid)
        fine = F.interpolate(coarse, (MAP, MAP), mode="bilinear", align_corners=False)
        expected = gaussian_filter(fine[0, 0].numpy(), 4 / 400 * MAP)
        np.testing.assert_allclose(found.anomaly_maps[i], expected, atol=1e-6)
        # the maximum before the smoothing
        assert found.image_scores[i] == pytest.approx(float(fine.max()), abs=1e-6)
    assert found.image_scores.min() >= 0 and found.image_scores.max() <= 1


def test_the_shots_themselves_score_nothing(small_backbone, shots, pictures):
    detector = VisualMemory(small_backbone(), "nut", MAP).fit(shots)
    np.testing.assert_allclose(detector.score(shots).anomaly_maps, 0, atol=1e-6)
    assert detector.score(pictures).image_scores.min() > 1e-3


def test_more_shots_can_only_lower_a_map(small_backbone, shots, pictures):
    backbone = small_backbone()
    maps = [
        VisualMemory(backbone, "nut", MAP).fit(shots[:k]).score(pictures).anomaly_maps
        for k in (1, 2, 3)
    ]
    for fewer, more in pairwise(maps):
        assert (more <= fewer + 1e-6).all() and (more < fewer - 1e-4).any()


def test_a_repeated_shot_adds_nothing(small_backbone, shots, pictures):
    backbone = small_backbone()
    once = VisualMemory(backbone, "nut", MAP).fit(shots)
    twice = VisualMemory(backbone, "nut", MAP).fit([*shots, *shots])
    assert twice.state()["memory"].shape[1] == 2 * once.state()["memory"].shape[1]
    assert_same_scores(once.score(pictures), twice.score(pictures))


def test_nothing_is_drawn_at_random(small_backbone, shots, pictures):
    one, other = (
        VisualMemory(small_backbone(), "nut", MAP).fit(shots, seeded(seed)) for seed in (0, 1)
    )
    assert_same_scores(one.score(pictures), other.score(pictures), atol=0)


def test_it_is_the_memory_of_promptad(small_backbone, shots):
    backbone = small_backbone()
    alone = VisualMemory(backbone, "nut", MAP).fit(shots)
    whole = PromptAD(backbone, "nut", quick(steps=0)).fit(shots)
    torch.testing.assert_close(alone.memory, whole.memory)
    # every patch token of every shot, block by block
    features = in_fixed_order(backbone.encode_images(shots))
    expected = torch.cat([features.blocks[:, i] for i in range(len(shots))], dim=1)
    torch.testing.assert_close(alone.memory, expected)


def test_features_without_block_tokens_are_refused(small_backbone, shots):
    backbone = small_backbone()
    empty = backbone.encode_images(shots, blocks=())
    detector = VisualMemory(backbone, "nut", MAP)
    with pytest.raises(ValueError, match="at least one block"):
        detector.fit_features(empty)
    with pytest.raises((ValueError, TypeError)):  # the checked signature may speak first
        detector.fit(shots).score_features(empty)


def test_fresh_has_forgotten_but_keeps_the_size(small_backbone, shots):
    detector = VisualMemory(small_backbone(), "metal_nut", 10).fit(shots)
    again = detector.fresh()
    assert (again.name, again.map_size, again.memory) == ("metal nut", 10, None)
    with pytest.raises(RuntimeError, match=r"call fit\(images\) first"):
        again.score(shots)
