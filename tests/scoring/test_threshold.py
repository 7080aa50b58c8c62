"""The threshold against a t interval and a simulation; light variations against arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from promptad_tutorial.scoring.threshold import light_variations, threshold_from_normal_scores


@pytest.mark.parametrize("n", [2, 4, 30])
@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5, 0.9])
def test_the_threshold_is_the_end_of_a_prediction_interval(n, rate):
    scores = np.random.default_rng(n).normal(0.3, 0.05, n)
    mean = sum(scores) / n
    variance = sum((score - mean) ** 2 for score in scores) / (n - 1)
    expected = stats.t.isf(rate, n - 1, loc=mean, scale=np.sqrt(variance + variance / n))
    for form in (scores, list(scores), tuple(scores)):
        assert threshold_from_normal_scores(form, rate) == pytest.approx(expected, rel=1e-12)
    if rate < 0.5:  # the upper end of scipy's own interval, which leaves `rate` on both sides
        interval = stats.t.interval(
            1 - 2 * rate, n - 1, loc=mean, scale=stats.sem(scores) * np.sqrt(n + 1)
        )
        assert threshold_from_normal_scores(scores, rate) == pytest.approx(interval[1])


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


def test_without_spread_the_threshold_is_the_score():
    assert threshold_from_normal_scores([0.25] * 4, 0.1) == pytest.approx(0.25)


def test_a_smaller_rate_is_a_higher_threshold():
    found = [threshold_from_normal_scores([1, 2, 4], rate) for rate in (0.5, 0.2, 0.05, 0.001)]
    assert found == sorted(found) and len(set(found)) == 4


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
