from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from promptad_tutorial import exercises as checks
from promptad_tutorial.datasets import Sample

GOOD = Sample(Path("g.png"), 0, "good")
BENT = Sample(Path("b.png"), 1, "bent")
SHOWN = [GOOD, BENT, GOOD, BENT, BENT, GOOD]  # 1, 3 and 4 are defective


@pytest.mark.parametrize("answer", [{1, 3, 4}, frozenset({4, 3, 1}), set(np.array([1, 3, 4]))])
def test_the_right_set_passes(answer):
    verdict = checks.spot_the_defects(answer, SHOWN)
    assert verdict and repr(verdict) == "pass: all 6 pictures are sorted right."


@pytest.mark.parametrize(
    "answer, message",
    [
        (None, "your answer is empty"),
        (..., "your answer is empty"),
        (set(), "your answer is empty"),
        ({}, "your answer is empty"),
        ([], "your answer is empty"),
        ([1, 3, 4], "expected a set of picture numbers, got a list"),
        ({1: True}, "expected a set of picture numbers, got a dict"),
        (3, "expected a set of picture numbers, got the number 3"),
        ("134", "expected a set of picture numbers, got a text"),
        ({"1", "3"}, "not a whole number"),
        ({1.0, 3.0}, "not a whole number"),
        ({True, 3, 4}, "not a whole number"),
        ({2, 4, 5}, "every number is one too high"),
        ({1, 3, 4, 6}, "1 of your numbers belong to no picture. Hint: .* 0 to 5"),
        ({-1, 9}, "2 of your numbers belong to no picture"),
        ({1}, "2 defective pictures are missing. Hint: look again"),
        ({1, 3}, "1 defective picture is missing. Hint: look again"),
        ({1, 3, 4, 5}, "1 good picture is in your set. Hint: good parts differ"),
        ({0, 1, 2, 3, 4, 5}, "3 good pictures are in your set"),
        ({0, 1, 3}, "1 defective picture is missing and 1 good picture is in your set. Hint: hold"),
        (frozenset(), "3 defective pictures are missing"),
    ],
)
def test_each_wrong_answer_has_its_verdict(answer, message):
    verdict = checks.spot_the_defects(answer, SHOWN)
    assert not verdict
    assert re.search(message, repr(verdict))
    assert repr(verdict) == repr(checks.spot_the_defects(answer, SHOWN))
    assert len(repr(verdict).splitlines()) == 1


def test_hints_do_not_tell_which_pictures():
    verdicts = {
        checks.spot_the_defects({first, second}, SHOWN).message
        for first, second in [(1, 3), (1, 4), (3, 4)]
    }
    assert len(verdicts) == 1


def test_samples_need_labels_and_a_defect():
    unlabelled = Sample(Path("u.png"), None, "unlabelled")
    with pytest.raises(ValueError, match="expected labelled samples"):
        checks.spot_the_defects({1}, [GOOD, unlabelled])
    with pytest.raises(ValueError, match="a defect among them, got 2 without"):
        checks.spot_the_defects({1}, [GOOD, GOOD])
