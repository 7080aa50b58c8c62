"""The plane of the prototypes: its coordinates are what the hinge asks for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from promptad_tutorial.figures.margin import Plane, plane_and_scores, prototype_plane
from promptad_tutorial.learning.losses import explicit_anomaly_margin


def unit(generator: np.random.Generator, *shape: int) -> np.ndarray:
    found = generator.normal(size=shape)
    return found / np.linalg.norm(found, axis=-1, keepdims=True)


@pytest.mark.parametrize("margin", [0.0, 0.3, 1.0])
def test_right_of_the_edge_a_picture_has_a_loss_and_left_of_it_none(margin):
    generator = np.random.default_rng(1)
    w_n, w_a = unit(generator, 2, 6)
    z = unit(generator, 200, 6)
    plane = Plane.through(w_n, w_a)
    acts = plane.place(z)[:, 0] > plane.edge(margin)
    sides = torch.from_numpy(w_n), torch.from_numpy(w_a)
    losses = [float(explicit_anomaly_margin(torch.from_numpy(x)[None], *sides, margin)) for x in z]
    assert np.array_equal(acts, np.array(losses) > 0) and 0 < acts.sum() < 200


def test_the_axes_are_orthonormal_and_hold_the_prototypes_in_full():
    w_n, w_a = unit(np.random.default_rng(2), 2, 5)
    plane = Plane.through(w_n, w_a)
    axes = np.stack([plane.x, plane.y])
    assert axes @ axes.T == pytest.approx(np.eye(2))
    places = plane.place(np.stack([w_n, w_a]))
    assert np.linalg.norm(places, axis=1) == pytest.approx([1, 1])
    assert places[:, 0] == pytest.approx([-plane.distance / 2, plane.distance / 2])
    assert plane.cosine == pytest.approx(1 - plane.distance**2 / 2)


def test_the_words_hold_the_numbers():
    w_n, w_a = np.array([0.6, 0.8, 0.0]), np.array([-0.6, 0.8, 0.0])
    shots = np.array([[0.8, 0.6, 0.0], [0.0, 0.0, 1.0]])
    figure = prototype_plane(w_n, w_a, shots, [w_a, w_a], 0.6, "A picture")
    assert figure.alt == (
        "A picture. The cosine of w_n and w_a is 0.28. 2 shots at x from -0.80 to 0.00. With "
        "margin 0.6 the hinge acts right of x = -0.25: on 1 of the shots. 2 negatives at x from "
        "0.60 to 0.60. The plane holds 50 % of a shot's squared length."
    )
    figure = plane_and_scores(w_n, w_a, shots, shots, [0, 1], [0.2, 0.75], 3.0)
    assert "the hinge acts everywhere on the sphere: on 2 of the shots" in figure.alt
    assert figure.alt.endswith(
        "Median score of 1 good picture 0.20, of 1 anomalous ones 0.75; AUROC 1.00."
    )
    assert figure.png[:4] == b"\x89PNG"


def test_prototypes_without_a_plane_are_refused():
    w = np.array([1.0, 0.0])
    with pytest.raises(ValueError, match="expected two prototypes that span a plane, found equal"):
        Plane.through(w, w)
    with pytest.raises(ValueError, match="found opposite"):
        Plane.through(w, -w)
    with pytest.raises(ValueError, match=r"expected prototypes of length 1, found \[1.0, 2.0\]"):
        Plane.through(w, 2 * w)
    with pytest.raises(ValueError, match="only good"):
        plane_and_scores(w, w[::-1], [w], [w, w], [0, 0], [0.1, 0.2])
