"""Batches: who is true of whom, masks that follow their pictures, windows, unknown words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import open_clip
import pytest
import torch

from tests.workshop.pretraining.conftest import FOUND
from workshop.minifactory.captions import HELD_OUT_DEFECTS, Caption
from workshop.minifactory.catalogue import KINDS, defects_of
from workshop.pretraining import batches
from workshop.pretraining.batches import NOISE_TOKEN, BatchPlan, draw_batch, truth
from workshop.pretraining.render_set import (
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

PLAN = BatchPlan(hard_kinds=2, hard_each=3, spread=10)
WINDOWS = replace(PLAN, window=True)
FEW = BatchPlan(hard_kinds=1, hard_each=1, spread=1)


@pytest.fixture(scope="module")
def tokenize() -> open_clip.SimpleTokenizer:
    return open_clip.SimpleTokenizer(context_length=77)


def same(one: batches.Batch, other: batches.Batch) -> bool:
    pairs = [(getattr(one, k), getattr(other, k)) for k in one.__dict__]
    return all(torch.equal(x, y) if torch.is_tensor(x) else x == y for x, y in pairs)


def eight_ways(picture: np.ndarray) -> list[np.ndarray]:
    """A square picture and its transpose, mirrored in all ways: written without `np.rot90`."""
    both = picture, picture.swapaxes(0, 1)
    return [p[::rows, ::columns] for p in both for rows in (1, -1) for columns in (1, -1)]


def random_masks(count: int, block: int = 1, seed: int = 0) -> np.ndarray:
    """Masks with one rectangle of whole blocks each, at most a third of the side.

    Every fourth is empty.
    """
    draw = np.random.default_rng(seed)
    grid = MASK_GRID // block
    masks = np.zeros((count, grid, grid), dtype=bool)
    for i in range(count):
        if i % 4:
            height, width = draw.integers(1, grid // 3 + 1, size=2)
            top, left = draw.integers(grid - height + 1), draw.integers(grid - width + 1)
            masks[i, top : top + height, left : left + width] = True
    return masks.repeat(block, axis=1).repeat(block, axis=2)


def drawn_masks(masks: np.ndarray) -> np.ndarray:
    """Pictures of 120 px that show their masks, dark grey on light grey."""
    shown = np.where(masks, 60, 180).astype(np.uint8).repeat(2, axis=1).repeat(2, axis=2)
    return shown[..., None].repeat(3, axis=-1)


@pytest.fixture(scope="module")
def drawn_set(noise_set) -> RenderSet:
    """The labels of the set of noise, with pictures of masks of whole patches."""
    masks = random_masks(64, block=4)
    labels = noise_set.labels.copy()
    touched = masks.any(axis=(1, 2))[:, None]
    labels[:, 2:] = np.where(touched, labels[:, 2:].clip(0), (-1, 0))
    return replace(noise_set, images=drawn_masks(masks), masks=masks, labels=labels)


@pytest.fixture
def captions(monkeypatch) -> list[Caption]:
    """Every caption of the batches that the test draws, in their order."""
    kept, compose = [], batches._caption

    def keep(*arguments) -> Caption:
        kept.append(compose(*arguments))
        return kept[-1]

    monkeypatch.setattr(batches, "_caption", keep)
    return kept


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
    for plan, size in ((PLAN, 120), (WINDOWS, 96)):
        first = draw_batch(noise_set, plan, tokenize, 1, 7, size)
        assert same(first, draw_batch(noise_set, plan, tokenize, 1, 7, size))
        for seed, step in ((1, 8), (2, 7)):
            other = draw_batch(noise_set, plan, tokenize, seed, step, size)
            assert not torch.equal(first.images[:1], other.images[:1])


@pytest.mark.parametrize("plan", [PLAN, WINDOWS], ids=["whole", "window"])
@pytest.mark.parametrize(("size", "grid"), [(80, 10), (96, 12), (120, 15)])
def test_shapes_and_ranges(noise_set, tokenize, size, grid, plan):
    batch = draw_batch(noise_set, plan, tokenize, 0, 0, size)
    assert batch.images.shape == (16, 3, size, size)
    assert batch.images.min() >= 0 and batch.images.max() <= 1
    assert batch.patches.shape == (16, grid, grid)
    assert batch.true.shape == (16, 16) and batch.true.diagonal().all()
    assert batch.tokens.shape == (32, int(batch.ends.max()) + 1) and batch.ends.shape == (32,)
    assert batch.countered.shape == (16,)


def test_rows_of_tokens_are_the_captions_and_then_their_counters(noise_set, tokenize, captions):
    plan = replace(PLAN, spread=60, unknown_share=0.5)
    batch = draw_batch(noise_set, plan, tokenize, 0, 2, 96)
    assert len(captions) == len(batch.images) == 66
    texts = [c.text for c in captions]
    texts += [c.text if c.counter is None else c.counter for c in captions]
    for row, last, expected in zip(batch.tokens, batch.ends, tokenize(texts), strict=True):
        known = row[row != NOISE_TOKEN]
        assert torch.equal(known, expected[: len(known)]) and not expected[len(known) :].any()
        assert row[last] == tokenize.eot_token_id and not row[last + 1 :].any()
    assert batch.countered.tolist() == [c.state is not None for c in captions]
    assert set(batch.countered.tolist()) == {True, False}


# --- unknown words --------------------------------------------------------------------------


def test_without_unknown_words_every_text_is_read_as_it_is(tokenize):
    texts = ["a washer", "a washer with a dent."]
    plan = BatchPlan(unknown_share=0.0)
    tokens, ends = batches.with_unknown_words(texts, tokenize, plan, np.random.default_rng(0))
    assert torch.equal(tokens, tokenize(texts)[:, : tokens.shape[1]])
    assert ends.tolist() == [3, 7] and tokens.shape == (2, 8)


def test_one_to_four_unknown_words_stand_at_the_start_or_at_the_end(tokenize):
    texts = ["a washer", "a photo of the dented washer."] * 600
    plan = BatchPlan(unknown_share=0.5)
    tokens, ends = batches.with_unknown_words(texts, tokenize, plan, np.random.default_rng(0))
    lengths = {True: [], False: []}  # of the unknown parts at the start, and at the end
    for row, last, known in zip(tokens.tolist(), ends.tolist(), tokenize(texts), strict=True):
        count = row.count(NOISE_TOKEN)
        words = known[known != 0].tolist()
        unknown = [NOISE_TOKEN] * count
        (stop,) = tokenize.encode(".")
        tail = 2 if words[-2] == stop else 1  # the full stop and the end of text stay the last
        at_start = [words[0], *unknown, *words[1:]]
        at_end = [*words[:-tail], *unknown, *words[-tail:]]
        read = row[: last + 1]
        assert read in (at_start, at_end) and not any(row[last + 1 :])
        if count:
            lengths[read == at_start].append(count)
    start, end = len(lengths[True]), len(lengths[False])
    assert 0.45 < (start + end) / 1200 < 0.55 and 0.70 < start / (start + end) < 0.80
    assert set(lengths[True]) == set(lengths[False]) == {1, 2, 3, 4}


# --- choice ---------------------------------------------------------------------------------


def test_the_first_part_of_a_batch_is_of_few_kinds(noise_set):
    plan = BatchPlan(hard_kinds=2, hard_each=5, spread=30)
    chosen = batches.choose(noise_set, plan, np.random.default_rng(0))
    kinds = noise_set.labels[chosen, 0]
    assert len(chosen) == 40
    assert len(set(kinds[:5])) == len(set(kinds[5:10])) == 1 and kinds[0] != kinds[5]
    assert len(set(kinds[10:])) > 4


def test_whole_styles_come_with_all_their_pieces(noise_set):
    plan = BatchPlan(hard_kinds=2, hard_each=8, whole_styles=True, spread=0)
    chosen = batches.choose(noise_set, plan, np.random.default_rng(0))
    looks, counts = np.unique(chosen // PIECES_A_STYLE, return_counts=True)
    assert len(looks) == 4 and set(counts) == {PIECES_A_STYLE}


@pytest.mark.parametrize("whole_styles", [False, True])
def test_weak_defects_can_be_left_out_of_the_hard_part(noise_set, whole_styles):
    plan = BatchPlan(8, 6, whole_styles=whole_styles, weakest=70, spread=0)
    chosen = batches.choose(noise_set, plan, np.random.default_rng(0))
    *_, defects, strengths = noise_set.labels[chosen].T
    assert (defects >= 0).any() and (strengths[defects >= 0] >= 70).all()


@pytest.mark.parametrize("weight", [1.0, 3.0])
def test_objects_are_hard_kinds_more_often_by_their_weight(noise_set, weight):
    names = list(KINDS)
    textures = [names.index(name) for name in ("carpet", "wood", "tile")]
    objects = [names.index(name) for name in ("bolt", "washer", "gear", "key")]
    labels = noise_set.labels.copy()
    labels[:, 0] = np.array([*textures, -1, *objects])[labels[:, 0]]  # -1: a found surface
    data = replace(noise_set, kinds=names, labels=labels)
    plan = BatchPlan(1, 1, spread=0, object_weight=weight)
    draw = np.random.default_rng(0)
    found = np.array([labels[batches.choose(data, plan, draw)[0], 0] for _ in range(800)])
    shares = {kind: (found == kind).mean() for kind in (*textures, -1, *objects)}
    for kind, share in shares.items():
        expected = (weight if kind in objects else 1.0) / (4 + 4 * weight)
        assert abs(share - expected) < 4 * (expected / 800) ** 0.5, kind


# --- turns and windows ----------------------------------------------------------------------


def test_the_eight_ways_to_turn_a_picture_are_all_there_are():
    picture = np.arange(25).reshape(5, 5)
    found = {batches.one_way(picture, way).tobytes() for way in range(8)}
    assert found == {way.tobytes() for way in eight_ways(picture)} and len(found) == 8


def test_masks_turn_with_their_pictures():
    draw = np.random.default_rng(0)
    masks = draw.random((12, 60, 60)) < 0.3
    images = np.repeat(masks[..., None], 3, axis=-1).astype(np.uint8)
    turned, marks = batches._turned(images, masks, np.random.default_rng(1))
    np.testing.assert_array_equal(turned[..., 0].astype(bool), marks)
    assert any((before != after).any() for before, after in zip(masks, marks, strict=True))
    np.testing.assert_array_equal(images[..., 0].astype(bool), masks)  # the set is not changed


@pytest.mark.parametrize(("size", "corner"), [(96, (0, 3)), (96, (2, 1)), (80, (5, 2))])
def test_windows_of_pictures_and_masks_are_the_same_and_keep_the_defect(size, corner):
    masks = random_masks(40)
    images = np.random.default_rng(1).integers(0, 256, (40, 120, 120, 3), dtype=np.uint8)
    before = images.copy(), masks.copy()
    draw = np.random.default_rng(2)
    windows, marks = batches._window(images, masks, corner, size, 8, draw)
    np.testing.assert_array_equal(images, before[0])  # the set is not changed
    np.testing.assert_array_equal(masks, before[1])
    top, left, cells = 4 * corner[0], 4 * corner[1], size // 2  # in cells of 2 px
    assert windows.shape == (40, size, size, 3) and marks.shape == (40, cells, cells)
    ways = set()
    for image, mask, window, mark in zip(images, masks, windows, marks, strict=True):
        views = [
            way[2 * top : 2 * top + size, 2 * left : 2 * left + size] for way in eight_ways(image)
        ]
        (chosen,) = (i for i, view in enumerate(views) if np.array_equal(view, window))
        ways.add(chosen)
        kept = [way[top : top + cells, left : left + cells] for way in eight_ways(mask)]
        np.testing.assert_array_equal(mark, kept[chosen])
        best = max(view.sum() for view in kept) / max(mask.sum(), 1)
        share = mark.sum() / max(mask.sum(), 1)
        assert share > 0.8 or share == best
        assert share >= 0.5 or best < 0.5
    assert len(ways) > 4


def test_a_window_turns_a_defect_in_if_any_turn_does():
    masks = np.zeros((20, MASK_GRID, MASK_GRID), dtype=bool)
    masks[:, 55:60, 50:60] = True  # in a corner: one way in four keeps it, in the other corner
    windows, marks = batches._window(
        drawn_masks(masks), masks, (0, 0), 80, 8, np.random.default_rng(0)
    )
    assert (marks.sum(axis=(1, 2)) == 50).all()
    np.testing.assert_array_equal(windows[:, ::2, ::2, 0] == 60, marks)


def test_a_patch_of_a_window_is_labelled_where_its_picture_shows_the_defect(drawn_set, tokenize):
    plan, labelled = replace(WINDOWS, spread=40), 0
    for step, size in ((0, 96), (1, 96), (2, 80), (3, 120)):
        batch = draw_batch(drawn_set, plan, tokenize, 0, step, size)
        grid = size // 8
        shown = batch.images.mean(dim=1).reshape(-1, grid, 8, grid, 8).mean(dim=(2, 4))
        for patches, defective in zip(shown, batch.patches, strict=True):
            if 0 < (defective > 0).sum() < grid * grid:
                middle = (patches.min() + patches.max()) / 2
                assert torch.equal(patches < middle, defective > 0)
                assert len(defective.unique()) == 2
                labelled += 1
            else:
                assert patches.max() - patches.min() < 0.1
    assert labelled > 80


@pytest.mark.parametrize(("size", "last"), [(96, 3), (80, 5)])
def test_corners_reach_every_place_of_the_window_and_none_beyond(noise_set, tokenize, size, last):
    plan = replace(FEW, window=True)
    corners = [draw_batch(noise_set, plan, tokenize, 0, i, size).corner for i in range(60)]
    for places in zip(*corners, strict=True):
        assert set(places) == set(range(last + 1))
    assert any(row != column for row, column in corners)


def test_the_corner_says_where_the_window_lies(noise_set, tokenize):
    away = np.abs(np.arange(120) - 59.5)
    rings = np.maximum(away[:, None], away[None, :])  # the same however they are turned
    images = (60 + 2 * rings).astype(np.uint8)[None, ..., None].repeat(64, axis=0)
    data = replace(noise_set, images=images.repeat(3, axis=-1))
    places = [(row, column) for row in range(4) for column in range(4)]
    views = [rings[8 * r : 8 * r + 96, 8 * c : 8 * c + 96].ravel() for r, c in places]
    for step in range(6):
        batch = draw_batch(data, replace(FEW, window=True), tokenize, 0, step, 96)
        for image in batch.images.mean(dim=1):
            likeness = [np.corrcoef(view, image.numpy().ravel())[0, 1] for view in views]
            assert places[int(np.argmax(likeness))] == batch.corner


def test_only_windows_have_a_corner(noise_set, tokenize):
    assert draw_batch(noise_set, PLAN, tokenize, 0, 0, 96).corner is None
    assert draw_batch(noise_set, WINDOWS, tokenize, 0, 0, 120).corner is None
    assert draw_batch(noise_set, WINDOWS, tokenize, 0, 0, 96).corner is not None


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
    found = batches.augmented(noise_set.images[:2], grey, 120, np.random.default_rng(0))
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
