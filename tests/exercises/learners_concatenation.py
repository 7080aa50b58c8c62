"""What learners hand in for the exercises of notebook 04: right answers and typical wrong ones."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any


def negative_prompts(name, contexts, states, suffixes):
    endings = [state.replace("{}", name) for state in states] + [f"{name} {a}" for a in suffixes]
    return [f"{p} {ending}." for p, ending in product(contexts, endings)]


def tree_nodes(prompts):
    root, count = {}, 0  # a tree of dictionaries
    for prompt in prompts:
        node = root
        for token in prompt:
            count += token not in node
            node = node.setdefault(token, {})
    return count


SOLUTIONS: dict[str, Callable[..., Any]] = {
    "negative_prompts": negative_prompts,
    "tree_nodes": tree_nodes,
}


def _modulo(name, contexts, states, suffixes):
    found = negative_prompts(name, contexts, states, [])
    for k in range(len(contexts) * len(suffixes)):
        found.append(f"{contexts[k % len(contexts)]} {name} {suffixes[k % len(suffixes)]}.")
    return found


def _zip(name, contexts, states, suffixes):
    pairs = zip(contexts, suffixes, strict=False)
    return negative_prompts(name, contexts, states, []) + [f"{p} {name} {a}." for p, a in pairs]


def _before(name, contexts, states, suffixes):
    own = [f"{p} {a} {name}." for p in contexts for a in suffixes]
    return negative_prompts(name, contexts, states, []) + own


def _both(name, contexts, states, suffixes):
    every = product(contexts, states, suffixes)
    return [f"{p} {s.replace('{}', name)} {a}." for p, s, a in every]


def _previous(prompts):
    found = set()
    total = 0
    for prompt in prompts:
        beginnings = {tuple(prompt[: i + 1]) for i in range(len(prompt))}
        total += len(beginnings - found)
        found = beginnings  # forgets those of all earlier prompts
    return total


# check -> a phrase of the hint that the mistake must get -> ways to make it
WRONG: dict[str, dict[str, list[Callable[..., Any]]]] = {
    "negative_prompts": {
        "two loops, one inside the other": [
            _modulo,
            lambda *inputs: sorted(set(_modulo(*inputs))),
        ],
        "stops at the shorter list": [_zip],
        "learnt suffixes alone": [lambda x, c, s, a: negative_prompts(x, c, [], a)],
        "manual states alone": [lambda x, c, s, a: negative_prompts(x, c, s, [])],
        "the normal ones": [
            lambda x, c, s, a: [f"{p} {x}." for p in c] + negative_prompts(x, c, s, a),
        ],
        "full stop at the end": [
            lambda *inputs: [text[:-1] for text in negative_prompts(*inputs)],
        ],
        "before the name": [_before],
        "a negative has one of the two": [_both],
        "only one context": [
            lambda x, c, s, a: negative_prompts(x, c[:1], s, a),
            lambda x, c, s, a: negative_prompts(x, c[-1:], s, a),
        ],
    },
    "tree_nodes": {
        "written out": [lambda prompts: len([t for p in prompts for t in p])],
        "different tokens": [lambda prompts: len(set().union(*prompts))],
        "everything before it": [
            lambda prompts: len({(i, t) for p in prompts for i, t in enumerate(p)}),
        ],
        "the first token": [
            lambda prompts: tree_nodes([p[1:] for p in prompts]),
        ],
        "the one before it alone": [_previous],
        "whole prompts": [
            lambda prompts: len(prompts),
            lambda prompts: len({" ".join(p) for p in prompts}),
        ],
        "no padding": [lambda prompts: len(prompts) * len(max(prompts, key=len))],
    },
}
