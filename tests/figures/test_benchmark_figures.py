"""Intervals, seeds, watched steps and optimism: what is drawn and what is told."""

from __future__ import annotations

import numpy as np
import pytest

from promptad_tutorial.figures.benchmark import intervals, seed_dots
from promptad_tutorial.figures.selection import optimism_curves, watched_steps
from tests.figures.test_pictures_and_maps import check_readable


def test_intervals_draw_and_tell_each_row():
    shown = intervals(["one", "other"], [1.0, -2.04], [-0.5, -3], [2.5, -1], "points", caption="C")
    assert shown.alt == (
        "C. points: mean (95 % interval) of 2 rows: one +1.0 (-0.5 to +2.5) and other -2.0 (-3.0 "
        "to -1.0)."
    )
    axes = shown.figure.axes[0]
    bars = axes.collections[0].get_segments()
    assert [tuple(bar[:, 0]) for bar in bars] == [(-0.5, 2.5), (-3, -1)]
    assert list(axes.lines[0].get_xdata()) == [1.0, -2.04]
    assert axes.yaxis_inverted()
    check_readable(shown)


def test_a_dot_may_lie_outside_its_bar_and_numbers_may_have_no_sign():
    shown = intervals(
        ["a"], [94.6], [91.9], [92.7], "AUROC", None, False, ("paper", "re-runs"), "Published"
    )
    assert "paper (re-runs) of 1 row: a 94.6 (91.9 to 92.7)" in shown.alt
    check_readable(shown)


@pytest.mark.parametrize(
    "numbers", [([1.0], [0.0, 1.0], [2.0]), ([1.0], [2.0], [0.0]), ([1.0, 2.0], [0.0], [3.0])]
)
def test_intervals_that_do_not_fit_are_refused(numbers):
    with pytest.raises(ValueError, match=r"one low and one high|names"):
        intervals(["a"] * len(numbers[0]), *numbers, "points")


def test_seeds_have_a_mark_each_and_the_range_is_told():
    shown = seed_dots({"A": [70.0, 82.4], "B": [60, 61]}, "image AUROC (%)", 85.2, caption="C")
    assert shown.alt == (
        "C. image AUROC (%) of 2 seeds, lowest to highest: A 70 to 82 and B 60 to 61. The line "
        "across is zero-shot 85."
    )
    first, second = shown.figure.axes[0].lines[:2]
    assert list(first.get_xdata()) == [70.0, 60] and list(second.get_xdata()) == [82.4, 61]
    assert first.get_marker() != second.get_marker()
    check_readable(shown)
    for nothing in ({}, {"A": []}):
        with pytest.raises(ValueError, match="at least one value"):
            seed_dots(nothing, "x")


def test_watched_steps_mark_best_and_last():
    shown = watched_steps({"seed 0": [50, 80, 70.0], "seed 1": [60, 55, 65.0]}, caption="C")
    assert "seed 0 best 80, last 70; seed 1 best 65, last 65" in shown.alt
    star, square = shown.figure.axes[0].lines[1:3]
    assert (star.get_xdata()[0], square.get_xdata()[0]) == (2, 3)
    check_readable(shown)
    with pytest.raises(ValueError, match="at least one step"):
        watched_steps({"a": []})


def test_optimism_tells_the_last_point_of_the_simulation():
    values = {"56 pictures": [50.0, 62.0], "560 pictures": [50.0, 54.0]}
    dots = {name: list(np.array(v) + 1) for name, v in values.items()}
    shown = optimism_curves([1, 10], values, dots, caption="C")
    assert "The best of 10 detectors that know nothing: 56 pictures 63 and 560 pictures 55" in (
        shown.alt
    )
    check_readable(shown)
    with pytest.raises(ValueError, match="2 values for the same names"):
        optimism_curves([1, 10], values, {"56 pictures": [50.0]})
