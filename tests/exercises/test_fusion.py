"""What is special to the exercises of notebook 06; `test_checks` holds for them too."""

from __future__ import annotations

import numpy as np
import torch

from promptad_tutorial import exercises as checks
from promptad_tutorial.scoring.threshold import threshold_from_normal_scores
from tests.exercises.learners_fusion import fuse_harmonically, memory_distance, normal_threshold


def test_the_package_gives_the_learners_threshold():
    scores = np.array([0.11, 0.2, 0.14, 0.3])
    quantile = 1.6377443536962102  # Student's t, 3 degrees of freedom, at 0.9; from a table
    expected = normal_threshold(scores, quantile)
    assert abs(threshold_from_normal_scores(scores, 0.1) - expected) < 1e-9


def test_the_quotient_of_inverses_passes_because_torch_knows_infinity():
    """1/0 is inf and 1/inf is 0: the formula as it stands is right, too."""
    assert checks.fuse_harmonically(lambda a, b: 1 / (1 / a + 1 / b))
    assert checks.fuse_harmonically(lambda a, b: torch.nan_to_num(a * b / (a + b)))


def test_a_distance_for_each_block_has_the_wrong_shape():
    verdict = checks.memory_distance(lambda tokens, memory: torch.zeros(tokens.shape[:2]))
    assert "the result has shape (2, 5), expected (5,)" in verdict.message


def test_double_precision_and_arrays_of_one_number_are_welcome():
    assert checks.memory_distance(lambda t, m: memory_distance(t.double(), m.double()))
    assert checks.fuse_harmonically(lambda a, b: fuse_harmonically(a.double(), b.double()))
    assert checks.normal_threshold(lambda x, q: np.float64(normal_threshold(x, q)))


def test_the_nan_is_named():
    verdict = checks.fuse_harmonically(lambda a, b: a * b / (a + b))
    assert "entry [0] of the result is nan, expected 0" in verdict.message
