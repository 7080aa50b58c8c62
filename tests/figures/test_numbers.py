"""Histograms, ROC curves, bars and matrices: the drawn numbers and the told ones, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.patches import Polygon, Rectangle

from promptad_tutorial import figures
from tests.figures.test_pictures_and_maps import check_readable

GOOD = [0.1, 0.2, 0.3, 0.6]
ANOMALOUS = [0.4, 0.5, 0.7, 0.8, 0.2]
SCORES = np.array(GOOD + ANOMALOUS)
LABELS = np.array([0] * 4 + [1] * 5)
# Of 4 x 5 pairs: 0.4 and 0.5 beat three good scores each, 0.7 and 0.8 four, 0.2 one and a tie.
AUROC = (3 + 3 + 4 + 4 + 1.5) / 20


def test_histogram_counts_every_picture_and_tells_the_numbers() -> None:
    shown = figures.score_histogram(SCORES, LABELS, threshold=0.4, caption="Carpet")
    assert shown.alt == shown.caption
    assert shown.alt == (
        "Carpet. 4 good pictures: scores from 0.10 to 0.60, median 0.25. 5 anomalous pictures: "
        f"scores from 0.20 to 0.80, median 0.50. AUROC {AUROC + 1e-9:.2f}. The threshold 0.40 "
        "misses 1 anomalous and flags 1 good pictures."
    )
    (axes,) = shown.figure.axes
    bars = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert sum(bar.get_height() for bar in bars) == 4
    (shape,) = [patch for patch in axes.patches if isinstance(patch, Polygon)]
    assert shape.get_hatch()  # told apart by more than colour
    good, bad = axes.lines[:2]
    np.testing.assert_array_equal(good.get_xdata(), GOOD)
    np.testing.assert_array_equal(bad.get_xdata(), ANOMALOUS)
    assert good.get_marker() != bad.get_marker()
    assert list(axes.lines[2].get_xdata()) == [0.4, 0.4]
    check_readable(shown)


def test_histogram_takes_lists_tensors_ties_and_limits() -> None:
    expected = figures.score_histogram(SCORES, LABELS).alt
    assert figures.score_histogram(SCORES.tolist(), LABELS.tolist()).alt == expected
    assert figures.score_histogram(torch.tensor(SCORES), torch.tensor(LABELS)).alt == expected
    assert "threshold" not in expected
    wide = figures.score_histogram(SCORES, LABELS, limits=(0, 1))
    assert wide.figure.axes[0].get_xlim() == (0, 1)
    equal = figures.score_histogram(np.full(9, 0.5), LABELS)
    assert "AUROC 0.50" in equal.alt
    check_readable(equal)


def test_alt_text_does_not_drift_with_the_last_digits() -> None:
    noise = 1e-9 * np.random.default_rng(0).choice([-1, 1], 9)
    noise[[1, 8]] = 0  # the tie stays a tie
    drifted = figures.score_histogram(SCORES + noise, LABELS, threshold=0.45).alt
    assert drifted == figures.score_histogram(SCORES, LABELS, threshold=0.45).alt
    assert figures.roc_curve(LABELS, SCORES + noise).alt == figures.roc_curve(LABELS, SCORES).alt


def test_roc_curve_is_the_share_found_at_each_threshold() -> None:
    shown = figures.roc_curve(LABELS, SCORES)
    assert f"AUROC {AUROC + 1e-9:.2f}" in shown.alt
    assert "4 good and 5 pictures" in shown.alt
    assert "10 % false alarms it finds 40 % of the defects" in shown.alt  # 0.8 and 0.7
    curve = shown.figure.axes[0].lines[0].get_xydata()
    expected = {(0.0, 0.0)}
    for threshold in SCORES:
        called = threshold <= SCORES
        expected.add((called[LABELS == 0].mean(), called[LABELS == 1].mean()))
    assert {tuple(point) for point in curve} == expected
    assert np.trapezoid(curve[:, 1], curve[:, 0]) == pytest.approx(AUROC)
    check_readable(shown)


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        (SCORES, LABELS[:-1], r"found \(8,\) labels and \(9,\) image_scores"),
        (SCORES, np.zeros(9), "only good"),
        (SCORES, LABELS + 1, "0 .good. or 1"),
        (np.where(SCORES > 0.7, np.nan, SCORES), LABELS, "image_scores must be finite"),
        (["a"] * 9, LABELS, "image_scores to be numbers"),
    ],
)
def test_scores_that_cannot_be_drawn(scores, labels, message) -> None:
    with pytest.raises(ValueError, match=message):
        figures.score_histogram(scores, labels)
    with pytest.raises(ValueError, match=message):
        figures.roc_curve(labels, scores)


def test_histogram_refuses_turned_limits() -> None:
    with pytest.raises(ValueError, match="low below high"):
        figures.score_histogram(SCORES, LABELS, limits=(1, 0))


def test_bars_are_as_long_as_they_say() -> None:
    names = ["a photo of a flawless capsule", "damaged capsule", "dog"]
    shown = figures.similarity_bars(names, torch.tensor([0.31, 0.266, -0.05]))
    assert shown.alt == (
        "Cosine similarity: a photo of a flawless capsule 0.31, damaged capsule 0.27 and dog "
        "-0.05. Highest: a photo of a flawless capsule."
    )
    (axes,) = shown.figure.axes
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([0.31, 0.266, -0.05])
    assert [text.get_text() for text in axes.texts] == ["0.31", "0.27", "-0.05"]
    assert [label.get_text() for label in axes.get_yticklabels()] == names
    assert axes.yaxis_inverted()  # the first name on top
    check_readable(shown)
    check_readable(figures.similarity_bars(["one"], [0.5]))
    check_readable(figures.similarity_bars([f"prompt {i}" for i in range(20)], range(20)))


def test_matrix_shows_every_number_in_its_place() -> None:
    values = np.array([[0.1, 0.25, -0.3], [0.5, 0.4, 0.501]])
    shown = figures.similarity_matrix(["flawless", "damaged"], ["p 1", "p 2", "p 3"], values)
    assert "of 2 rows and 3 columns" in shown.alt
    # 0.500 and 0.501 look the same, and the first is named
    assert "flawless with p 2 (0.25) and damaged with p 1 (0.50)" in shown.alt
    axes = shown.figure.axes[0]
    told = {text.get_position(): text.get_text() for text in axes.texts}
    for row in range(2):
        for column in range(3):
            expected = f"{values[row, column]:.2f}"
            assert told[(column + 0.5, row + 0.5)] == expected
    assert axes.yaxis_inverted()
    check_readable(shown)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: figures.similarity_bars(["a"], [0.1, 0.2]), "2 names, found 1"),
        (lambda: figures.similarity_bars([], []), r"values .*found shape \(0,\)"),
        (lambda: figures.similarity_bars("ab", [0.1, 0.2]), "a list of texts"),
        (lambda: figures.similarity_bars(["a"], [float("nan")]), "finite"),
        (lambda: figures.similarity_matrix(["a"], ["b"], [0.1]), "2 dimensions"),
        (lambda: figures.similarity_matrix(["a"], ["b"], [[0.1, 0.2]]), "2 names of columns"),
        (lambda: figures.similarity_matrix(["a", "c"], ["b"], [[0.1]]), "1 names of rows"),
        (lambda: figures.similarity_matrix(["a"], ["b"], [[0.1], [0.1, 2]]), "numbers in an"),
    ],
)
def test_names_and_values_must_fit(draw, message) -> None:
    with pytest.raises(ValueError, match=message):
        draw()
