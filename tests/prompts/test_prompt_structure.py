"""Prompts as data against lists written out by hand."""

from __future__ import annotations

import pytest

from promptad_tutorial.prompts.structure import (
    LearntPrompt,
    PromptStructure,
    pull_only,
    semantic_concatenation,
    two_classes,
)
from promptad_tutorial.prompts.words import GENERIC_STATES

STATES = ("damaged {}", "{} with flaw")


def texts(prompts: tuple[LearntPrompt, ...]) -> list[str]:
    return [prompt.text() for prompt in prompts]


def test_every_prompt_of_a_small_structure_is_the_written_out_one():
    found = semantic_concatenation("metal_nut", 2, 4, STATES, 2, 1)
    assert texts(found.normal) == ["[P1] metal nut.", "[P2] metal nut."]
    assert texts(found.manual) == [
        "[P1] damaged metal nut.",
        "[P1] metal nut with flaw.",
        "[P2] damaged metal nut.",
        "[P2] metal nut with flaw.",
    ]
    assert texts(found.learnt) == [
        "[P1] metal nut [A1].",
        "[P1] metal nut [A2].",
        "[P2] metal nut [A1].",
        "[P2] metal nut [A2].",
    ]
    assert found.own == ()
    assert found.anomalous == found.manual + found.learnt
    assert found.prompts == found.normal + found.manual + found.learnt
    assert (found.n_contexts, found.n_suffixes) == (2, 2)
    assert (found.n_context_tokens, found.n_suffix_tokens) == (4, 1)


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("m", [0, 1, 8])
@pytest.mark.parametrize("suffixes", [0, 1, 4])
def test_there_are_n_and_n_m_and_n_l_prompts_each_once(n, m, suffixes):
    found = semantic_concatenation("nut", n, 4, GENERIC_STATES[:m], suffixes)
    assert (len(found.normal), len(found.manual), len(found.learnt)) == (n, n * m, n * suffixes)
    assert len(set(texts(found.prompts))) == n * (1 + m + suffixes)
    assert (found.n_contexts, found.n_suffixes) == (n, suffixes)
    pairs = {(prompt.context, prompt.suffix) for prompt in found.learnt}
    assert pairs == {(i, j) for i in range(n) for j in range(suffixes)}


def test_the_numbers_of_the_paper_are_the_defaults():
    found = semantic_concatenation("nut")
    assert (len(found.normal), len(found.manual), len(found.learnt)) == (3, 3 * 8, 3 * 4)
    assert (found.n_context_tokens, found.n_suffix_tokens) == (4, 1)


def test_a_state_that_comes_twice_counts_once():
    found = semantic_concatenation("nut", 1, 4, ("{} with flaw", *STATES, "damaged {}"), 0)
    assert texts(found.manual) == ["[P1] nut with flaw.", "[P1] damaged nut."]


def test_own_states_are_one_argument():
    found = semantic_concatenation("nut", 1, states=(*GENERIC_STATES, "{} with rust"))
    assert texts(found.manual)[:8] == texts(semantic_concatenation("nut", 1).manual)
    assert texts(found.manual)[8:] == ["[P1] nut with rust."]


def test_trap_1_puts_the_suffix_before_the_name():
    clean = semantic_concatenation("nut", 2, 4, STATES, 2)
    trap = semantic_concatenation("nut", 2, 4, STATES, 2, suffix_before_name=True)
    assert texts(trap.learnt) == [
        "[P1] [A1] nut.",
        "[P1] [A2] nut.",
        "[P2] [A1] nut.",
        "[P2] [A2] nut.",
    ]
    assert (trap.normal, trap.manual) == (clean.normal, clean.manual)


@pytest.mark.parametrize(("n", "suffixes"), [(2, 4), (3, 4), (1, 4), (4, 4), (6, 4), (3, 0)])
def test_trap_10_pairs_by_the_remainder(n, suffixes):
    trap = semantic_concatenation("nut", n, 4, STATES, suffixes, modulo_pairs=True)
    expected = []
    i = j = 0
    for _ in range(n * suffixes):
        expected.append((i, j))
        i = i + 1 if i + 1 < n else 0
        j = j + 1 if j + 1 < suffixes else 0
    assert [(prompt.context, prompt.suffix) for prompt in trap.learnt] == expected


def test_trap_10_misses_pairs_unless_the_counts_are_coprime():
    def pairs(n: int) -> list[tuple[int, int | None]]:
        found = semantic_concatenation("nut", n, 4, STATES, 4, modulo_pairs=True).learnt
        return [(prompt.context, prompt.suffix) for prompt in found]

    assert pairs(2) == 2 * [(0, 0), (1, 1), (0, 2), (1, 3)]  # half of the 8 pairs, each twice
    assert len(set(pairs(3))) == len(pairs(3)) == 12  # all there: 3 and 4 are coprime


def test_pull_only_is_the_normal_prompts_alone():
    found = pull_only("nut", 2, 3)
    assert texts(found.prompts) == ["[P1] nut.", "[P2] nut."]
    assert found.anomalous == ()
    assert (found.n_contexts, found.n_suffixes, found.n_context_tokens) == (2, 0, 3)
    assert semantic_concatenation("nut", 2, 3, (), 0).prompts == found.prompts


def test_two_classes_say_the_same_words_and_share_no_context():
    found = two_classes("metal-nut", 3, 5)
    assert texts(found.normal) == ["[P1] metal nut.", "[P2] metal nut.", "[P3] metal nut."]
    assert texts(found.own) == ["[P4] metal nut.", "[P5] metal nut.", "[P6] metal nut."]
    assert found.anomalous == found.own
    normal, own = ({p.context for p in side} for side in (found.normal, found.own))
    assert not normal & own
    assert (found.n_contexts, found.n_suffixes, found.n_context_tokens) == (6, 0, 5)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (LearntPrompt(0, "nut"), "[P1] nut."),
        (LearntPrompt(2, "nut", 1), "[P3] nut [A2]."),
        (LearntPrompt(2, "", 0, "nut."), "[P3] [A1] nut."),
        (LearntPrompt(0, "", 3), "[P1] [A4]."),
        (LearntPrompt(0, "nut", None, ""), "[P1] nut"),
    ],
)
def test_text_is_the_notation_of_the_paper(prompt, expected):
    assert prompt.text() == expected


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"name": " "}, "needs a name"),
        ({"n_normal_prompts": 0}, "n_normal_prompts must be 1 or more, got 0"),
        ({"n_anomaly_suffixes": -1}, "n_anomaly_suffixes must be 0 or more, got -1"),
        ({"states": ("with flaw",)}, r"exactly one \{\}, got 'with flaw'"),
        ({"states": ("{} or {}",)}, r"exactly one \{\}"),
        ({"n_normal_tokens": -1}, "0 or more, got -1 and 1"),
        ({"n_anomaly_tokens": -2}, "0 or more, got 4 and -2"),
    ],
)
def test_settings_that_make_no_sense_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        semantic_concatenation(**({"name": "nut"} | wrong))


def test_every_structure_needs_a_normal_prompt():
    with pytest.raises(ValueError, match="at least one normal prompt, got none"):
        PromptStructure(normal=(), own=(LearntPrompt(0, "nut"),))
    for make in (two_classes, pull_only):
        with pytest.raises(ValueError, match="n_normal_prompts must be 1 or more, got 0"):
            make("nut", 0)
