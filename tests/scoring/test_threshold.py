"""The threshold against a t interval and a simulation; light variations against arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from promptad_tutorial.scoring.threshold import (
    FEWEST,
    METHODS,
    Promise,
    drift,
    light_variations,
    shots_needed,
    student_bound,
    threshold_from_normal_scores,
)


@pytest.mark.parametrize("n", [2, 4, 30])
@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 0.9])
def test_the_threshold_is_the_end_of_a_prediction_interval(n, rate):
    scores = np.random.default_rng(n).normal(0.3, 0.05, n)
    mean = sum(scores) / n
    variance = sum((score - mean) ** 2 for score in scores) / (n - 1)
    expected = stats.t.isf(rate, n - 1, loc=mean, scale=np.sqrt(variance + variance / n))
    for form in (scores, list(scores), tuple(scores)):
        assert student_bound(form, rate) == pytest.approx(expected, rel=1e-12)
    if rate < 0.5:  # the upper end of scipy's own interval, which leaves `rate` on both sides
        interval = stats.t.interval(
            1 - 2 * rate, n - 1, loc=mean, scale=stats.sem(scores) * np.sqrt(n + 1)
        )
        assert student_bound(scores, rate) == pytest.approx(interval[1])
    if 0 <= expected < 1:
        assert threshold_from_normal_scores(scores, rate) == student_bound(scores, rate)


def test_two_scores_by_hand():
    """n = 2: Student's t with one degree is a Cauchy, whose quartile is 1."""
    # m = 1, s = sqrt(2), so 1 + 1 * sqrt(2) * sqrt(3/2)
    assert threshold_from_normal_scores([0.0, 2.0], 0.25) == pytest.approx(1 + np.sqrt(3))
    assert threshold_from_normal_scores([0.0, 2.0], 0.5) == pytest.approx(1)


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.3])
def test_new_good_scores_pass_it_at_the_rate(rate):
    """Over many draws of 4 shots; the factor sqrt(1 + 1/n) left out would give 0.12 for 0.1."""
    mean, spread = 0.3, 0.05
    draws = np.random.default_rng(0).normal(mean, spread, (2000, 4))
    limits = np.array([threshold_from_normal_scores(draw, rate) for draw in draws])
    above = stats.norm.sf(limits, mean, spread)  # the share of all new scores above each limit
    assert above.mean() == pytest.approx(rate, abs=4 * above.std() / np.sqrt(len(draws)))
    assert above.std() / np.sqrt(len(draws)) < 0.03 * rate + 0.001


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scores", [[0.25] * 4, [0.3, 0.3 + 1e-8], [0.0, 0.0]], ids=str)
def test_scores_without_spread_are_refused(scores, method):
    with pytest.raises(ValueError, match=r"expected scores that differ, found \d times"):
        threshold_from_normal_scores(scores, 0.4, method)


def test_a_bound_that_no_score_can_reach_is_refused_with_what_can_be_had():
    assert student_bound([0.12, 0.20], 0.01) == pytest.approx(2.36, abs=0.01)
    with pytest.raises(ValueError, match=r"would be 2\.36, .* about 0\.33, or use 99 pictures"):
        threshold_from_normal_scores([0.12, 0.20], 0.01)
    with pytest.raises(ValueError, match=r"would be -0\.\d+, and scores lie between 0 and 1"):
        threshold_from_normal_scores([0.02, 0.30], 0.9)


def test_a_smaller_rate_is_a_higher_threshold():
    found = [threshold_from_normal_scores([1, 2, 4], rate) for rate in (0.5, 0.2, 0.05, 0.001)]
    assert found == sorted(found) and len(set(found)) == 4


# --- conformal ------------------------------------------------------------------------------------


def test_a_conformal_threshold_by_hand():
    scores = [0.4, 0.1, 0.3, 0.2]
    for rate, expected in ((0.2, 0.4), (0.39, 0.4), (0.4, 0.3), (0.6, 0.2), (0.8, 0.1)):
        assert threshold_from_normal_scores(scores, rate, "conformal") == expected


@pytest.mark.parametrize("k", [1, 2, 4, 9, 19, 99])
def test_the_shots_that_a_rate_needs(k):
    assert shots_needed(1 / (k + 1)) == k
    assert shots_needed(1 / (k + 1) - 1e-6) == k + 1
    scores = np.linspace(0.1, 0.2, k)
    if k > 1:
        assert threshold_from_normal_scores(scores, 1 / (k + 1), "conformal") == scores[-1]
        with pytest.raises(ValueError, match=f"or use {k + 1} pictures or more"):
            threshold_from_normal_scores(scores, 1 / (k + 1) - 1e-6, "conformal")


@pytest.mark.parametrize("k, rate", [(4, 0.2), (9, 0.1), (9, 0.25), (19, 0.05)])
def test_conformal_keeps_its_promise_whatever_the_scores_are_like(k, rate):
    """Skewed scores: the last of k + 1 exchangeable ones is as likely to be the j-th as any."""
    draws = np.random.default_rng(k).lognormal(sigma=1.5, size=(4000, k + 1)) / 1e6
    alarms = 0
    for draw in draws:
        alarms += draw[k] > threshold_from_normal_scores(draw[:k], rate, "conformal")
    expected = 1 - np.ceil((k + 1) * (1 - rate) - 1e-9) / (k + 1)  # exactly, without ties
    spread = np.sqrt(expected * (1 - expected) / 4000)
    assert alarms / 4000 == pytest.approx(expected, abs=4 * spread)
    assert expected <= rate + 1e-12


