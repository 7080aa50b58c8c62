"""Compare what a learner's function returned with what was expected, and put it in words.

A `..._trouble` function takes (got, expected) and returns None where they agree, or what is wrong
in a few words. None of them raises, whatever the learner's function returned.
"""

from __future__ import annotations

import re
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

# Loose enough for float32 and another order of summation, far below what a mistake changes.
_RELATIVE, _ABSOLUTE = 1e-4, 1e-5
_LONGEST = 120  # characters of a learner's own text that a message repeats


def tidy(text: str) -> str:
    """A learner's text on one short line that is the same in every run: no address, few digits."""
    line = re.sub(r"0x[0-9a-fA-F]+", "0x...", " ".join(text.split()))
    line = re.sub(r"\d+\.\d{4,}(?:e[+-]?\d+)?", lambda found: f"{float(found[0]):.3g}", line)
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST].rstrip()} ..."


def kind_of(value: object) -> str:
    """What a value is, in words, with the shape of a tensor or array.

    >>> kind_of(np.zeros((2, 3)))
    'a numpy array of shape (2, 3)'
    """
    if value is None:
        return "nothing (None)"
    if value is ...:
        return "the dots (...)"
    if isinstance(value, Tensor | np.ndarray):
        words = "a tensor" if isinstance(value, Tensor) else "a numpy array"
        return f"{words} of shape {tuple(value.shape)}"
    if isinstance(value, bool | np.bool_):
        return f"the truth value {bool(value)}"
    if isinstance(value, Real):
        number = as_array(value)
        return "a huge number" if number is None else f"the number {float(number):.3g}"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, list | tuple | dict | set):
        return f"a {type(value).__name__}"
    return f"an object of type {type(value).__name__}"


def as_array(value: Any) -> np.ndarray | None:
    """A number, a tensor, an array or a nested list of numbers as float64, None for all else."""
    try:
        if isinstance(value, Tensor):
            real = not (value.is_complex() or value.is_sparse)
            return value.detach().cpu().to(torch.float64).numpy() if real else None
        if isinstance(value, Real | np.ndarray | list | tuple):
            array = np.asarray(float(value) if isinstance(value, Real) else value)
            return array.astype(np.float64) if array.dtype.kind in "biuf" else None
    except (TypeError, ValueError, RuntimeError, OverflowError):
        pass  # a ragged list, a number too large: nothing to compare with
    return None


def same(left: Any, right: Any) -> bool:
    """Equal shapes and close numbers, whatever holds them; or equal dictionaries."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    a, b = as_array(left), as_array(right)
    if a is None or b is None or a.shape != b.shape:
        return False
    return bool(np.allclose(a, b, rtol=_RELATIVE, atol=_ABSOLUTE, equal_nan=True))


def trouble(got: Any, expected: Any) -> str | None:
    """What is wrong with a result, by what is expected: a tensor, dict or single number."""
    if isinstance(expected, Tensor):
        return tensor_trouble(got, expected)
    return (counts_trouble if isinstance(expected, dict) else number_trouble)(got, expected)


def tensor_trouble(got: Any, expected: Tensor) -> str | None:
    """What is wrong with a tensor of numbers: its type, its shape, or its worst entry."""
    array, shape = as_array(got), tuple(expected.shape)
    if not isinstance(got, Tensor) or array is None:
        return f"the result is {kind_of(got)}, expected a tensor of shape {shape}"
    if array.shape != shape:
        return f"the result has shape {array.shape}, expected {shape}"
    if same(got, expected):
        return None
    truth = as_array(expected)
    # Rounded, so that of two equal gaps the first is named on every machine.
    gap = np.nan_to_num(np.abs(array - truth), nan=np.inf, posinf=np.inf).round(5)
    worst = np.unravel_index(int(gap.argmax()), shape)
    place = ", ".join(map(str, worst))
    return f"entry [{place}] of the result is {_beside(array[worst], truth[worst])}"


def number_trouble(got: Any, expected: float) -> str | None:
    """What is wrong with one number."""
    array = as_array(got)
    truth_value = isinstance(got, bool) or getattr(got, "dtype", None) in (torch.bool, np.bool_)
    if array is None or array.shape != () or truth_value:
        return f"the result is {kind_of(got)}, expected one number"
    return None if same(got, expected) else f"the result is {_beside(float(array), expected)}"


def counts_trouble(got: Any, expected: dict[str, int]) -> str | None:
    """What is wrong with a dictionary from names to how often each occurs."""
    if not isinstance(got, dict):
        return f"the result is {kind_of(got)}, expected a dict from defect name to count"
    for name, count in expected.items():
        if name not in got:
            return f"the result has no {name!r}, expected {count} of it"
        if not _is_whole(got[name]):
            return f"the count of {name!r} is {kind_of(got[name])}, expected {count}"
        if int(got[name]) != count:
            return f"the count of {name!r} is {int(got[name])}, expected {count}"
    extra = [key for key in got if key not in expected]
    return f"the result has the name {tidy(repr(extra[0]))}, which no sample has" if extra else None


def _is_whole(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value.shape == () and not (value.is_floating_point() or value.is_complex())
    return isinstance(value, Integral) and not isinstance(value, bool)


def _beside(got: float, expected: float) -> str:
    """Both numbers with three digits, or with as many as it takes to tell them apart."""
    pairs = [(f"{got:.{digits}g}", f"{expected:.{digits}g}") for digits in (3, 4, 5, 6, 7)]
    return ", expected ".join(next((pair for pair in pairs if pair[0] != pair[1]), pairs[-1]))
