"""The teacher's features on disk, the losses that learn them, and turns of both alike."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from workshop.pretraining import taught_features as module
from workshop.pretraining.distillation import (
    Heads,
    cosine_error,
    distance_error,
    taught_batch,
    turned,
)
from workshop.pretraining.taught_features import TaughtSet, main_directions, write_features
from workshop.pretraining.teacher import Teacher


class Patches(nn.Module):
    """Stands in for the teacher: a patch's token is a fixed map of its 9 mean colours."""

    def __init__(self, width: int = 12, grid: int = 3) -> None:
        super().__init__()
        self.num_patches, self.grid_size = grid * grid, (grid, grid)
        generator = torch.Generator().manual_seed(0)
        self.matrix = torch.randn(2, 3, width, generator=generator)

    def tokens(self, images, bf16=False):
        small = F.adaptive_avg_pool2d(images, self.grid_size).flatten(2).transpose(1, 2)
        return torch.stack([small @ matrix for matrix in self.matrix])


@pytest.fixture
def teacher(monkeypatch) -> Teacher:
    patches = Patches()
    model = nn.Module()
    model.patch_embed = patches
    monkeypatch.setattr(Teacher, "tokens", lambda self, x, bf16=False: patches.tokens(x))
    return Teacher(model, (1, 2))


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (37, 12, 12, 3), dtype=np.uint8)


def unit_tokens(teacher: Teacher, images: np.ndarray) -> torch.Tensor:
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    return F.normalize(teacher.tokens(x), dim=-1)


# --- features on disk -----------------------------------------------------------------------


def test_features_keep_the_teacher_s_cosines(teacher, images, tmp_path):
    """These tokens have rank 3: three directions hold all of them."""
    write_features(teacher, images, tmp_path, width=3)
    data = TaughtSet.open(images, tmp_path)
    assert data.features.dtype == np.float16 and data.features.shape == (37, 2, 9, 3)
    found = torch.from_numpy(data.features.astype(np.float32)).transpose(0, 1)
    tokens = unit_tokens(teacher, images)
    torch.testing.assert_close(
        found @ found.transpose(-1, -2), tokens @ tokens.transpose(-1, -2), atol=3e-3, rtol=0
    )


def test_directions_are_those_of_an_uncentred_principal_component_analysis(teacher, images):
    found = torch.from_numpy(main_directions(teacher, images, 2))
    for tokens, directions in zip(unit_tokens(teacher, images), found, strict=True):
        right = torch.linalg.svd(tokens.flatten(0, 1), full_matrices=False)[2][:2]
        torch.testing.assert_close((right @ directions).abs(), torch.eye(2), atol=1e-3, rtol=0)


def test_a_killed_writer_goes_on(teacher, images, tmp_path, monkeypatch):
    write_features(teacher, images, tmp_path / "whole", width=2)
    monkeypatch.setattr(module, "SAVE_EVERY", 1)
    tokens, calls = Teacher.tokens, []

    def dies(self, x, bf16=False):
        calls.append(len(x))
        if len(calls) == 5:  # the first three choose the directions
            raise KeyboardInterrupt
        return tokens(self, x)

    monkeypatch.setattr(Teacher, "tokens", dies)
    with pytest.raises(KeyboardInterrupt):
        write_features(teacher, images, tmp_path / "killed", width=2)
    assert json.loads((tmp_path / "killed/features.json").read_text())["done"] == 16
    with pytest.raises(ValueError, match="found 16 of 37"):
        TaughtSet.open(images, tmp_path / "killed")
    write_features(teacher, images, tmp_path / "killed", width=2)
    whole, killed = (np.load(tmp_path / f"{n}/features.npy") for n in ("whole", "killed"))
    np.testing.assert_array_equal(whole, killed)


def test_two_sets_can_share_directions_and_others_are_refused(teacher, images, tmp_path):
    directions = main_directions(teacher, images, 2)
    write_features(teacher, images[:5], tmp_path, 2, directions)
    np.testing.assert_array_equal(np.load(tmp_path / "directions.npy"), directions)
    with pytest.raises(ValueError, match="another set"):
        write_features(teacher, images[:6], tmp_path, 2, directions)
    with pytest.raises(FileNotFoundError, match="tinyclip teach"):
        TaughtSet.open(images, tmp_path / "nowhere")