def test_p_values_and_thresholds_agree():
    draw = np.random.default_rng(0)
    known, new = draw.random(19), draw.random(500)
    for rate in (0.05, 0.1, 0.3, 0.77):
        limit = threshold_from_normal_scores(known, rate, "conformal")
        at_least = (known[None] >= new[:, None]).sum(axis=1)  # calibration scores as high or higher
        p = (1 + at_least) / (len(known) + 1)  # in [1/(k+1), 1]
        np.testing.assert_array_equal(new > limit, p <= rate + 1e-12)


def test_another_method_is_named():
    with pytest.raises(ValueError, match="method must be one of student, conformal; got 'bayes'"):
        threshold_from_normal_scores([0.1, 0.2], 0.4, "bayes")


# --- what is promised, and when it no longer holds ------------------------------------------------


def test_a_promise_in_words():
    four = (0.1, 0.2, 0.3, 0.4)
    assert str(Promise("conformal", 0.2, four)).startswith("at most a share 0.2 of false alarms on")
    assert "could promise 0.2 at best from 4 shots" in str(Promise("student", 0.1, four))
    assert "at best" not in str(Promise("student", 0.25, four))
    assert "promise nothing about other pictures" in str(Promise("student", 0.1, four, True))


def test_drift_is_told_where_the_line_has_moved_and_only_there():
    draw = np.random.default_rng(0)
    known = Promise("conformal", 1 / 41, tuple(np.sort(draw.normal(0.2, 0.01, 40))))
    threshold = threshold_from_normal_scores(known.scores, 1 / 41, "conformal")
    same = [drift(known, draw.normal(0.2, 0.01, 50), threshold) for _ in range(200)]
    assert sum(one is not None for one in same) <= 8  # a share ALPHA, by chance
    moved = draw.normal(0.21, 0.01, 50)  # still below the threshold for the most part
    assert "the line has moved" in str(drift(known, moved, threshold))
    assert "50 of 50 pictures are above" in str(drift(known, np.full(50, 0.9), threshold))
    # defects among good pictures are no drift, a handful of pictures cannot tell
    mixed = np.concatenate([draw.normal(0.2, 0.01, 40), np.full(15, 0.9)])
    assert drift(known, mixed, threshold) is None
    assert drift(known, np.full(FEWEST - 1, 0.9), threshold) is None


@pytest.mark.parametrize(
    "scores", [[], [0.3], [0.3, float("nan")], [0.3, float("inf")], np.ones((2, 2))], ids=str
)
def test_too_few_or_broken_scores_are_named(scores):
    with pytest.raises(ValueError, match="two or more finite scores of normal images"):
        threshold_from_normal_scores(scores)


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, 1.1, float("nan")])
def test_the_rate_is_a_share(rate):
    with pytest.raises(ValueError, match="false_positive_rate must be between 0 and 1, got"):
        threshold_from_normal_scores([0.1, 0.2], rate)


# --- light variations -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    """Smooth, with no symmetry, 100 px wide and 50 high."""
    y, x = np.mgrid[:50, :100]
    channels = [90 + 0.5 * x + 0.3 * y, 120 + 30 * np.sin(x / 9 + y / 5), 150 - 0.6 * x + 0.8 * y]
    return Image.fromarray(np.dstack(channels).round().astype(np.uint8))


def test_there_are_eight_slightly_different_pictures_of_the_same_size(picture):
    found = light_variations(picture)
    assert len(found) == 8
    assert all((one.size, one.mode) == (picture.size, "RGB") for one in found)
    arrays = [np.asarray(one, dtype=float) for one in (picture, *found)]
    for i, one in enumerate(arrays):
        for other in arrays[:i]:
            assert np.abs(one - other).max() >= 2  # none comes twice
    unmirrored = [arrays[1][:, ::-1], arrays[2][::-1], *arrays[3:]]
    assert all(np.abs(one - arrays[0]).mean() < 10 for one in unmirrored)


def test_mirrored_and_shifted_pictures_are_the_same_pixels_elsewhere(picture):
    array = np.asarray(picture)
    across, over, left, down = (np.asarray(one) for one in light_variations(picture)[:4])
    assert (across == array[:, ::-1]).all()
    assert (over == array[::-1]).all()
    assert (left[:, :-2] == array[:, 2:]).all()  # 2 percent of 100 px
    assert (down[1:] == array[:-1]).all()  # 2 percent of 50 px
    # what comes in at the edge mirrors what is there
    assert (left[:, -2:] == array[:, [98, 97]]).all() and (down[0] == array[1]).all()


def test_light_and_contrast_change_by_five_percent(picture):
    array = np.asarray(picture).astype(float)
    darker, brighter, flatter, crisper = (
        np.asarray(one).astype(float) for one in light_variations(picture)[4:]
    )
    assert np.abs(darker - 0.95 * array).max() <= 1 and np.abs(brighter - 1.05 * array).max() <= 1
    grey = np.asarray(picture.convert("L")).mean()  # what contrast turns around
    assert np.abs(flatter - (grey + 0.95 * (array - grey))).max() <= 1.5
    assert np.abs(crisper - (grey + 1.05 * (array - grey))).max() <= 1.5


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (7, 300)])
def test_small_pictures_work_too(size):
    assert [one.size for one in light_variations(Image.new("RGB", size))] == 8 * [size]
