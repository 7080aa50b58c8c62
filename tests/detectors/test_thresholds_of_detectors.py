"""Thresholds from the shots alone: each shot left out by hand, and when there is none."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from promptad_tutorial.detectors import PromptAD, VisualMemory
from promptad_tutorial.files.pictures import read_image
from promptad_tutorial.scoring.threshold import light_variations
from tests.detectors.conftest import KINDS, LEARNING, MAP, quick, seeded

# Student's t at 0.9 and at 0.8 by degrees of freedom, from a printed table
T_90 = {1: 3.0777, 2: 1.8856, 7: 1.4149}
T_80 = {2: 1.0607}


def interval(scores, quantile: float) -> float:
    """m + q s sqrt(1 + 1/n), with s over n - 1."""
    n = len(scores)
    mean = sum(scores) / n
    variance = sum((score - mean) ** 2 for score in scores) / (n - 1)
    return mean + quantile * (variance * (1 + 1 / n)) ** 0.5


def left_out(kind: str, backbone, shots) -> list[float]:
    """The score of each shot by a new detector that was fitted on the others."""
    scores = []
    for i in range(len(shots)):
        others = [shots[j] for j in range(len(shots)) if j != i]
        judge = KINDS[kind](backbone).fit(others, seeded(0))
        scores.append(float(judge.score(shots[i]).image_scores[0]))
    return scores


@pytest.mark.parametrize("kind", KINDS)
def test_a_threshold_comes_from_leaving_each_shot_out(small_backbone, shots, kind):
    scores = left_out(kind, small_backbone(), shots)
    detector = KINDS[kind](small_backbone()).fit(shots)
    assert detector.threshold is None
    assert detector.calibrate(shots) is detector
    assert detector.threshold == pytest.approx(interval(scores, T_90[2]), rel=1e-3)
    assert detector.false_positive_rate == 0.1
    detector.calibrate(shots, false_positive_rate=0.2)
    assert detector.threshold == pytest.approx(interval(scores, T_80[2]), rel=1e-3)
    assert detector.false_positive_rate == 0.2
    assert np.std(scores) > 1e-6  # the spread has a say
    # the order of the shots has none, nor the kind of picture
    detector.calibrate([read_image(shots[i]) for i in (1, 2, 0)])
    assert detector.threshold == pytest.approx(interval(scores, T_90[2]), rel=1e-3)


def test_two_shots_are_enough(small_backbone, shots):
    scores = left_out("promptad", small_backbone(), shots[:2])
    detector = PromptAD(small_backbone(), "nut", quick()).fit(shots[:2]).calibrate(shots[:2])
    assert detector.threshold == pytest.approx(interval(scores, T_90[1]), rel=1e-3)


def test_calibrating_changes_no_score(small_backbone, shots, pictures):
    detector = PromptAD(small_backbone(), "nut", quick()).fit(shots)
    before, state = detector.score(pictures), detector.state()
    detector.calibrate(shots)
    np.testing.assert_array_equal(detector.score(pictures).image_scores, before.image_scores)
    assert all(torch.equal(tensor, detector.state()[name]) for name, tensor in state.items())


def test_the_seed_of_the_fits_that_leave_one_out_can_be_chosen(small_backbone, shots):
    detector = PromptAD(small_backbone(), "nut", quick()).fit(shots)
    thresholds = [detector.calibrate(shots, generator_seed=seed).threshold for seed in (0, 0, 1)]
    assert thresholds[0] == thresholds[1] != thresholds[2]


@pytest.mark.parametrize("kind", LEARNING)
def test_of_a_single_shot_light_variations_are_scored(small_backbone, shots, tmp_path, kind):
    detector = KINDS[kind](small_backbone()).fit(shots[0])
    variations = light_variations(read_image(shots[0]))
    scores = list(detector.score(variations).image_scores)
    assert len(scores) == 8 and np.std(scores) > 0
    expected = interval(scores, T_90[7])
    path = tmp_path / "shot.png"
    read_image(shots[0]).save(path)
    for one in (shots[0], [shots[0]], shots[0][None], read_image(shots[0]), path, [str(path)]):
        assert detector.calibrate(one).threshold == pytest.approx(expected, rel=1e-3)


def test_a_single_ready_tensor_is_refused_in_words(small_backbone, shots):
    backbone = small_backbone()
    ready = torch.stack([backbone.preprocess(shot) for shot in shots])
    detector = VisualMemory(backbone, "nut", MAP).fit(ready[0])
    for one in (ready[0], ready[:1], [ready[0]]):
        with pytest.raises(ValueError, match="path, a PIL image or an array, not as a ready"):
            detector.calibrate(one)
    assert detector.threshold is None
    several = VisualMemory(backbone, "nut", MAP).fit(shots).calibrate(shots).threshold
    assert detector.calibrate(ready).threshold == pytest.approx(several, abs=1e-6)


@pytest.mark.parametrize("rate", [0, 1, -0.1, 1.5, float("nan")])
def test_a_rate_outside_is_refused(small_backbone, shots, rate):
    detector = VisualMemory(small_backbone(), "nut", MAP).fit(shots)
    with pytest.raises(ValueError, match="false_positive_rate must be between 0 and 1"):
        detector.calibrate(shots, rate)
    assert detector.threshold is None and detector.false_positive_rate is None


def test_a_smaller_rate_is_a_higher_threshold(small_backbone, shots):
    detector = VisualMemory(small_backbone(), "nut", MAP).fit(shots)
    thresholds = [detector.calibrate(shots, rate).threshold for rate in (0.01, 0.1, 0.5, 0.9)]
    assert thresholds == sorted(thresholds, reverse=True) and len(set(thresholds)) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_what_lies_above_the_threshold_is_anomalous(small_backbone, shots, pictures, kind):
    detector = KINDS[kind](small_backbone()).fit(shots)
    with pytest.raises(RuntimeError, match=r"call calibrate\(shots\) first"):
        detector.predict(pictures)
    scores = detector.score(pictures).image_scores
    ordered = np.sort(scores)
    detector.threshold = float(ordered[1])  # exactly a score: not above it
    found = detector.predict(pictures)
    assert found.dtype == bool and found.sum() == 2
    np.testing.assert_array_equal(found, [score > ordered[1] for score in scores])
    np.testing.assert_array_equal(detector.predict(pictures[0]), found[:1])


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_fit_forgets_the_threshold(small_backbone, shots, pictures, kind):
    detector = KINDS[kind](small_backbone()).fit(shots).calibrate(shots)
    assert detector.threshold is not None
    detector.fit(shots[:2])
    assert detector.threshold is None and detector.false_positive_rate is None
    with pytest.raises(RuntimeError, match="no threshold yet"):
        detector.predict(pictures)
    assert detector.fresh().threshold is None


def test_a_single_shot_needs_a_fitted_detector(small_backbone, shots):
    with pytest.raises(RuntimeError, match=r"call fit\(images\) first"):
        VisualMemory(small_backbone(), "nut", MAP).calibrate(shots[0])
