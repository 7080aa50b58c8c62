"""The checks of notebook 08: what is special about them, and what is true of every check."""

from __future__ import annotations

import random

import numpy as np
import pytest

from promptad_tutorial import checks
from tests.checks.learners_own_product import SOLUTIONS, WRONG, planted

TYPICAL = [
    pytest.param(name, phrase, way, id=f"{name}-{phrase}-{number}")
    for name, mistakes in WRONG.items()
    for phrase, ways in mistakes.items()
    for number, way in enumerate(ways)
]


@pytest.mark.parametrize("name", list(SOLUTIONS))
def test_the_solution_passes_and_the_stub_is_told_what_to_do(name):
    check = getattr(checks, name)
    assert check(SOLUTIONS[name])
    stub = check(lambda *inputs: ...)
    assert not stub and "write the body" in stub.message


@pytest.mark.parametrize("name, phrase, way", TYPICAL)
def test_a_typical_mistake_gets_its_own_hint(name, phrase, way):
    verdict = getattr(checks, name)(way)
    assert not verdict
    hint = verdict.message.split("Hint: ")[1]
    assert [each for each in WRONG[name] if each in hint] == [phrase]


@pytest.mark.parametrize("name", list(SOLUTIONS))
def test_a_hard_coded_answer_fails(name):
    answers = []

    def spy(*inputs):
        answers.append(SOLUTIONS[name](*inputs))
        return answers[-1]

    check = getattr(checks, name)
    assert check(spy)
    for answer in answers:
        assert not check(lambda *inputs, answer=answer: answer)


@pytest.mark.parametrize("name", list(SOLUTIONS))
@pytest.mark.parametrize(
    "odd", ["text", True, {}, [], ([], []), ([1], [2]), (1.5, 2), object(), np.zeros(3), np.nan]
)
def test_an_odd_result_gets_a_verdict_of_one_line(name, odd):
    verdict = getattr(checks, name)(lambda *inputs: odd)
    assert not verdict
    assert repr(verdict).splitlines() == [repr(verdict)] and len(repr(verdict)) < 500


@pytest.mark.parametrize("name", list(SOLUTIONS))
def test_an_error_in_the_function_is_told_with_the_inputs(name):
    verdict = getattr(checks, name)(lambda: 1)
    assert "TypeError" in verdict.message and "it is called with (" in verdict.message


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
