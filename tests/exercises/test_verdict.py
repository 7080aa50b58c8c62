from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from promptad_tutorial.exercises.answers import (
    counts_trouble,
    kind_of,
    number_trouble,
    same,
    tensor_trouble,
    tidy,
)
from promptad_tutorial.exercises.exercises import Exercise
from promptad_tutorial.exercises.solutions import PackageSolution
from promptad_tutorial.exercises.verdict import Sign, Task, Verdict, not_yet


def test_a_verdict_is_one_line_and_true_when_passed():
    passed, failed = Verdict(True, "right."), not_yet("wrong\n  number", "count\nagain.")
    assert passed and not failed
    assert (repr(passed), repr(failed)) == (
        "pass: right.",
        "not yet: wrong number. Hint: count again.",
    )
    assert not hasattr(failed, "_repr_mimebundle_")
    with pytest.raises(FrozenInstanceError):
        passed.passed = False


def double(x):
    return 2 * x


TEXT = Exercise(
    *("double", "00", "twice", 1, 1, 1, "Write it."),
    inputs=("x",),
    hint="general",
    mistakes={"square": "squared", "same": "unchanged"},
)
TASK = Task(
    TEXT,
    cases=((1.0,), (2.0,), (3.0,)),
    solution=double,
    trouble=number_trouble,
    mistakes={"square": lambda x: x**2, "same": lambda x: x},
)


@pytest.mark.parametrize(
    "fn, message",
    [
        (lambda x: x * x, "with x = 1.0, the result is 1, expected 2. Hint: squared"),
        (lambda x: x, "with x = 1.0, the result is 1, expected 2. Hint: unchanged"),
        (lambda x: x + 1, "with x = 2.0, the result is 3, expected 4. Hint: general"),
        # Right on the first input and a catalogued mistake on the others: no mistake explains all.
        (lambda x: 2 if x == 1 else x, "with x = 2.0, the result is 2, expected 4. Hint: general"),
    ],
)
def test_a_mistake_must_explain_every_output(fn, message):
    assert TASK.judge(fn).message == message


def test_the_first_mistake_that_fits_gives_the_hint():
    task = replace(TASK, cases=((1.0,), (1.0,)))
    assert task.judge(lambda x: x).message.endswith("squared")


def test_a_sign_in_the_output_is_a_way_to_know_a_mistake():
    signs = {"square": Sign(lambda output, x: output > 100 * x), "same": lambda x: x}
    task = replace(TASK, mistakes=signs)
    assert task.judge(lambda x: 1000 * x).message.endswith("squared")
    assert task.judge(lambda x: 3 * x).message.endswith("general")


@pytest.mark.parametrize("names", [("square",), ("same", "square"), ("square", "same", "odd")])
def test_every_mistake_has_its_hint_in_the_same_order(names):
    with pytest.raises(ValueError, match="hints of double to be named .*, found square, same"):
        replace(TASK, mistakes=dict.fromkeys(names, double))


def test_the_packages_solution_is_no_answer():
    """Under any name, and for any exercise that it is handed in for."""
    verdict = TASK.judge(PackageSolution("triple", double))
    assert not verdict and "the package's solution of triple" in verdict.message
    assert "run your own cell" in verdict.message


@pytest.mark.parametrize(
    "left, right, equal",
    [
        (1, 1.000001, True),
        (1, 1.01, False),
        (torch.ones(2, 2), np.ones((2, 2)), True),
        (torch.ones(2, 1), np.ones(2), False),
        ([1, 2], (1.0, 2.0), True),
        (float("nan"), float("nan"), True),
        ({"a": 1}, {"a": 1}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": 1}, {"b": 1}, False),
        ("1", 1, False),
        (None, None, False),
    ],
)
def test_same_compares_shapes_and_numbers(left, right, equal):
    assert same(left, right) is equal


def test_the_worst_entry_is_named():
    expected = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    got = expected + torch.tensor([[0.0, 0.1], [-0.5, 0.0]])
    assert tensor_trouble(got, expected) == "entry [1, 0] of the result is 2.5, expected 3"
    got[0, 0] = torch.nan
    assert tensor_trouble(got, expected) == "entry [0, 0] of the result is nan, expected 1"
    assert tensor_trouble(expected.bfloat16(), expected) is None


def test_numbers_get_as_many_digits_as_tell_them_apart():
    assert number_trouble(0.5, 0.25) == "the result is 0.5, expected 0.25"
    assert number_trouble(0.5004, 0.5) == "the result is 0.5004, expected 0.5"
    assert number_trouble(Fraction(1, 2), 0.5) is None


@pytest.mark.parametrize(
    "got, words",
    [
        ({"good": 2, "dent": np.int64(1)}, None),
        ({"good": 2}, "the result has no 'dent', expected 1 of it"),
        ({"good": 2, "dent": 3}, "the count of 'dent' is 3, expected 1"),
        ({"good": 2, "dent": "1"}, "the count of 'dent' is a text, expected 1"),
        ({"good": 2, "dent": 1, "x": 0}, "the result has the name 'x', which no sample has"),
    ],
)
def test_counts_name_the_entry(got, words):
    assert counts_trouble(got, {"good": 2, "dent": 1}) == words


def test_what_learners_return_is_named_in_words():
    assert kind_of(torch.zeros(2, 3)) == "a tensor of shape (2, 3)"
    assert kind_of(0.123456) == "the number 0.123"
    assert kind_of(np.True_) == "the truth value True"
    assert kind_of(object()) == "an object of type object"


def test_tidy_text_is_short_and_the_same_in_every_run():
    assert tidy(f"{object()}\n at 1.23456789e-05") == "<object object at 0x...> at 1.23e-05"
    assert tidy("y" * 500) == "y" * 120 + " ..."


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -float("inf"), 1e300])
def test_an_entry_that_is_no_ordinary_number_is_named(odd):
    expected = torch.zeros(2, 3)
    got = torch.zeros(2, 3, dtype=torch.float64)
    got[1, 2] = odd
    assert tensor_trouble(got, expected).startswith("entry [1, 2] of the result is ")
