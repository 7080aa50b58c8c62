"""Batches: who is true of whom, masks that follow their pictures, and unknown words."""

from __future__ import annotations

import numpy as np
import open_clip
import pytest
import torch

from promptad_tutorial.minifactory.captions import HELD_OUT_DEFECTS
from promptad_tutorial.minifactory.catalogue import KINDS, defects_of
from promptad_tutorial.tinyclip import batches
from promptad_tutorial.tinyclip.batches import NOISE_TOKEN, BatchPlan, draw_batch, truth
from promptad_tutorial.tinyclip.render_set import (
    HELD_OUT_STYLES,
    MASK_GRID,
    PIECES_A_STYLE,
    RenderPlan,
    RenderSet,
    all_defects,
    pretraining_defects,
    render_one,
    render_set,
)
from tests.tinyclip.conftest import FOUND

PLAN = BatchPlan(hard_kinds=2, hard_each=3, spread=10)


@pytest.fixture(scope="module")
def tokenize() -> open_clip.SimpleTokenizer:
    return open_clip.SimpleTokenizer(context_length=77)


def same(one: batches.Batch, other: batches.Batch) -> bool:
    return all(torch.equal(getattr(one, k), getattr(other, k)) for k in one.__dict__)


# --- truth ----------------------------------------------------------------------------------


def test_truth_is_what_every_caption_says_of_every_picture(noise_set):
    draw = np.random.default_rng(5)
    for _ in range(5):
        labels = noise_set.labels[draw.integers(0, 64, 40)].astype(np.int64)
        grey = draw.random(40) < 0.3
        captions = [
            batches._caption(noise_set, label, bool(g), draw)
            for label, g in zip(labels, grey, strict=True)
        ]
        found = truth(noise_set, labels, grey, captions)
        assert found.diagonal().all() and not found.all()
        for i, (kind, colour, defect, _) in enumerate(labels):
            for j, caption in enumerate(captions):
                expected = caption.true_of(
                    noise_set.kinds[kind],
                    None if grey[i] else noise_set.colours[colour],
                    None if defect < 0 else noise_set.defects[defect],
                )
                assert found[i, j] == expected, (i, caption)


def test_a_grey_picture_matches_no_caption_with_a_colour(noise_set):
    draw = np.random.default_rng(6)
    labels = noise_set.labels.astype(np.int64)
    captions = [batches._caption(noise_set, label, False, draw) for label in labels]
    coloured = np.array([caption.colour is not None for caption in captions])
    assert coloured.any()
    found = truth(noise_set, labels, np.ones(64, dtype=bool), captions)
    assert not found[:, coloured].any()


def test_a_found_surface_is_called_a_thing(noise_set):
    draw = np.random.default_rng(7)
    label = np.array([-1, -1, noise_set.defects.index("crack"), 50])
    found = [batches._caption(noise_set, label, False, draw) for _ in range(100)]
    assert {(caption.kind, caption.colour) for caption in found} == {(None, None)}
    labels = np.concatenate([label[None], noise_set.labels.astype(np.int64)])
    table = truth(noise_set, labels, np.zeros(65, dtype=bool), found)
    assert table[0].all()
    named = [batches._caption(noise_set, row, False, draw) for row in labels[1:]]
    claims = np.array([caption.kind is not None for caption in named])
    assert not truth(noise_set, labels, np.zeros(65, dtype=bool), named)[0, claims].any()


# --- batches --------------------------------------------------------------------------------


def test_a_batch_depends_on_its_seed_and_number_alone(noise_set, tokenize):
    first = draw_batch(noise_set, PLAN, tokenize, 1, 7, 120)
    assert same(first, draw_batch(noise_set, PLAN, tokenize, 1, 7, 120))
    for seed, step in ((1, 8), (2, 7)):
        assert not torch.equal(
            first.images[:1], draw_batch(noise_set, PLAN, tokenize, seed, step, 120).images[:1]
        )


@pytest.mark.parametrize(("size", "grid"), [(96, 12), (120, 15)])
def test_shapes_and_ranges(noise_set, tokenize, size, grid):
    batch = draw_batch(noise_set, PLAN, tokenize, 0, 0, size)
    assert batch.images.shape == (16, 3, size, size)
    assert batch.images.min() >= 0 and batch.images.max() <= 1
    assert batch.patches.shape == (16, grid, grid)
    assert batch.true.shape == (16, 16) and batch.true.diagonal().all()
    assert batch.tokens.shape == (16, int(batch.ends.max()) + 1)


def test_unknown_words_stand_after_the_start_and_push_the_rest(noise_set, tokenize):
    some = BatchPlan(hard_kinds=2, hard_each=3, spread=40, unknown_share=0.5)
    batch = draw_batch(noise_set, some, tokenize, 0, 3, 96)
    end, start = tokenize.eot_token_id, tokenize.sot_token_id
    counts = (batch.tokens == NOISE_TOKEN).sum(dim=1)
    assert set(counts.tolist()) == {0, 1, 2, 3, 4}
    for row, last, count in zip(batch.tokens.tolist(), batch.ends, counts, strict=True):
        assert row[0] == start and row[int(last)] == end
        assert row[1 : 1 + int(count)] == [NOISE_TOKEN] * int(count)
        text = tokenize.decode([t for t in row[1 + int(count) : int(last)]])
        again = tokenize([text])[0].tolist()
        assert again[1 : int(last) - int(count)] == row[1 + int(count) : int(last)]


