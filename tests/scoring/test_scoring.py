"""Scores against torch's softmax, closed forms, and the place and width of a hot patch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from promptad_tutorial.scoring import (
    SIGMA,
    Scores,
    anomaly_maps,
    harmonic_fusion,
    prototype,
    text_score,
)


def unit(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(*shape, generator=generator), dim=-1)


# --- prototypes -----------------------------------------------------------------------------


def test_a_prototype_is_the_direction_of_the_mean():
    found = prototype(torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
    torch.testing.assert_close(found, torch.tensor([0.5**0.5, 0.5**0.5, 0.0]))
    features = unit(6, 5)
    mean = features.double().sum(dim=0) / 6
    torch.testing.assert_close(prototype(features).double(), mean / mean.norm(), atol=1e-6, rtol=0)


def test_a_prototype_of_one_prompt_is_its_feature():
    torch.testing.assert_close(prototype(unit(1, 5)), unit(1, 5)[0])


def test_a_prototype_needs_features_that_do_not_cancel():
    with pytest.raises(ValueError, match="at least one feature, got none"):
        prototype(torch.zeros(0, 5))
    with pytest.raises(ValueError, match="cancel out"):
        prototype(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))


# --- the text score -------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (4,), (4, 9)], ids=["one", "images", "patches"])
@pytest.mark.parametrize("temperature", [1.0, 100.0])
def test_the_text_score_is_a_softmax_over_two_sides(shape, temperature):
    features, sides = unit(*shape, 6), unit(2, 6, seed=1)
    expected = torch.softmax(temperature * features @ sides.T, dim=-1)[..., 1]
    found = text_score(features, sides[0], sides[1], temperature)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_swapping_the_sides_gives_the_complement():
    features, (normal, anomalous) = unit(4, 6), unit(2, 6, seed=1)
    both = text_score(features, normal, anomalous, 7.0) + text_score(
        features, anomalous, normal, 7.0
    )
    torch.testing.assert_close(both, torch.ones(4))


@pytest.mark.parametrize("temperature", [0.0, -1.0])
def test_the_temperature_must_be_positive(temperature):
    with pytest.raises(ValueError, match="temperature must be positive"):
        text_score(unit(4, 6), unit(6), unit(6), temperature)


# --- the fusion of both branches --------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(), (40,), (5, 9)], ids=["one", "images", "patches"])
def test_the_fusion_is_one_over_the_sum_of_inverses(dtype, shape):
    generator = torch.Generator().manual_seed(0)
    text, visual = (torch.rand(shape, generator=generator, dtype=dtype) for _ in range(2))
    found = harmonic_fusion(text, visual)
    torch.testing.assert_close(found, 1 / (1 / text + 1 / visual))
    assert found.dtype == dtype and found.shape == shape
    torch.testing.assert_close(found, harmonic_fusion(visual, text), atol=0, rtol=0)
    assert bool((found <= torch.minimum(text, visual)).all()) and bool((found > 0).all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_fusion_by_hand(dtype):
    text = torch.tensor([0.0, 0.0, 1.0, 1.0, 0.5, 0.2, 1e-12], dtype=dtype)
    visual = torch.tensor([0.0, 0.7, 0.0, 1.0, 0.5, 0.3, 1.0], dtype=dtype)
    expected = torch.tensor([0.0, 0.0, 0.0, 0.5, 0.25, 0.12, 1e-12], dtype=dtype)
    torch.testing.assert_close(harmonic_fusion(text, visual), expected)


def test_a_score_that_rises_in_one_branch_raises_the_fusion():
    text = torch.linspace(0, 1, 50, dtype=torch.float64)
    assert bool((harmonic_fusion(text, torch.full_like(text, 0.3)).diff() > 0).all())


# --- maps -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [15, 60, 61, 240])
def test_a_constant_map_stays_constant(size):
    maps = anomaly_maps(torch.full((2, 15), 0.3), (3, 5), size)
    assert maps.shape == (2, size, size) and maps.dtype == np.float32
    np.testing.assert_allclose(maps, 0.3, atol=1e-6)


@pytest.mark.parametrize("hot", [(0, 0), (1, 4), (2, 3), (4, 0)])
def test_a_hot_patch_stays_in_its_place(hot):
    patches = torch.zeros(1, 5, 5)
    patches[0, hot[0], hot[1]] = 1.0
    (found,) = anomaly_maps(patches.reshape(1, 25), (5, 5), 100)
    peak = np.unravel_index(found.argmax(), found.shape)
    for at, patch in zip(peak, hot, strict=True):
        assert 20 * patch <= at < 20 * (patch + 1)
    assert found[: max(20 * (hot[0] - 1), 0)].max(initial=0) < 0.01


def test_rows_and_columns_are_not_swapped():
    patches = torch.zeros(1, 2, 4)
    patches[0, 1, 0] = 1.0
    (found,) = anomaly_maps(patches.reshape(1, 8), (2, 4), 80)
    assert found[60, 10] > 0.9 and found[10, 60] < 0.1 and found[10, 10] < 0.1


def test_without_smoothing_maps_are_bilinear():
    coarse = np.random.default_rng(0).random((4, 4)).astype(np.float32)
    (found,) = anomaly_maps(torch.from_numpy(coarse).reshape(1, 16), (4, 4), 8, sigma=0)
    at = (np.arange(8) + 0.5) / 2 - 0.5  # centres of fine pixels, in patches
    for i, y in enumerate(at):
        for j, x in enumerate(at):
            y0, x0 = (int(np.clip(np.floor(v), 0, 2)) for v in (y, x))
            dy, dx = np.clip(y - y0, 0, 1), np.clip(x - x0, 0, 1)
            upper = (1 - dx) * coarse[y0, x0] + dx * coarse[y0, x0 + 1]
            lower = (1 - dx) * coarse[y0 + 1, x0] + dx * coarse[y0 + 1, x0 + 1]
            assert found[i, j] == pytest.approx((1 - dy) * upper + dy * lower, abs=1e-6)


@pytest.mark.parametrize("size", [100, 200])
def test_sigma_is_a_share_of_the_side(size):
    assert pytest.approx(4) == SIGMA * 400
    # As many patches as pixels, so that nothing but the Gaussian spreads the hot one.
    patches = torch.zeros(1, size * size)
    patches[0, size * (size // 2) + size // 2] = 1.0
    (found,) = anomaly_maps(patches, (size, size), size, sigma=0.03)
    away = np.arange(size) - size // 2
    spread = np.sqrt((found.sum(axis=0) * away**2).sum() / found.sum())
    assert spread == pytest.approx(0.03 * size, rel=0.02)
    assert found.sum() == pytest.approx(1, rel=1e-3)


def test_smoothing_does_not_mix_pictures():
    patches = torch.zeros(2, 16)
    patches[0] = 1.0
    maps = anomaly_maps(patches, (4, 4), 40, sigma=0.2)
    assert not maps[1].any() and maps[0].min() > 0.99


def test_the_number_of_patches_must_fit_the_grid():
    with pytest.raises(ValueError, match="expected 4 x 4 patches, got 15"):
        anomaly_maps(torch.zeros(1, 15), (4, 4), 40)


def test_scores_count_their_pictures():
    assert len(Scores(np.zeros(3, np.float32), np.zeros((3, 4, 4), np.float32))) == 3


def test_small_scores_do_not_vanish_in_a_fusion():
    tiny = torch.tensor([1e-200, 1e-300, 0.0], dtype=torch.float64)
    found = harmonic_fusion(tiny, tiny)
    torch.testing.assert_close(found, tiny / 2, rtol=1e-12, atol=0)
    assert harmonic_fusion(tiny[:1], torch.ones_like(tiny[:1])) == tiny[0]


def test_a_score_that_is_no_number_stays_none():
    broken = torch.tensor([float("nan"), 0.5, 0.0])
    found = harmonic_fusion(broken, broken.flip(0))
    assert found.isnan().tolist() == [True, False, True]
