"""The exercises of notebook 04: all negatives of a few words, and the tree they grow on."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, takewhile
from typing import Any

import torch

from promptad_tutorial.exercises.answers import kind_of, tidy
from promptad_tutorial.exercises.exercises import exercise
from promptad_tutorial.exercises.verdict import Task, Verdict
from promptad_tutorial.prompts.shared_prefixes import grow
from promptad_tutorial.prompts.structure import STOP, semantic_concatenation
from promptad_tutorial.prompts.words import GENERIC_STATES

Texts = list[str]


def negative_prompts(fn: object) -> Verdict:
    """`fn(name, contexts, states, suffixes)`: every context with every manual and learnt suffix.

    A text and three lists of texts to the N * (M + L) negatives in any order, each once.
    """
    generator = torch.Generator().manual_seed(4)
    # N and L have a common divisor, so that going round both with a modulo misses pairs
    sizes = {"nut": (3, 2, 3), "wire": (2, 3, 4), "bottle": (4, 1, 2)}
    return Task(
        exercise("negative_prompts"),
        cases=[
            (
                name,
                [f"[P{i + 1}]" for i in range(n)],
                _some_states(m, generator),
                [f"[A{i + 1}]" for i in range(k)],
            )
            for name, (n, m, k) in sizes.items()
        ],
        solution=_all,
        trouble=_prompts_trouble,
        alike=lambda output, made: _counts(output) == Counter(made),
        mistakes={
            "modulo_pairs": (
                lambda x, c, s, a: _manual(x, c, s) + _modulo(x, c, a),
                lambda x, c, s, a: _manual(x, c, s) + list(dict.fromkeys(_modulo(x, c, a))),
            ),
            "zipped": (
                lambda x, c, s, a: _manual(x, c, s) + _zipped(c, [f"{x} {one}" for one in a]),
                lambda x, c, s, a: [
                    *_zipped(c, [one.format(x) for one in s]),
                    *_zipped(c, [f"{x} {one}" for one in a]),
                ],
            ),
            "learnt_alone": lambda x, c, s, a: _learnt(x, c, a),
            "states_alone": lambda x, c, s, a: _manual(x, c, s),
            "with_normal": lambda x, c, s, a: [*(f"{p} {x}{STOP}" for p in c), *_all(x, c, s, a)],
            "no_full_stop": lambda *inputs: [text.removesuffix(STOP) for text in _all(*inputs)],
            "suffix_before_name": lambda x, c, s, a: [
                *_manual(x, c, s),
                *(f"{p} {one} {x}{STOP}" for p in c for one in a),
            ],
            "state_and_suffix": lambda x, c, s, a: [
                f"{p} {state.format(x)} {one}{STOP}" for p in c for state in s for one in a
            ],
            "one_context": (
                lambda x, c, s, a: _all(x, c[:1], s, a),
                lambda x, c, s, a: _all(x, c[-1:], s, a),
            ),
        },
    ).judge(fn)


def tree_nodes(fn: object) -> Verdict:
    """`fn(prompts)`: how many nodes their tree has, an int: the number of different beginnings.

    A list of prompts, each a list of tokens that begins with the same one.
    """
    generator = torch.Generator().manual_seed(6)
    sizes = (("nut", 2, 2, 2), ("metal plate", 3, 3, 2), ("wire", 2, 5, 3))
    return Task(
        exercise("tree_nodes"),
        cases=[(_tokens(generator, *size),) for size in sizes],
        solution=lambda prompts: len(grow(prompts).tokens),
        mistakes={
            "all_tokens": lambda prompts: sum(map(len, prompts)),
            "different_tokens": lambda prompts: len({token for each in prompts for token in each}),
            "same_place": lambda prompts: len({at for each in prompts for at in enumerate(each)}),
            "without_root": lambda prompts: len(grow(prompts).tokens) - 1,
            "previous_prompt_alone": _against_the_previous,
            "whole_prompts": (len, lambda prompts: len(set(map(tuple, prompts)))),
            "padded_table": lambda prompts: len(prompts) * max(map(len, prompts)),
        },
    ).judge(fn)


def _some_states(n: int, generator: torch.Generator) -> Texts:
    return [GENERIC_STATES[i] for i in torch.randperm(8, generator=generator)[:n].tolist()]


def _tokens(
    generator: torch.Generator, name: str, contexts: int, states: int, suffixes: int
) -> list[Texts]:
    """Prompts of a product as lists of words, in random order; one comes twice."""
    words = _some_states(states, generator)
    prompts = semantic_concatenation(name, contexts, 1, words, suffixes).prompts
    texts = [prompt.text().replace(STOP, f" {STOP}") for prompt in (*prompts, prompts[-1])]
    order = torch.randperm(len(texts), generator=generator).tolist()
    return [["<start>", *texts[i].split(), "<end>"] for i in order]


def _against_the_previous(prompts: list[Texts]) -> int:
    total = len(prompts[0])
    for before, prompt in pairwise(prompts):
        pairs = zip(before, prompt, strict=False)
        total += len(prompt) - len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))
    return total


def _manual(name: str, contexts: Texts, states: Texts) -> Texts:
    return [f"{p} {state.format(name)}{STOP}" for p in contexts for state in states]


def _learnt(name: str, contexts: Texts, suffixes: Texts) -> Texts:
    return [f"{p} {name} {one}{STOP}" for p in contexts for one in suffixes]


def _all(name: str, contexts: Texts, states: Texts, suffixes: Texts) -> Texts:
    return [*_manual(name, contexts, states), *_learnt(name, contexts, suffixes)]


def _modulo(name: str, contexts: Texts, suffixes: Texts) -> Texts:
    n, m = len(contexts), len(suffixes)
    return [f"{contexts[k % n]} {name} {suffixes[k % m]}{STOP}" for k in range(n * m)]


def _zipped(contexts: Texts, ends: Texts) -> Texts:
    return [f"{p} {one}{STOP}" for p, one in zip(contexts, ends, strict=False)]


def _counts(value: Any) -> Counter[str] | None:
    """How often each text occurs in a list or tuple of texts, None for all else."""
    if not isinstance(value, list | tuple) or any(not isinstance(text, str) for text in value):
        return None
    return Counter(value)


def _prompts_trouble(got: Any, expected: Texts) -> str | None:
    """What is wrong with a list of prompts, whose order is free."""
    found, wanted = _counts(got), Counter(expected)
    if found is None:
        holds = f"is {kind_of(got)}"
        if isinstance(got, list | tuple):
            holds = f"holds {kind_of(next(each for each in got if not isinstance(each, str)))}"
        return f"the result {holds}, expected a list of {len(expected)} texts"
    if found == wanted:
        return None
    counts = f"the result has {found.total()} prompts, expected {len(expected)}"
    if missing := [text for text in expected if text not in found]:
        return f"{counts}, {missing[0]!r} among them"
    if extra := [text for text in found if text not in wanted]:
        return f"{counts}, without {tidy(repr(extra[0]))}"
    twice = next(text for text in found if found[text] > 1)
    return f"{counts}: {twice!r} comes {found[twice]} times"
