"""The figures of notebook 06: their words hold the right numbers."""

from __future__ import annotations

import numpy as np
import pytest

from promptad_tutorial.figures.branches import branch_scatter
from promptad_tutorial.figures.seed_spread import maps_and_spread
from tests.figures.test_pictures_and_maps import check_readable

TEXT, VISUAL = np.array([0.2, 0.4, 0.6, 0.8]), np.array([0.1, 0.05, 0.2, 0.15])


def test_the_scatter_shows_every_picture_and_tells_the_factor():
    shown = branch_scatter(TEXT, VISUAL, np.array([0, 0, 1, 1]), caption="Nuts")
    assert shown.alt.startswith("Nuts. 4 pictures by text score (across) and visual score (up)")
    assert shown.alt.endswith("Medians: text 0.50, visual 0.13, a factor of 4.0.")
    for axes in shown.figure.axes:
        good, bad = axes.lines[:2]
        np.testing.assert_array_equal(good.get_xydata(), np.stack([TEXT, VISUAL], 1)[:2])
        np.testing.assert_array_equal(bad.get_xydata(), np.stack([TEXT, VISUAL], 1)[2:])
        assert good.get_marker() != bad.get_marker()
    check_readable(shown)


def test_what_cannot_be_scattered_is_refused():
    for labels in (np.array([0, 0, 0, 0]), np.array([0, 1])):
        with pytest.raises(ValueError, match="two scores and a label for each picture"):
            branch_scatter(TEXT, VISUAL, labels)


def spread(measured, shown):
    picture = np.full((20, 20, 3), 100, dtype=np.uint8)
    mask = np.zeros((20, 20), dtype=bool)
    mask[5:9, 5:9] = True
    maps = np.stack([np.linspace(0, 0.4, 400).reshape(20, 20), np.full((20, 20), 0.1)])
    return maps_and_spread(
        [picture, picture], [mask, None], maps, ("anomalous", "good"), measured, shown, "Nuts"
    )


def test_the_spread_tells_this_seed_and_the_range():
    shown = spread({"image AUROC": {0: 0.8, 1: 0.9, 4: 0.7}, "pixel AUROC": {0: 0.95}}, 0)
    assert shown.alt == (
        "Nuts. The anomalous picture's map goes up to 0.40. The good picture's map goes up to "
        "0.10. Image AUROC: 0.80 with seed 0, 0.70 to 0.90 over 3 seeds, mean 0.80. Pixel AUROC: "
        "0.95 with seed 0, the only seed so far."
    )
    strip = shown.figure.axes[-1]
    points = [line for line in strip.lines if len(line.get_xdata()) == 1]
    assert sorted(float(p.get_xdata()[0]) for p in points) == [0.7, 0.8, 0.9, 0.95]
    check_readable(shown)


def test_a_seed_that_was_not_measured_is_refused():
    for measured in ({}, {"image AUROC": {1: 0.5}}):
        with pytest.raises(ValueError, match="measured with seed 0"):
            spread(measured, 0)
