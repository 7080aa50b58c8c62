"""The exercises of notebook 04: all negatives of a few words, and the tree they grow on."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, takewhile
from typing import Any

import torch

from promptad_tutorial.exercises.answers import kind_of, number_trouble, tidy
from promptad_tutorial.exercises.exercises import exercise
from promptad_tutorial.exercises.verdict import Task, Verdict
from promptad_tutorial.prompts.shared_prefixes import grow
from promptad_tutorial.prompts.structure import STOP, semantic_concatenation
from promptad_tutorial.prompts.words import GENERIC_STATES

_NAMES = ("nut", "wire", "bottle", "carpet")


def negative_prompts(fn: object) -> Verdict:
    """Every context with every manual and every learnt suffix.

    `fn(name, contexts, states, suffixes)`: a text and three lists of texts to the list of all
    negatives, N * (M + L) texts in any order, each once.
    """
    generator = torch.Generator().manual_seed(4)
    # N and L have a common divisor, so that going round both with a modulo misses pairs
    sizes = ((3, 2, 3), (2, 3, 4), (4, 1, 2))
    return Task(
        exercise("negative_prompts"),
        cases=tuple(
            (
                name,
                [f"[P{i + 1}]" for i in range(n)],
                [GENERIC_STATES[i] for i in torch.randperm(8, generator=generator)[:m].tolist()],
                [f"[A{i + 1}]" for i in range(k)],
            )
            for name, (n, m, k) in zip(_NAMES, sizes, strict=False)
        ),
        solution=_all,
        trouble=_prompts_trouble,
        alike=lambda output, made: _counts(output) == Counter(made),
        mistakes={
            "modulo_pairs": (
                lambda x, c, s, a: [*_manual(x, c, s), *_modulo(x, c, a)],
                lambda x, c, s, a: [*_manual(x, c, s), *dict.fromkeys(_modulo(x, c, a))],
            ),
            "zipped": (
                lambda x, c, s, a: [*_manual(x, c, s), *_zipped(x, c, a)],
                lambda x, c, s, a: [
                    *(f"{p} {one.format(x)}{STOP}" for p, one in zip(c, s, strict=False)),
                    *_zipped(x, c, a),
                ],
            ),
            "learnt_alone": lambda x, c, s, a: _learnt(x, c, a),
            "states_alone": lambda x, c, s, a: _manual(x, c, s),
            "with_normal": lambda x, c, s, a: [*(f"{p} {x}{STOP}" for p in c), *_all(x, c, s, a)],
            "no_full_stop": lambda x, c, s, a: [
                text.removesuffix(STOP) for text in _all(x, c, s, a)
            ],
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
    """How many nodes the tree of some prompts has.

    `fn(prompts)`: a list of prompts, each a list of tokens that begins with the same one, to the
    number of different beginnings, an int of 1 or more.
    """
    generator = torch.Generator().manual_seed(6)
    sizes = (("nut", 2, 2, 2), ("metal plate", 3, 3, 2), ("wire", 2, 5, 3))
    return Task(
        exercise("tree_nodes"),
        cases=tuple((_tokens(generator, *size),) for size in sizes),
        solution=lambda prompts: len(grow(prompts).tokens),
        trouble=number_trouble,
        mistakes={
            "all_tokens": lambda prompts: sum(map(len, prompts)),
            "different_tokens": lambda prompts: len(
                {token for prompt in prompts for token in prompt}
            ),
            "same_place": lambda prompts: len(
                {at for prompt in prompts for at in enumerate(prompt)}
            ),
            "without_root": lambda prompts: len(grow(prompts).tokens) - 1,
            "previous_prompt_alone": _against_the_previous,
            "whole_prompts": (
                lambda prompts: len(prompts),
                lambda prompts: len(set(map(tuple, prompts))),
            ),
            "padded_table": lambda prompts: len(prompts) * max(map(len, prompts)),
        },
    ).judge(fn)


def _tokens(
    generator: torch.Generator, name: str, contexts: int, states: int, suffixes: int
) -> list[list[str]]:
    """Prompts of a product as lists of words, in random order; one comes twice."""
    chosen = [GENERIC_STATES[i] for i in torch.randperm(8, generator=generator)[:states].tolist()]
    prompts = semantic_concatenation(name, contexts, 1, chosen, suffixes).prompts
    texts = [prompt.text().replace(STOP, f" {STOP}") for prompt in (*prompts, prompts[-1])]
    order = torch.randperm(len(texts), generator=generator).tolist()
    return [["<start>", *texts[i].split(), "<end>"] for i in order]


def _against_the_previous(prompts: list[list[str]]) -> int:
    total = len(prompts[0])
    for before, prompt in pairwise(prompts):
        pairs = zip(before, prompt, strict=False)
        total += len(prompt) - len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))
    return total


def _manual(name: str, contexts: list[str], states: list[str]) -> list[str]:
    return [f"{p} {state.format(name)}{STOP}" for p in contexts for state in states]


def _learnt(name: str, contexts: list[str], suffixes: list[str]) -> list[str]:
    return [f"{p} {name} {one}{STOP}" for p in contexts for one in suffixes]


def _all(name: str, contexts: list[str], states: list[str], suffixes: list[str]) -> list[str]:
    return [*_manual(name, contexts, states), *_learnt(name, contexts, suffixes)]


def _modulo(name: str, contexts: list[str], suffixes: list[str]) -> list[str]:
    n, m = len(contexts), len(suffixes)
    return [f"{contexts[k % n]} {name} {suffixes[k % m]}{STOP}" for k in range(n * m)]


def _zipped(name: str, contexts: list[str], suffixes: list[str]) -> list[str]:
    return [f"{p} {name} {one}{STOP}" for p, one in zip(contexts, suffixes, strict=False)]


def _counts(value: Any) -> Counter[str] | None:
    """How often each text occurs in a list or tuple of texts, None for all else."""
    if not isinstance(value, list | tuple) or any(not isinstance(text, str) for text in value):
        return None
    return Counter(value)


def _prompts_trouble(got: Any, expected: list[str]) -> str | None:
    """What is wrong with a list of prompts, whose order is free."""
    found = _counts(got)
    if found is None:
        odd = (
            [each for each in got if not isinstance(each, str)]
            if isinstance(got, list | tuple)
            else []
        )
        holds = f"holds {kind_of(odd[0])}" if odd else f"is {kind_of(got)}"
        return f"the result {holds}, expected a list of {len(expected)} texts"
    wanted = Counter(expected)
    if found == wanted:
        return None
    counts = f"the result has {found.total()} prompts, expected {len(expected)}"
    if missing := [text for text in expected if text not in found]:
        return f"{counts}, {missing[0]!r} among them"
    if extra := [text for text in found if text not in wanted]:
        return f"{counts}, without {tidy(repr(extra[0]))}"
    twice = next(text for text in found if found[text] > 1)
    return f"{counts}: {twice!r} comes {found[twice]} times"
