"""The exercises of notebook 04: all negatives of a few words, and the tree they grow on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise, takewhile
from typing import Any

import torch

from promptad_tutorial.exercises.answers import kind_of, number_trouble, tidy
from promptad_tutorial.exercises.verdict import Mistake, Task, Verdict, check_function, mistake
from promptad_tutorial.prompts.structure import STOP, semantic_concatenation
from promptad_tutorial.prompts.tree import grow
from promptad_tutorial.prompts.words import GENERIC_STATES

_NAMES = ("nut", "wire", "bottle", "carpet")


def negative_prompts(fn: object) -> Verdict:
    """Every context with every manual and every learnt suffix. Difficulty 2 of 3, 10 minutes.

    `fn(name, contexts, states, suffixes)`: a text and three lists of texts to the list of all
    negatives, N * (M + L) texts in any order, each once.
    """
    generator = torch.Generator().manual_seed(4)
    # N and L have a common divisor, so that going round both with a modulo misses pairs
    sizes = ((3, 2, 3), (2, 3, 4), (4, 1, 2))
    task = Task(
        inputs=("name", "contexts", "states", "suffixes"),
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
        mistakes=(
            _same_prompts(
                "contexts and suffixes go round side by side here (k mod N with k mod L), which "
                "repeats some pairs and misses others: use two loops, one inside the other.",
                lambda x, c, s, a: [*_manual(x, c, s), *_modulo(x, c, a)],
                lambda x, c, s, a: [*_manual(x, c, s), *dict.fromkeys(_modulo(x, c, a))],
            ),
            _same_prompts(
                "zip pairs the first with the first and stops at the shorter list: every context "
                "goes with every suffix.",
                lambda x, c, s, a: [*_manual(x, c, s), *_zipped(x, c, a)],
                lambda x, c, s, a: [
                    *(f"{p} {one.format(x)}{STOP}" for p, one in zip(c, s, strict=False)),
                    *_zipped(x, c, a),
                ],
            ),
            _same_prompts(
                "these are the learnt suffixes alone: a manual state makes a negative too.",
                lambda x, c, s, a: _learnt(x, c, a),
            ),
            _same_prompts(
                "these are the manual states alone: a learnt suffix makes a negative too.",
                lambda x, c, s, a: _manual(x, c, s),
            ),
            _same_prompts(
                "the prompts without a suffix are the normal ones: leave them out.",
                lambda x, c, s, a: [*(f"{p} {x}{STOP}" for p in c), *_all(x, c, s, a)],
            ),
            _same_prompts(
                "the full stop at the end of every prompt is missing.",
                lambda x, c, s, a: [text.removesuffix(STOP) for text in _all(x, c, s, a)],
            ),
            _same_prompts(
                "the learnt suffix stands before the name, as in the released code: it goes "
                "after it.",
                lambda x, c, s, a: [
                    *_manual(x, c, s),
                    *(f"{p} {one} {x}{STOP}" for p in c for one in a),
                ],
            ),
            _same_prompts(
                "a state and a learnt suffix stand in one prompt here: a negative has one of the "
                "two.",
                lambda x, c, s, a: [
                    f"{p} {state.format(x)} {one}{STOP}" for p in c for state in s for one in a
                ],
            ),
            _same_prompts(
                "only one context is used: every context makes negatives.",
                lambda x, c, s, a: _all(x, c[:1], s, a),
                lambda x, c, s, a: _all(x, c[-1:], s, a),
            ),
        ),
        hint="loop over the contexts, inside over the states with state.format(name), then over "
        "the suffixes, and close every prompt with a full stop.",
    )
    return check_function(fn, task)


def tree_nodes(fn: object) -> Verdict:
    """How many nodes the tree of some prompts has. Difficulty 2 of 3, 10 minutes.

    `fn(prompts)`: a list of prompts, each a list of tokens that begins with the same one, to the
    number of different beginnings, an int of 1 or more.
    """
    generator = torch.Generator().manual_seed(6)
    sizes = (("nut", 2, 2, 2), ("metal plate", 3, 3, 2), ("wire", 2, 5, 3))
    task = Task(
        inputs=("prompts",),
        cases=tuple((_tokens(generator, *size),) for size in sizes),
        solution=lambda prompts: len(grow(prompts).tokens),
        trouble=number_trouble,
        mistakes=(
            mistake(
                "these are the tokens of all prompts written out: a shared beginning counts once.",
                lambda prompts: sum(map(len, prompts)),
            ),
            mistake(
                "these are the different tokens: the same word after another beginning is another "
                "node.",
                lambda prompts: len({token for prompt in prompts for token in prompt}),
            ),
            mistake(
                "the same word at the same place is one node only if everything before it is the "
                "same too.",
                lambda prompts: len({at for prompt in prompts for at in enumerate(prompt)}),
            ),
            mistake(
                "the first token, which all prompts share, is a node too.",
                lambda prompts: len(grow(prompts).tokens) - 1,
            ),
            mistake(
                "each prompt is compared with the one before it alone: it can share its beginning "
                "with any other.",
                _against_the_previous,
            ),
            mistake(
                "this counts whole prompts: count their beginnings, of every length.",
                lambda prompts: len(prompts),
                lambda prompts: len(set(map(tuple, prompts))),
            ),
            mistake(
                "this is the size of a table with all prompts padded to the longest: a tree has "
                "no padding.",
                lambda prompts: len(prompts) * max(map(len, prompts)),
            ),
        ),
        hint="put every beginning of every prompt, tuple(prompt[:i]) for i from 1 to its length, "
        "into one set, and count.",
    )
    return check_function(fn, task)


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


def _same_prompts(hint: str, *implementations: Callable[..., list[str]]) -> Mistake:
    """The mistake of making the prompts of one of `implementations`, in any order."""

    def recogniser(implementation: Callable[..., list[str]]) -> Callable[..., bool]:
        return lambda output, *inputs: _counts(output) == Counter(implementation(*inputs))

    return Mistake(hint, tuple(recogniser(each) for each in implementations))


def _prompts_trouble(got: Any, expected: list[str]) -> str | None:
    """What is wrong with a list of prompts, whose order is free."""
    found = _counts(got)
    if found is None:
        odd = [each for each in got if not isinstance(each, str)] if _is_listed(got) else []
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


def _is_listed(value: Any) -> bool:
    return isinstance(value, list | tuple)
