"""Who has not solved an exercise goes on with a solution; who has, with her own."""

from __future__ import annotations

import pytest

from promptad_tutorial import exercises as checks
from tests.exercises.learners import SOLUTIONS

FUNCTIONS = sorted(SOLUTIONS)
ANSWERS = {"spot_the_defects", "noise_optimism"}  # numbers, no functions


def test_every_exercise_is_tried():
    assert {*FUNCTIONS, *ANSWERS} == set(checks.EXERCISES)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_solved_exercise_goes_on_with_ones_own_function(name):
    assert checks.carry_on(getattr(checks, name), SOLUTIONS[name]) is SOLUTIONS[name]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("wrong", [None, lambda *inputs: None, lambda *inputs: 1 / 0])
def test_what_is_gone_on_with_instead_passes_the_check(name, wrong):
    check = getattr(checks, name)
    found = checks.carry_on(check, wrong)
    assert found is not wrong
    assert check(found), check(found)


def test_a_check_of_an_answer_is_refused():
    with pytest.raises(ValueError, match="expected a check of a function, got noise_optimism"):
        checks.carry_on(checks.noise_optimism, [1, 2, 3])
