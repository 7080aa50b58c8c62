"""What is special about the checks of notebook 04; `test_checks` holds what is true of all."""

from __future__ import annotations

import random

import torch

from promptad_tutorial import exercises as checks
from promptad_tutorial.exercises.concatenation import _all
from promptad_tutorial.prompts.structure import semantic_concatenation
from promptad_tutorial.prompts.words import GENERIC_STATES
from tests.exercises.learners_concatenation import SOLUTIONS


def test_the_expected_prompts_are_those_of_the_package():
    structure = semantic_concatenation("nut", 3, 4, GENERIC_STATES, 4)
    contexts, suffixes = ["[P1]", "[P2]", "[P3]"], ["[A1]", "[A2]", "[A3]", "[A4]"]
    expected = [prompt.text() for prompt in structure.anomalous]
    assert _all("nut", contexts, list(GENERIC_STATES), suffixes) == expected
    assert len(set(expected)) == 3 * (8 + 4)


def test_the_order_of_the_prompts_and_their_container_are_free():
    def shuffled(*inputs):
        found = SOLUTIONS["negative_prompts"](*inputs)
        random.Random(1).shuffle(found)
        return found

    assert checks.negative_prompts(shuffled)
    assert checks.negative_prompts(lambda *inputs: tuple(shuffled(*inputs)))


def test_a_prompt_that_comes_twice_is_named():
    def twice(*inputs):
        found = SOLUTIONS["negative_prompts"](*inputs)
        return [*found, found[-1]]

    message = checks.negative_prompts(twice).message
    assert "has 16 prompts, expected 15: '[P3] nut [A3].' comes 2 times" in message


def test_a_prompt_that_is_missing_or_strange_is_named():
    solve = SOLUTIONS["negative_prompts"]
    missing = checks.negative_prompts(lambda *inputs: solve(*inputs)[:-1]).message
    assert "has 14 prompts, expected 15, '[P3] nut [A3].' among them" in missing
    extra = checks.negative_prompts(lambda *inputs: [*solve(*inputs), "a nut"]).message
    assert "has 16 prompts, expected 15, without 'a nut'" in extra
    assert "holds the number 3" in checks.negative_prompts(lambda *inputs: [3]).message


def test_a_set_of_beginnings_has_as_many_members_as_the_tree_has_nodes():
    def beginnings(prompts):
        return len({tuple(prompt[:i]) for prompt in prompts for i in range(1, len(prompt) + 1)})

    assert checks.tree_nodes(beginnings)
    assert checks.tree_nodes(lambda prompts: torch.tensor(beginnings(prompts)))
