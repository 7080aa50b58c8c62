from __future__ import annotations

import doctest
import math
from collections import deque
from itertools import pairwise

import jaxtyping
import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from promptad_tutorial.scoring import metrics
from promptad_tutorial.scoring.metrics import (
    aupro,
    average_precision,
    evaluate,
    f1_max,
    image_auroc,
    label_regions,
    pixel_auroc,
)

IMAGE_FIGURES = (image_auroc, average_precision, f1_max)
PIXEL_FIGURES = (pixel_auroc, aupro)


@pytest.fixture
def unchecked(monkeypatch):
    """Learners run without jaxtyping's checks, which would speak before the package does."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


# --- slow references, written from the definitions ---


def slow_auroc(labels, scores):
    """Every pair of an anomalous and a good sample; a tie is half a win."""
    wins = 0.0
    for anomalous in scores[labels == 1]:
        for good in scores[labels == 0]:
            wins += 1.0 if anomalous > good else 0.5 if anomalous == good else 0.0
    return wins / (np.sum(labels == 1) * np.sum(labels == 0))


def slow_precision_recall(labels, scores):
    for threshold in sorted(set(scores.tolist()), reverse=True):
        called = scores >= threshold
        hits = np.sum(called & (labels == 1))
        yield hits / np.sum(called), hits / np.sum(labels == 1)


def slow_average_precision(labels, scores):
    total, recall_before = 0.0, 0.0
    for precision, recall in slow_precision_recall(labels, scores):
        total += (recall - recall_before) * precision
        recall_before = recall
    return total


def slow_f1_max(labels, scores):
    best = 0.0
    for precision, recall in slow_precision_recall(labels, scores):
        if precision + recall > 0:
            best = max(best, 2 * precision * recall / (precision + recall))
    return best


def slow_regions(mask):
    """Lists of pixels, by flood fill over the eight neighbours."""
    left = {(int(r), int(c)) for r, c in np.argwhere(mask)}
    regions = []
    while left:
        queue, region = deque([left.pop()]), []
        while queue:
            r, c = queue.popleft()
            region.append((r, c))
            for near in [(r + i, c + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]:
                if near in left:
                    left.remove(near)
                    queue.append(near)
        regions.append(region)
    return regions


def slow_aupro(masks, maps, limit):
    """One loop over every threshold; the area is summed segment by segment."""
    regions = [(i, region) for i, mask in enumerate(masks) for region in slow_regions(mask)]
    curve = [(0.0, 0.0)]
    for threshold in sorted(set(maps.ravel().tolist()), reverse=True):
        called = maps >= threshold
        overlaps = [np.mean([called[i, r, c] for r, c in region]) for i, region in regions]
        curve.append((float(np.mean(called[masks == 0])), float(np.mean(overlaps))))
    area = 0.0
    for (x0, y0), (x1, y1) in pairwise(curve):
        if x0 >= limit or x1 == x0:
            continue
        end = min(x1, limit)
        y_end = y0 + (y1 - y0) * (end - x0) / (x1 - x0)
        area += (end - x0) * (y0 + y_end) / 2
    return area / limit


def random_case(seed):
    """Small masks whose regions touch at corners and borders, and maps with or without ties."""
    generator = np.random.default_rng(seed)
    n, h, w = generator.integers(1, 4), generator.integers(2, 8), generator.integers(2, 8)
    masks = generator.random((n, h, w)) < generator.choice([0.1, 0.3, 0.6])
    masks[0, 0, 0], masks[0, -1, -1] = True, False
    maps = generator.random((n, h, w)) + 0.4 * masks
    if seed % 2:
        maps = np.round(maps * 4) / 4
    return masks, maps


# --- image level ---


@pytest.mark.parametrize("seed", range(20))
def test_image_figures_equal_their_definitions(seed):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, 25)
    labels[:2] = 0, 1
    scores = generator.random(25) + 0.3 * labels
    if seed % 2:
        scores = np.round(scores, 1)  # ties
    assert image_auroc(labels, scores) == pytest.approx(slow_auroc(labels, scores))
    assert average_precision(labels, scores) == pytest.approx(
        slow_average_precision(labels, scores)
    )
    assert f1_max(labels, scores) == pytest.approx(slow_f1_max(labels, scores))


def test_closed_forms_at_image_level():
    labels = np.array([0, 0, 0, 1])
    ranked = np.array([0.1, 0.2, 0.3, 0.9])
    assert [f(labels, ranked) for f in IMAGE_FIGURES] == [1.0, 1.0, 1.0]
    # Upside down: all four must be called anomalous to find the one, so P = 1/4 and R = 1.
    assert [f(labels, -ranked) for f in IMAGE_FIGURES] == pytest.approx([0.0, 0.25, 0.4])
    # One score for all: a coin toss, the share of anomalous images, and again P = 1/4, R = 1.
    constant = np.zeros(4)
    assert [f(labels, constant) for f in IMAGE_FIGURES] == pytest.approx([0.5, 0.25, 0.4])


# --- AUPRO ---


@pytest.mark.parametrize("limit", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("seed", range(30))
def test_aupro_equals_the_loop_over_every_threshold(seed, limit):
    masks, maps = random_case(seed)
    assert aupro(masks, maps, limit) == pytest.approx(slow_aupro(masks, maps, limit), abs=1e-12)


@pytest.mark.parametrize("limit", [0.1, 0.3, 0.999])
@pytest.mark.parametrize("seed", range(6))
def test_aupro_is_the_partial_auroc_with_every_region_weighted_alike(seed, limit):
    masks, maps = random_case(seed)
    weights = np.ones(masks.shape)
    for image, mask in enumerate(masks):
        for region in slow_regions(mask):
            for r, c in region:
                weights[image, r, c] = 1 / len(region)
    standard = roc_auc_score(
        masks.ravel(), maps.ravel(), sample_weight=weights.ravel(), max_fpr=limit
    )
    # scikit-learn reports McClish's rescaling of the area; undo it.
    low, high = limit**2 / 2, limit
    area = low + (2 * standard - 1) * (high - low)
    assert aupro(masks, maps, limit) == pytest.approx(area / limit)


def test_closed_forms_of_aupro():
    masks = np.zeros((2, 10, 10), dtype=bool)
    masks[0, 2:4, 2:4] = True
    masks[1, 7, 1:9] = True
    assert aupro(masks, masks.astype(float)) == 1.0
    assert aupro(masks, -masks.astype(float)) == 0.0
    for limit in (0.1, 0.3, 1.0):  # the diagonal up to the limit
        assert aupro(masks, np.zeros(masks.shape), limit) == pytest.approx(limit / 2)
    # One region found whole, the other only when everything is called: PRO = (1 + FPR) / 2.
    half = np.zeros(masks.shape)
    half[0] = masks[0]
    assert aupro(masks, half, 0.3) == pytest.approx(0.5 * (1 + 0.15))


@pytest.mark.parametrize("seed", range(20))
def test_a_perfect_map_gets_exactly_1(seed):
    masks, _ = random_case(seed)
    assert aupro(masks, masks.astype(float)) == 1.0


def test_a_small_region_weighs_as_much_as_a_large_one_in_aupro_only():
    masks = np.zeros((1, 20, 20), dtype=bool)
    masks[0, :10, :10] = True  # 100 pixels, found
    masks[0, 15, 15] = True  # 1 pixel, missed until all is called
    maps = np.zeros(masks.shape)
    maps[0, :10, :10] = 1.0
    assert pixel_auroc(masks, maps) == pytest.approx((100 + 0.5) / 101)
    assert aupro(masks, maps, 1.0) == pytest.approx((1 + 0.5) / 2)


def test_regions_join_at_corners_but_not_across_images():
    masks = np.zeros((2, 3, 3), dtype=bool)
    masks[0, 0, 0] = masks[0, 1, 1] = True  # they touch at a corner
    masks[1, 1, 1] = True  # the same place in the next image
    numbers, count = label_regions(masks)
    assert count == 2
    assert numbers[0, 0, 0] == numbers[0, 1, 1] != numbers[1, 1, 1]


def test_aupro_does_not_depend_on_a_rising_rescaling_or_on_the_order_of_images():
    masks, maps = random_case(4)
    expected = aupro(masks, maps)
    assert aupro(masks, np.exp(3 * maps) - 7) == pytest.approx(expected)
    assert aupro(masks[::-1], maps[::-1]) == pytest.approx(expected)


def test_pixel_auroc_is_the_image_auroc_of_all_pixels():
    masks, maps = random_case(3)
    expected = slow_auroc(masks.ravel(), maps.ravel())
    assert pixel_auroc(masks, maps) == pytest.approx(expected)


# --- kinds of input ---


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_torch_tensors_give_what_numpy_gives(dtype):
    generator = torch.Generator().manual_seed(0)
    masks = torch.rand(2, 6, 6, generator=generator) < 0.3
    maps = (torch.rand(2, 6, 6, generator=generator) + 0.2 * masks).to(dtype)
    as_numpy = maps.float().numpy()
    for figure in PIXEL_FIGURES:
        expected = figure(masks.numpy(), as_numpy)
        assert figure(masks, maps) == expected
        assert figure(masks.to(torch.uint8), maps.requires_grad_()) == expected


# --- evaluate ---


def test_evaluate_gathers_the_figures():
    masks, maps = random_case(8)
    masks = np.concatenate([masks, np.zeros_like(masks)])
    maps = np.concatenate([maps, maps[::-1]])
    labels = masks.any(axis=(1, 2)).astype(int)
    scores = maps.max(axis=(1, 2))
    result = evaluate(labels, scores, masks, maps, fpr_limit=0.2)
    assert result == metrics.Evaluation(
        image_auroc(labels, scores),
        average_precision(labels, scores),
        f1_max(labels, scores),
        pixel_auroc(masks, maps),
        aupro(masks, maps, 0.2),
    )


def test_evaluate_without_masks_has_no_pixel_figures():
    result = evaluate(np.array([0, 1]), np.array([0.2, 0.4]))
    assert result.image_auroc == 1.0
    assert math.isnan(result.pixel_auroc) and math.isnan(result.aupro)


def test_evaluate_refuses_labels_and_masks_that_disagree():
    masks, maps = np.zeros((2, 2, 2), dtype=bool), np.zeros((2, 2, 2))
    masks[0, 0, 0] = True
    with pytest.raises(ValueError, match=r"image 0 is labelled good but its mask marks"):
        evaluate(np.array([0, 1]), np.array([0.1, 0.2]), masks, maps)
    with pytest.raises(ValueError, match="masks and maps go together"):
        evaluate(np.array([1, 0]), np.array([0.1, 0.2]), masks)
    with pytest.raises(ValueError, match="3 labels, 2 masks"), pytest.MonkeyPatch.context() as m:
        m.setattr(jaxtyping.config, "jaxtyping_disable", True)
        evaluate(np.array([1, 0, 0]), np.array([0.1, 0.2, 0.3]), masks, maps)


# --- errors ---


@pytest.mark.parametrize("label, name", [(0, r"good \(0\)"), (1, r"anomalous \(1\)")])
def test_one_class_is_an_error_that_names_it(label, name):
    for figure in IMAGE_FIGURES:
        with pytest.raises(ValueError, match=f"both classes in labels, found only {name}"):
            figure(np.full(3, label), np.arange(3.0))
    for figure in PIXEL_FIGURES:
        with pytest.raises(ValueError, match=f"both classes in masks, found only {name}"):
            figure(np.full((1, 2, 2), label), np.zeros((1, 2, 2)))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_an_error(bad):
    for figure in IMAGE_FIGURES:
        with pytest.raises(ValueError, match=r"scores must be finite, found 1 .* of 2"):
            figure(np.array([0, 1]), np.array([0.0, bad]))
    for figure in PIXEL_FIGURES:
        with pytest.raises(ValueError, match=r"maps must be finite, found 1 .* of 2"):
            figure(np.array([[[0, 1]]]), np.array([[[0.0, bad]]]))


def test_shapes_that_differ_and_empty_input_are_errors(unchecked):
    for figure in IMAGE_FIGURES:
        with pytest.raises(ValueError, match=r"one shape \(n,\), got \(2,\) and \(3,\)"):
            figure(np.array([0, 1]), np.zeros(3))
        with pytest.raises(ValueError, match="are empty"):
            figure(np.zeros(0, dtype=int), np.zeros(0))
    for figure in PIXEL_FIGURES:
        with pytest.raises(ValueError, match=r"\(n, h, w\), got \(1, 2, 2\) and \(1, 4, 4\)"):
            figure(np.zeros((1, 2, 2)), np.zeros((1, 4, 4)))
        with pytest.raises(ValueError, match=r"\(n, h, w\), got \(2, 2\) and \(2, 2\)"):
            figure(np.eye(2), np.zeros((2, 2)))
        with pytest.raises(ValueError, match="are empty"):
            figure(np.zeros((0, 2, 2)), np.zeros((0, 2, 2)))


@pytest.mark.parametrize("wrong", [2, 255, -1])
def test_labels_other_than_0_and_1_are_an_error(wrong):
    with pytest.raises(ValueError, match=rf"labels must be 0 \(good\) or 1 .*got {wrong}"):
        image_auroc(np.array([0, wrong]), np.array([0.0, 1.0]))
    with pytest.raises(ValueError, match=rf"masks must be 0 \(good\) or 1 .*got {wrong}"):
        aupro(np.array([[[0, wrong]]]), np.array([[[0.0, 1.0]]]))


def test_labels_that_are_missing_are_an_error():
    with pytest.raises(ValueError, match=r"labels must be 0 .*got None"):
        image_auroc(np.array([0, 1, None]), np.array([0.0, 1.0, 2.0]))


@pytest.mark.parametrize("limit", [0.0, -0.1, 1.5, float("nan")])
def test_a_limit_outside_0_and_1_is_an_error(limit):
    with pytest.raises(ValueError, match=r"fpr_limit must be in \(0, 1\], got"):
        aupro(np.array([[[0, 1]]]), np.array([[[0.0, 1.0]]]), limit)


def test_the_worked_examples_in_the_docstrings_are_right():
    result = doctest.testmod(metrics)
    assert result.attempted >= 6
    assert result.failed == 0
