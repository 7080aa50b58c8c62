"""Optimism, sample size, published figures, the list of traps, and PromptAD step by step."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.metrics import roc_auc_score

from promptad_tutorial.benchmark import optimism, published, sample_size, selection
from promptad_tutorial.benchmark.test_selection import fit_with_test_selection
from promptad_tutorial.benchmark.trap_list import trap_list
from promptad_tutorial.detectors import PromptAD
from promptad_tutorial.learning.config import PromptADConfig, Traps

ROOT = Path(__file__).resolve().parents[2]
STEPS = 4


# --- the best of noise ----------------------------------------------------------------------------


def test_the_spread_of_noise_is_that_of_all_orders_of_few_pictures():
    # every placing of 2 anomalous among 5 pictures is equally likely
    labels = [np.isin(range(5), pair) for pair in ((i, j) for i in range(5) for j in range(i))]
    values = [roc_auc_score(label, range(5)) for label in labels]
    assert np.mean(values) == pytest.approx(0.5)
    assert optimism.noise_spread(3, 2) == pytest.approx(np.std(values))


def test_the_best_of_two_normal_numbers_is_known():
    spread = optimism.noise_spread(24, 32)
    assert optimism.expected_best(1, 24, 32) == pytest.approx(0.5)
    assert optimism.expected_best(2, 24, 32) == pytest.approx(0.5 + spread / np.sqrt(np.pi))
    assert optimism.expected_best(10**6, 1, 1) == 1.0


@pytest.mark.parametrize("detectors", [1, 10, 100])
def test_the_formula_agrees_with_the_simulation(detectors):
    best = optimism.best_of_noise(detectors, 24, 32, 400)
    assert best.shape == (400,) and best.max() <= 1
    assert best.mean() == pytest.approx(optimism.expected_best(detectors, 24, 32), abs=0.015)


@pytest.mark.parametrize("sizes", [(0, 5, 5), (1, 0, 5), (1, 5, 0)])
def test_nothing_to_choose_from_is_refused(sizes):
    with pytest.raises(ValueError, match="at least one detector"):
        optimism.expected_best(*sizes)
    with pytest.raises(ValueError, match="at least one detector"):
        optimism.best_of_noise(*sizes)
    with pytest.raises(ValueError, match="repeats must be 1 or more, got 0"):
        optimism.best_of_noise(1, 5, 5, 0)


# --- sample size ----------------------------------------------------------------------------------


def test_the_half_width_is_that_of_scipys_interval():
    values = np.random.default_rng(0).normal(size=12)
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    half = sample_size.half_width(values.std(ddof=1), 12)
    assert half == pytest.approx((high - low) / 2)


@pytest.mark.parametrize("std, half", [(10.0, 1.0), (0.7, 1.0), (3.0, 0.5), (0.0, 1.0)])
def test_the_number_needed_is_the_smallest_that_is_enough(std, half):
    n = sample_size.values_needed(std, half)
    assert sample_size.half_width(std, n) <= half
    assert n == 2 or sample_size.half_width(std, n - 1) > half


def test_bad_wishes_are_refused():
    with pytest.raises(ValueError, match="half above 0"):
        sample_size.values_needed(1.0, 0.0)
    with pytest.raises(ValueError, match="at least two values, got 1"):
        sample_size.half_width(1.0, 1)
    with pytest.raises(ValueError, match="found none"):
        sample_size.bootstrap_interval(np.array([]))
    with pytest.raises(ValueError, match="got 3 and 0"):
        sample_size.picture_spread(np.zeros(3, int), np.ones(3), np.ones(3))


def test_the_bootstrap_is_near_the_standard_error_and_narrows_with_lines():
    values = np.random.default_rng(1).normal(2, 3, size=40)
    low, high = sample_size.bootstrap_interval(values)
    error = values.std() / np.sqrt(40)
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.2)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.2)
    narrow = sample_size.bootstrap_interval(values, lines=160)
    assert (high - low) / (narrow[1] - narrow[0]) == pytest.approx(2, abs=0.25)


def test_the_spread_over_pictures_is_that_of_noise_and_pairs_cancel():
    generator = np.random.default_rng(2)
    labels = np.repeat([0, 1], [60, 80])
    scores = generator.random(140)
    first, second, paired = sample_size.picture_spread(labels, scores, scores + 1)
    assert first == second and paired == 0
    assert first == pytest.approx(optimism.noise_spread(60, 80), rel=0.25)
    wide = sample_size.picture_spread(labels, scores, generator.random(140), 4)
    assert first / wide[0] == pytest.approx(2, rel=0.2)
    assert wide[2] == pytest.approx(np.hypot(*wide[:2]), rel=0.2)  # unrelated detectors


# --- what others published ------------------------------------------------------------------------


def test_every_method_of_the_long_table_has_all_twelve_settings():
    table = published.published()
    counts = table["method"].value_counts()
    assert (counts.iloc[:6] == 12).all()
    assert not table.duplicated(["method", *published.SETTING]).any()
    assert (table["low"] <= table["high"]).all() and table["low"].between(50, 100).all()


def test_figures_from_memory_keep_their_mark_and_ranges_are_ranges():
    table = published.published()
    words = published.as_words(table)
    marked = table["mark"] == published.FROM_MEMORY
    assert marked.sum() > 0
    assert (words.str.endswith("[?]") == marked).all()
    assert (words.str.contains("-") == (table["low"] < table["high"])).all()


def test_paper_and_reruns_stand_in_one_row():
    row = published.paper_beside_reruns().loc[("MVTec", "image", 1)]
    assert row.to_dict() == {
        "paper": 94.6, "low": 91.9, "high": 92.7, "winclip": 93.1, "short": 1.9,
    }  # fmt: skip
    assert len(published.paper_beside_reruns()) == 12


# --- the list of traps ----------------------------------------------------------------------------


def test_the_traps_are_those_of_the_method():
    text = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \|$", text, flags=re.MULTILINE)
    first = {t.number: (str(t.number), t.released, t.clean) for t in reversed(trap_list())}
    assert [first[number] for number in sorted(first)] == rows  # a trap may have two switches
    assert {t.switch for t in trap_list()} - {None} == set(Traps.names())


# --- PromptAD step by step ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def seen(small_backbone):
    pictures = list(np.random.default_rng(5).integers(0, 256, (9, 40, 40, 3), dtype=np.uint8))
    detector = PromptAD(small_backbone(), "nut")
    return detector.encode(pictures[:3]), detector.encode(pictures[3:], test=True)


def quick(**changes):
    return PromptADConfig(steps=STEPS, learning_rate=0.02, map_size=24, **changes)


def test_the_last_row_is_what_the_detector_ends_with(small_backbone, seen):
    scores = selection.scores_after_every_step(small_backbone(), "nut", *seen, 3, quick())
    assert scores.shape == (STEPS, 6)
    detector = PromptAD(small_backbone(), "nut", quick())
    detector.fit_features(seen[0], torch.Generator().manual_seed(3))
    np.testing.assert_allclose(scores[-1], detector.score_features(seen[1]).image_scores)
    assert not np.allclose(scores[0], scores[-1])


def test_the_best_row_is_what_trap_5_keeps(small_backbone, seen):
    scores = selection.scores_after_every_step(small_backbone(), "nut", *seen, 3, quick())
    labels = np.array([0, 1, 0, 1, 0, 1])
    config = quick(traps=Traps(test_selected=True))
    detector = PromptAD(small_backbone(), "nut", config)
    fit_with_test_selection(detector, *seen, labels, generator=torch.Generator().manual_seed(3))
    best = int(np.argmax([roc_auc_score(labels, step) for step in scores]))
    np.testing.assert_allclose(scores[best], detector.score_features(seen[1]).image_scores)


def test_without_memory_or_steps_there_is_nothing_to_watch(small_backbone, seen):
    for config in (quick(use_memory=False), replace(quick(), steps=0)):
        with pytest.raises(ValueError, match="with memory and at least one step"):
            selection.scores_after_every_step(small_backbone(), "nut", *seen, 0, config)


def test_choosing_among_noise_gains_on_one_half_only():
    generator = np.random.default_rng(4)
    labels = np.repeat([0, 1], [24, 32])
    found = selection.choose_on_half(generator.random((100, 56)), labels, 40)
    assert found.chosen == pytest.approx(optimism.expected_best(100, 12, 16), abs=0.03)
    assert found.fresh == pytest.approx(0.5, abs=0.08)
    assert found.last == pytest.approx(0.5, abs=0.15)


def test_a_step_that_is_really_better_is_better_on_both_halves():
    labels = np.repeat([0, 1], [8, 8])
    scores = np.stack([labels + 0.0, 1.0 - labels])
    found = selection.choose_on_half(scores, labels, 3)
    assert (found.chosen, found.fresh, found.last) == (1, 1, 0)
    with pytest.raises(ValueError, match="got 8 and 1"):
        selection.choose_on_half(scores[:, :9], labels[:9])
