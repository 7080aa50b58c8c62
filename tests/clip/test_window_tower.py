"""Windows against open_clip's own tower with a mask, and spreading against slow loops."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from contextlib import ExitStack

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from promptad_tutorial.clip.loading import Backbone, load_backbone
from promptad_tutorial.clip.windows import (
    WindowFeatures,
    encode_images_and_windows,
    encode_windows,
    harmonic_mean,
    spread_windows,
    window_patches,
)
from promptad_tutorial.files.pictures import ImageError
from tests.conftest import random_pixels, write_config


def slow_window(backbone: Backbone, pixels: torch.Tensor, patches: list[int]) -> torch.Tensor:
    """z_w (batch, embed) out of open_clip's own forward pass over the FULL sequence.

    Every block gets a mask that hides all patches but `patches`, and what leaves the last block is
    cut down to CLS and those, so that open_clip's own pooling sees no other.
    """
    blocks = backbone.model.visual.transformer.resblocks
    seen = [0, *(p + 1 for p in patches)]
    tokens = backbone.grid[0] * backbone.grid[1] + 1
    mask = torch.full((tokens, tokens), float("-inf"))
    mask[:, seen] = 0

    def hide(_: nn.Module, inputs: tuple, options: dict) -> tuple[tuple, dict]:
        return inputs, {**options, "attn_mask": mask}

    def cut(block: nn.Module, _: tuple, output: torch.Tensor) -> torch.Tensor:
        return output[:, seen] if block.attn.batch_first else output[seen]

    with ExitStack() as hooks:
        for block in blocks:
            hooks.enter_context(block.register_forward_pre_hook(hide, with_kwargs=True))
        hooks.enter_context(blocks[-1].register_forward_hook(cut))
        return F.normalize(backbone.model.encode_image(pixels), dim=-1)


def members(grid: tuple[int, int], side: int) -> list[list[int]]:
    """The patches of every window, written out."""
    return [
        [(row + i) * grid[1] + column + j for i in range(side) for j in range(side)]
        for row in range(grid[0] - side + 1)
        for column in range(grid[1] - side + 1)
    ]


# --- which patches a window has ---------------------------------------------------------------


@pytest.mark.parametrize("grid", [(4, 4), (3, 5), (5, 3), (2, 2)])
@pytest.mark.parametrize("side", [1, 2, 3])
def test_windows_are_numbered_row_by_row(grid, side):
    if side > min(grid):
        with pytest.raises(ValueError, match="windows of 1 to 2 patches a side on a grid of 2 x 2"):
            window_patches(grid, side)
    else:
        assert window_patches(grid, side).tolist() == members(grid, side)


def test_a_window_needs_a_side():
    with pytest.raises(ValueError, match="found 0"):
        window_patches((4, 4), 0)


# --- embeddings -------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "name",
    ["small-plain", "small-quickgelu", "small-layer-scale", "small-uneven-patches"],
)
def test_a_window_is_the_tower_with_all_other_patches_masked_out(small_backbone, name, side):
    backbone = small_backbone(name)
    pixels = random_pixels(backbone, 2)
    found = encode_windows(backbone.model.visual, pixels, side)
    expected = [slow_window(backbone, pixels, patches) for patches in members(backbone.grid, side)]
    torch.testing.assert_close(found, torch.stack(expected, dim=1), atol=1e-5, rtol=0)
    if side < 4:  # windows must differ for this to say anything
        assert (found[:, 0] - found[:, -1]).norm(dim=-1).min() > 0.01


@pytest.mark.parametrize("name", ["small-plain", "small-layer-scale"])
def test_the_window_of_all_patches_is_the_image_embedding(small_backbone, name):
    backbone = small_backbone(name)
    pixels = random_pixels(backbone, 2)
    (found,) = encode_windows(backbone.model.visual, pixels, 4).unbind(dim=1)
    torch.testing.assert_close(found, backbone.encode_images(pixels).cls, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["small-plain", "small-layer-scale"])
def test_a_window_sees_no_other_patch(small_backbone, name):
    backbone = small_backbone(name)
    pixels = random_pixels(backbone, 1)
    changed = pixels.clone()
    changed[:, :, 8:16, 16:24] += 1.0  # patch (1, 2), number 6
    for side in (2, 3):
        one, other = (encode_windows(backbone.model.visual, p, side)[0] for p in (pixels, changed))
        moved = (one - other).abs().amax(dim=1)
        for window, patches in enumerate(members(backbone.grid, side)):
            assert moved[window] > 1e-4 if 6 in patches else moved[window] < 1e-6


@pytest.mark.parametrize("chunk", [1, 4, 7, 27, 1000])
def test_chunks_change_nothing(small_backbone, chunk):
    backbone = small_backbone()
    pixels = random_pixels(backbone, 3)
    found = encode_windows(backbone.model.visual, pixels, 2, chunk)
    torch.testing.assert_close(
        found, encode_windows(backbone.model.visual, pixels, 2), atol=1e-6, rtol=0
    )
    assert found.shape == (3, 9, 32)


# --- features of images -----------------------------------------------------------------------


@pytest.mark.parametrize(("name", "block"), [("small-plain", 5), ("small-12-blocks", 11)])
def test_features_are_the_image_its_tokens_before_the_last_block_and_its_windows(
    small_backbone, name, block
):
    backbone = small_backbone(name)
    pixels = random_pixels(backbone, 3)
    found = encode_images_and_windows(backbone, pixels, batch_size=2)
    whole = backbone.encode_images(pixels, blocks=(block,))
    torch.testing.assert_close(found.cls, whole.cls, atol=1e-6, rtol=0)
    torch.testing.assert_close(found.patches, whole.blocks[0], atol=1e-6, rtol=0)
    for side in (2, 3):
        expected = encode_windows(backbone.model.visual, pixels, side)
        torch.testing.assert_close(found.windows[side], expected, atol=1e-6, rtol=0)
    assert list(found.by_side) == [1, 2, 3] and found.by_side[1] is found.patches
    for part in (found.cls, *found.by_side.values()):
        assert not part.requires_grad and part.dtype == torch.float32
        torch.testing.assert_close(part.norm(dim=-1), torch.ones(part.shape[:-1]))


def test_a_tower_of_one_block_gives_the_tokens_after_it(small_configs):
    write_config(small_configs, "small-one-block", {}, {"layers": 1})
    backbone = load_backbone("small-one-block", pretrained="random", device="cpu")
    pixels = random_pixels(backbone, 2)
    expected = backbone.encode_images(pixels, blocks=(1,)).blocks[0]
    found = encode_images_and_windows(backbone, pixels).patches
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_a_grid_smaller_than_a_window_is_an_error(small_configs):
    write_config(small_configs, "small-two-by-two", {}, {"patch_size": 16, "layers": 1})
    backbone = load_backbone("small-two-by-two", pretrained="random", device="cpu")
    with pytest.raises(ValueError, match="1 to 2 patches a side on a grid of 2 x 2, found 3"):
        encode_images_and_windows(backbone, random_pixels(backbone, 1))


def test_features_of_pictures_are_those_of_their_pixels(small_backbone):
    backbone = small_backbone()
    pictures = list(np.random.default_rng(0).integers(0, 256, (2, 40, 50, 3), dtype=np.uint8))
    pixels = torch.stack([backbone.preprocess(picture) for picture in pictures])
    found = encode_images_and_windows(backbone, pictures)
    expected = encode_images_and_windows(backbone, pixels)
    torch.testing.assert_close(found.cls, expected.cls)
    for side, part in found.by_side.items():
        torch.testing.assert_close(part, expected.by_side[side])
    with pytest.raises(ImageError, match="at least one image"):
        encode_images_and_windows(backbone, [])


def test_half_precision_gives_float32_near_the_exact_features(small_configs):
    exact, half = (
        load_backbone("small-plain", pretrained="random", device="cpu", dtype=dtype)
        for dtype in (torch.float32, torch.bfloat16)
    )
    pixels = random_pixels(exact, 2)
    one, other = (encode_images_and_windows(backbone, pixels) for backbone in (exact, half))
    for side, part in one.by_side.items():
        assert other.by_side[side].dtype == torch.float32
        assert (part * other.by_side[side]).sum(dim=-1).min() > 0.99


SHAPES = [(5,), (16, 7), (9, 5), (4, 5)]  # of one image: embedding, patches, windows
INDEX: list[tuple[str, Callable]] = [
    ("an int", lambda: 1),
    ("a slice", lambda: slice(1, 2)),
    ("a list", lambda: [1]),
    ("an array", lambda: np.array([1])),
    ("a tensor", lambda: torch.tensor([1])),
    ("a mask", lambda: np.array([False, True, False])),
]


@pytest.mark.parametrize("index", [make for _, make in INDEX], ids=[name for name, _ in INDEX])
def test_an_index_gives_the_features_of_some_images_as_a_batch(index):
    generator = torch.Generator().manual_seed(0)
    cls, patches, two, three = (torch.rand(3, *s, generator=generator) for s in SHAPES)
    features = WindowFeatures(cls, patches, {2: two, 3: three})
    found = features[index()]
    assert (len(features), len(found)) == (3, 1)
    for part, whole in zip(
        (found.cls, found.patches, found.windows[2], found.windows[3]),
        (cls, patches, two, three),
        strict=True,
    ):
        torch.testing.assert_close(part, whole[1:2])
    back = WindowFeatures.concatenate([features[[0]], features[[1, 2]]])
    torch.testing.assert_close(back.cls, cls)
    torch.testing.assert_close(back.windows[3], three)


def test_nothing_cannot_be_concatenated():
    with pytest.raises(ValueError, match="at least one WindowFeatures"):
        WindowFeatures.concatenate([])


# --- spreading --------------------------------------------------------------------------------


def slow_spread(scores: torch.Tensor, grid: tuple[int, int], side: int) -> torch.Tensor:
    found = torch.zeros(len(scores), grid[0] * grid[1], dtype=scores.dtype)
    for image in range(len(scores)):
        for row in range(grid[0]):
            for column in range(grid[1]):
                covering = []
                for window, patches in enumerate(members(grid, side)):
                    if row * grid[1] + column in patches:
                        covering.append(float(scores[image, window]))
                if min(covering) > 0:
                    mean = len(covering) / sum(1 / score for score in covering)
                    found[image, row * grid[1] + column] = mean
    return found


@pytest.mark.parametrize("zeros", [False, True], ids=["no zeros", "zeros"])
@pytest.mark.parametrize("grid", [(4, 4), (3, 5), (6, 3)])
@pytest.mark.parametrize("side", [1, 2, 3])
def test_spreading_is_the_slow_double_loop(grid, side, zeros):
    windows = (grid[0] - side + 1) * (grid[1] - side + 1)
    generator = torch.Generator().manual_seed(3)
    scores = torch.rand(3, windows, generator=generator, dtype=torch.float64)
    if zeros:
        scores[0, windows // 2] = scores[1] = 0.0
        scores[2, 0], scores[2, 1] = -0.0, 0.0  # infinities of both signs would be NaN
    found = spread_windows(scores, grid, side)
    torch.testing.assert_close(found, slow_spread(scores, grid, side), atol=1e-12, rtol=1e-12)
    assert found.isfinite().all() and found.max() <= scores.max() + 1e-12
    assert not zeros or ((found[0] == 0).sum() == side * side and (found[1] == 0).all())


def test_equal_scores_of_windows_are_those_of_their_patches():
    for score in (0.0, 1e-12, 0.25, 1.0):
        found = spread_windows(torch.full((1, 9), score), (4, 4), 2)
        torch.testing.assert_close(found, torch.full((1, 16), score), atol=0, rtol=1e-6)


def test_the_smallest_numbers_are_no_nan():
    scores = torch.full((1, 9), 5e-324, dtype=torch.float64)
    scores[0, 4] = 1.0
    assert (spread_windows(scores, (4, 4), 2) < 1e-300).all()


@pytest.mark.parametrize("wrong", [-0.1, float("nan")])
def test_scores_must_not_be_negative_or_nan(wrong):
    scores = torch.full((2, 9), 0.5)
    scores[1, 3] = wrong
    with pytest.raises(ValueError, match="negative ones or NaN"):
        spread_windows(scores, (4, 4), 2)
    with pytest.raises(ValueError, match="negative ones or NaN"):
        harmonic_mean([torch.ones(2, 9), scores])


def test_the_number_of_windows_must_fit_the_grid():
    with pytest.raises(ValueError, match="expected 9 windows, got 4"):
        spread_windows(torch.rand(2, 4), (4, 4), 2)


def test_the_harmonic_mean_of_maps_is_that_of_the_standard_library():
    maps = torch.rand(3, 2, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    maps[1, 0, 2] = maps[0, 1, 1] = maps[2, 1, 1] = 0.0
    found = harmonic_mean(list(maps))
    for i in range(2):
        for j in range(5):
            assert float(found[i, j]) == pytest.approx(
                statistics.harmonic_mean(maps[:, i, j].tolist()), abs=1e-12
            )
