"""Learning curves and projections: their words hold the right numbers."""

from __future__ import annotations

import numpy as np
import pytest

from promptad_tutorial.figures.learning import projection, training_curves


def test_curves_tell_first_and_last_means():
    figure = training_curves(
        {"a": [2.0, 1.0], "b": [4.0, 0.5]},
        {"a": [(0, 60.0), (2, 50.0)], "b": [(0, 70.0), (2, 58.0)]},
        reference=81.2,
        caption="Two runs",
    )
    assert "Mean of 2 runs: the loss goes from 3.0 to 0.8" in figure.alt
    assert "image AUROC (%) from 65 to 54" in figure.alt
    assert figure.alt.endswith("The line across is zero-shot: 81.")
    assert figure.png[:4] == b"\x89PNG"


def test_curves_of_other_runs_on_both_sides_are_refused():
    for losses in ({}, {"a": [1.0]}):
        with pytest.raises(ValueError, match="expected the same runs on both sides"):
            training_curves(losses, {"b": [(0, 1.0)]}, 50)


def test_points_on_a_plane_are_shown_in_full():
    generator = np.random.default_rng(0)
    plane = np.linalg.qr(generator.normal(size=(8, 2)))[0].T
    good, bad, words = (generator.normal(size=(n, 2)) @ plane + 1 for n in (9, 7, 2))
    figure = projection(good, bad, {"words": words}, caption="A plane")
    assert "9 good pictures, 7 anomalous ones and 2 prompts of 'words'" in figure.alt
    assert figure.alt.endswith("The two axes hold 100 % of all the spread.")
    assert figure.png[:4] == b"\x89PNG"