def test_the_first_part_of_a_batch_is_of_few_kinds(noise_set):
    plan = BatchPlan(hard_kinds=2, hard_each=5, spread=30)
    chosen = batches._choose(noise_set.labels, plan, np.random.default_rng(0))
    kinds = noise_set.labels[chosen, 0]
    assert len(chosen) == 40
    assert len(set(kinds[:5])) == len(set(kinds[5:10])) == 1 and kinds[0] != kinds[5]
    assert len(set(kinds[10:])) > 4


def test_whole_styles_come_with_all_their_pieces(noise_set):
    plan = BatchPlan(hard_kinds=2, hard_each=8, whole_styles=True, spread=0)
    chosen = batches._choose(noise_set.labels, plan, np.random.default_rng(0))
    looks, counts = np.unique(chosen // PIECES_A_STYLE, return_counts=True)
    assert len(looks) == 4 and set(counts) == {PIECES_A_STYLE}


@pytest.mark.parametrize("whole_styles", [False, True])
def test_weak_defects_can_be_left_out_of_the_hard_part(noise_set, whole_styles):
    plan = BatchPlan(8, 6, whole_styles=whole_styles, weakest=70, spread=0)
    chosen = batches._choose(noise_set.labels, plan, np.random.default_rng(0))
    *_, defects, strengths = noise_set.labels[chosen].T
    assert (defects >= 0).any() and (strengths[defects >= 0] >= 70).all()


def test_masks_turn_with_their_pictures():
    draw = np.random.default_rng(0)
    masks = draw.random((12, 60, 60)) < 0.3
    images = np.repeat(masks[..., None], 3, axis=-1).astype(np.uint8)
    turned, marks = batches._turned(images, masks, np.random.default_rng(1))
    np.testing.assert_array_equal(turned[..., 0].astype(bool), marks)
    assert any((before != after).any() for before, after in zip(masks, marks, strict=True))
    np.testing.assert_array_equal(images[..., 0].astype(bool), masks)  # the set is not changed


def test_a_patch_is_defective_if_enough_of_it_is_touched():
    masks = np.zeros((2, MASK_GRID, MASK_GRID), dtype=bool)
    masks[0, 4:8, 8:12] = True  # patch (1, 2) of 15 x 15, whole
    masks[0, 0, 0:2] = True  # 2 of the 16 cells of patch (0, 0): too little
    masks[0, 59, 56:59] = True  # 3 of 16: enough
    labels = batches._patch_labels(masks, np.array([6, -1]), 15)
    expected = torch.zeros(2, 15, 15, dtype=torch.long)
    expected[0, 1, 2] = expected[0, 14, 14] = 7
    assert torch.equal(labels, expected)


def test_grey_pictures_have_three_equal_channels_up_to_noise(noise_set):
    grey = np.array([True, False])
    found = batches._augmented(noise_set.images[:2], grey, 120, np.random.default_rng(0))
    spread = found.std(dim=1).mean(dim=(1, 2))
    assert spread[0] < 0.03 < spread[1]


# --- render sets ----------------------------------------------------------------------------


def test_a_render_set_holds_what_render_one_makes(rendered):
    data = RenderSet.open(rendered)
    named = 4 * len(KINDS)
    plan = RenderPlan(named, found=FOUND, size=60, held_out_defects=True)
    assert len(data.images) == named + FOUND
    assert data.kinds == list(KINDS) and data.defects == all_defects()
    for index in (0, 17, len(data.images) - 1):
        image, mask, label = render_one(plan, index)
        np.testing.assert_array_equal(data.images[index], image)
        np.testing.assert_array_equal(data.masks[index], mask)
        np.testing.assert_array_equal(data.labels[index], label)
    assert np.array_equal(data.labels[:, 2] >= 0, data.masks.any(axis=(1, 2)))
    assert np.array_equal(np.unique(data.labels[:named, 0]), np.arange(len(KINDS)))
    assert (data.labels[named:, :2] == -1).all()  # found surfaces have no name and no colour


def test_another_start_of_styles_gives_other_pictures():
    one = render_one(RenderPlan(4, size=48), 1)[0]
    other = render_one(RenderPlan(4, size=48, first_style=HELD_OUT_STYLES.start), 1)[0]
    assert (one != other).mean() > 0.2


@pytest.mark.parametrize("name", KINDS)
def test_pretraining_never_shows_a_held_out_defect(name):
    kind = KINDS[name]
    assert not set(HELD_OUT_DEFECTS) & set(pretraining_defects(kind))
    assert set(pretraining_defects(kind, held_out=True)) == set(defects_of(kind))


def test_labels_of_a_pretraining_set_name_no_held_out_defect(tmp_path):
    data = RenderSet.open(render_set(RenderPlan(60, found=0, size=48), tmp_path, jobs=1))
    assert not {data.defects.index(d) for d in HELD_OUT_DEFECTS} & set(data.labels[:, 2].tolist())
    assert not list(tmp_path.glob("*.pkl")) and np.load(tmp_path / "labels.npy").dtype == np.int16


def test_an_unfinished_set_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="tinyclip render"):
        RenderSet.open(tmp_path)
