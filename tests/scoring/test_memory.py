"""The visual memory against closed forms and a loop over every pair of patches."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from promptad_tutorial.clip.image_tower import ImageFeatures
from promptad_tutorial.scoring import memory
from promptad_tutorial.scoring.memory import remember, visual_score


def tokens(blocks: int, images: int, patches: int = 4, width: int = 6, seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(blocks, images, patches, width, generator=generator), dim=-1)


def features(blocks: torch.Tensor) -> ImageFeatures:
    images, patches = blocks.shape[1:3]
    return ImageFeatures(torch.zeros(images, 3), torch.zeros(images, patches, 3), blocks)


def test_the_memory_is_every_patch_of_every_shot():
    shots = tokens(2, 3)
    found = remember(features(shots))
    assert found.shape == (2, 12, 6)
    for block in range(2):
        for image in range(3):
            for patch in range(4):
                assert torch.equal(found[block, 4 * image + patch], shots[block, image, patch])


def test_what_is_stored_scores_0():
    shots = tokens(2, 3)
    found = visual_score(shots, remember(features(shots)))
    assert found.shape == (3, 4)
    assert float(found.min()) >= 0 and float(found.max()) < 1e-6


@pytest.mark.parametrize(("cosine", "expected"), [(1, 0), (0.6, 0.2), (0, 0.5), (-1, 1)])
def test_the_score_is_half_of_one_minus_the_cosine(cosine, expected):
    known = torch.tensor([[[1.0, 0.0]]])
    seen = torch.tensor([[[[cosine, (1 - cosine**2) ** 0.5]]]])
    assert float(visual_score(seen, known)) == pytest.approx(expected, abs=1e-6)


def test_right_angles_to_all_that_is_stored_score_one_half():
    axes = torch.eye(6)
    known = axes[None, :4].expand(2, -1, -1)
    seen = axes[None, None, 4:].expand(2, 3, -1, -1)
    torch.testing.assert_close(visual_score(seen, known), torch.full((3, 2), 0.5))


def test_blocks_are_averaged_and_not_mixed():
    x, y = torch.eye(2)
    known = torch.stack([x, y])[:, None]  # block 1 knows x, block 2 knows y
    seen = torch.stack([x, x])[:, None, None]  # 0 in block 1, 1/2 in block 2
    assert float(visual_score(seen, known)) == pytest.approx(0.25)


@pytest.mark.parametrize("blocks", [1, 3])
def test_the_score_is_the_written_out_loop(blocks):
    seen, known = tokens(blocks, 5), remember(features(tokens(blocks, 2, seed=1)))
    expected = torch.zeros(5, 4, dtype=torch.float64)
    for image in range(5):
        for patch in range(4):
            for block in range(blocks):
                nearest = max(
                    float(seen[block, image, patch].double() @ one.double()) for one in known[block]
                )
                expected[image, patch] += (1 - nearest) / 2 / blocks
    found = visual_score(seen, known)
    torch.testing.assert_close(found.double(), expected, atol=1e-6, rtol=0)


def test_more_shots_never_raise_the_score():
    seen, shots = tokens(2, 5), tokens(2, 3, seed=1)
    few, all_of_them = (visual_score(seen, remember(features(shots[:, :k]))) for k in (1, 3))
    assert bool((all_of_them <= few).all()) and bool((all_of_them < few).any())


@pytest.mark.parametrize("budget", [1, 40, 300, 10**6])
@pytest.mark.parametrize("rows", [1, 3, 4096])
def test_parts_change_nothing(monkeypatch, budget, rows):
    seen, known = tokens(2, 5), remember(features(tokens(2, 2, seed=1)))
    whole = visual_score(seen, known)
    monkeypatch.setattr(memory, "ROWS", rows)
    torch.testing.assert_close(visual_score(seen, known, budget), whole, atol=1e-6, rtol=0)


class Largest(TorchDispatchMode):
    """The largest tensor, in bytes, that is allocated while it lasts."""

    bytes = 0

    def __torch_dispatch__(self, call, types, arguments=(), keywords=None):
        found = call(*arguments, **keywords or {})
        if isinstance(found, torch.Tensor) and not found._is_view():
            self.bytes = max(self.bytes, found.numel() * found.element_size())
        return found


@pytest.mark.parametrize("images, patches, shots", [(6, 400, 1), (1, 2500, 8), (40, 64, 50)])
def test_no_more_than_the_budget_is_held_at_a_time(images, patches, shots):
    budget = 200_000
    seen, known = tokens(2, images, patches), remember(features(tokens(2, shots, patches, seed=1)))
    pairs = 4 * images * patches * shots * patches  # bytes of all cosines of a block
    with Largest() as one_go:
        whole = visual_score(seen, known, 10 * pairs)
    with Largest() as in_parts:
        parts = visual_score(seen, known, budget)
    assert one_go.bytes >= min(pairs, 4 * memory.ROWS * shots * patches) > 5 * budget
    assert in_parts.bytes <= budget
    torch.testing.assert_close(parts, whole, atol=1e-6, rtol=0)


def test_a_memory_needs_tokens_of_blocks():
    with pytest.raises(ValueError, match="at least one block, found none: encode with blocks"):
        remember(features(tokens(0, 3)))


@pytest.mark.parametrize(
    ("seen", "message"),
    [
        (tokens(3, 1), "tokens of 2 blocks of width 6, found 3 of width 6"),
        (tokens(2, 1, width=5), "tokens of 2 blocks of width 6, found 2 of width 5"),
    ],
)
def test_tokens_that_do_not_fit_the_memory_are_named(seen, message):
    unchecked = inspect.unwrap(visual_score)  # as it is outside of tests: shapes go unchecked
    with pytest.raises(ValueError, match=message):
        unchecked(seen, remember(features(tokens(2, 2))))
