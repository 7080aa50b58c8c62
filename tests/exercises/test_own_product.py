"""What is special about the checks of notebook 08; `test_checks` holds what is true of all."""

from __future__ import annotations

import random

import numpy as np

from promptad_tutorial import exercises as checks
from tests.exercises.learners_own_product import SOLUTIONS, planted


def test_the_order_of_both_lists_is_free():
    def shuffled(*inputs):
        drawn, held_out = SOLUTIONS["split_good"](*inputs)
        random.Random(1).shuffle(held_out)
        return drawn[::-1], held_out

    assert checks.split_good(shuffled)


def test_a_leak_is_named_before_all_else():
    assert "on both sides" in checks.split_good(planted).message


def test_the_threshold_of_the_solution_keeps_the_bound_with_equal_scores():
    scores, rate = np.array([0.5, 0.5, 0.5, 0.1]), 0.25
    threshold = SOLUTIONS["alarm_threshold"](scores, rate)
    assert threshold == 0.5 and np.mean(scores > threshold) <= rate


def test_the_needed_number_is_the_smallest_by_the_binomial_itself():
    for rate, confidence in ((0.1, 0.95), (0.02, 0.99), (0.07, 0.95)):
        n = SOLUTIONS["good_pictures_needed"](rate, confidence)
        assert (1 - rate) ** n <= 1 - confidence < (1 - rate) ** (n - 1)
