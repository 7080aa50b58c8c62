"""Plain values come back as they were; bytes that would call something are refused."""

from __future__ import annotations

import os
import pickle
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
import torch

from promptad_classroom.marking import plain


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0.1 + 0.2,
        10**30,
        "text",
        {1, 2},
        {"good": 3, "crack": 2},
        Counter("abca"),
        [(1, "a"), frozenset({2})],
        Fraction(1, 3),
        np.float64(0.5),
    ],
    ids=repr,
)
def test_plain_values_come_back(value):
    found = plain.loads(plain.dumps(value))
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.int64, torch.bool])
def test_tensors_come_back_with_shape_and_kind(kind):
    value = (torch.arange(6).reshape(2, 3) > 2).to(kind)
    (found,) = plain.loads(plain.dumps([value]))
    assert found.dtype == kind and torch.equal(found, value)
    scalar = plain.loads(plain.dumps(value[0, 0]))
    assert scalar.shape == () and scalar == value[0, 0]


def test_a_tensor_that_requires_a_gradient_comes_back_without_one():
    assert not plain.loads(plain.dumps(torch.ones(2, requires_grad=True))).requires_grad


@pytest.mark.parametrize("shape", [(), (0, 3), (4, 5)])
def test_arrays_come_back(shape):
    value = np.random.default_rng(0).random(shape)
    found = plain.loads(plain.dumps({"a": value}))["a"]
    np.testing.assert_array_equal(found, value)


class Attack:
    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


@pytest.mark.parametrize("call", [os.system, eval, getattr, torch.load, np.load, __import__])
def test_bytes_that_would_call_something_are_refused(call):
    data = pickle.dumps(Attack(call, "never"))
    with pytest.raises(pickle.UnpicklingError, match="is no plain value"):
        plain.loads(data)


def test_an_attack_inside_an_array_is_refused_too():
    array = np.empty(1, dtype=object)
    array[0] = Attack(os.system, "never")
    with pytest.raises(pickle.UnpicklingError, match="is no plain value"):
        plain.loads(pickle.dumps(array))