# --- losses ---------------------------------------------------------------------------------


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_a_turned_copy_of_the_features_has_no_error():
    """Cosines and distances do not know the directions' names: any rotation is as good."""
    features = F.normalize(random(2, 3, 9, 6), dim=-1)
    rotation = torch.linalg.qr(random(6, 6, seed=1))[0]
    tokens = 7.0 * features @ rotation
    assert cosine_error(tokens, features) < 1e-10
    assert distance_error(tokens, features, torch.Generator().manual_seed(0)) < 1e-8


def test_cosine_error_against_a_slow_reading():
    tokens, features = random(1, 2, 3, 4), random(1, 2, 3, 5, seed=1)
    total = 0.0
    for i in range(2):
        for a in range(3):
            for b in range(3):
                own = F.cosine_similarity(tokens[0, i, a], tokens[0, i, b], dim=0)
                theirs = F.cosine_similarity(features[0, i, a], features[0, i, b], dim=0)
                total += float((own - theirs) ** 2)
    assert float(cosine_error(tokens, features)) == pytest.approx(total / 18, rel=1e-5)


def test_distance_error_against_a_slow_reading():
    """All patches of the batch are drawn, so their order does not matter."""
    tokens, features = random(1, 2, 3, 4), random(1, 2, 3, 5, seed=1)
    own, theirs = (F.normalize(x.flatten(0, 2), dim=-1) for x in (tokens, features))
    difference = torch.cdist(own, own) - torch.cdist(theirs, theirs)
    found = distance_error(tokens, features, torch.Generator().manual_seed(0))
    assert float(found) == pytest.approx(float((difference**2).mean()), abs=1e-4)


@torch.no_grad()
def test_heads_that_know_the_features_have_no_error():
    heads = Heads(blocks=1, width=6, taught=4)
    features = F.normalize(random(1, 2, 9, 4), dim=-1)
    for parameter in heads.maps[0][1].parameters():
        parameter.zero_()
    tokens = random(1, 2, 9, 6)
    wrong = heads.regression(tokens, features)
    assert float(wrong) == pytest.approx(float(F.smooth_l1_loss(0 * features, 2 * features)))
    heads.maps[0][1].bias.data = 2 * features[0, 0, 0]  # sqrt(4) times the unit vector
    same = features[:, :1, :1].expand(1, 2, 9, 4)
    assert float(heads.regression(tokens, same)) == pytest.approx(0, abs=1e-9)


# --- turns ----------------------------------------------------------------------------------


def test_picture_and_grid_are_turned_alike():
    """A feature that names its patch's colour still does so after each of the eight turns."""
    colours = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    images = np.repeat(np.repeat(colours, 4, axis=1), 4, axis=2)[..., None].repeat(3, axis=-1)
    features = np.stack([colours.reshape(2, 9, 1)] * 2, axis=1).astype(np.float16)
    for way in range(8):
        shown, grid = turned(images, features, np.array([way, (way + 3) % 8]))
        assert grid.shape == (2, 2, 9, 1)
        centres = shown[:, 2::4, 2::4, 0].reshape(2, 9)
        for block in grid:
            np.testing.assert_array_equal(block[..., 0].numpy(), centres)


def test_a_batch_takes_pictures_with_their_own_features():
    images = np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1) * np.ones((1, 6, 6, 3), np.uint8)
    features = np.arange(5).reshape(5, 1, 1, 1) * np.ones((1, 2, 9, 4))
    data = TaughtSet(images, features.astype(np.float16))
    shown, grid = taught_batch(data, 20, np.random.default_rng(0))
    assert len(shown) == 20 and len(np.unique(shown)) > 1
    np.testing.assert_array_equal(grid[0, :, 0, 0].numpy(), shown[:, 0, 0, 0])
