"""The tree of shared beginnings against brute force over all beginnings of all prompts."""

from __future__ import annotations

import random

import pytest
import torch

from promptad_tutorial.prompts.shared_prefixes import PromptTree, grow

PROMPTS = {
    "one": [["s"]],
    "one long": [list("sabc")],
    "no branches": [list("sa"), list("sab"), list("sabc")],
    "long one first": [list("sabc"), list("sa"), list("sab")],
    "branch at the root": [list("sab"), list("scb"), list("sbb")],
    "equal prompts": [list("sab"), list("sc"), list("sab"), list("sab")],
    "same token at two depths": [list("sss"), list("ssa"), list("sas")],
    "mixed tokens": [[7, ("context", 0, 0), 1], [7, ("context", 1, 0), 1], [7, 1]],
}


def random_prompts(seed: int) -> list[list[str]]:
    draw = random.Random(seed)
    return [["s", *draw.choices("abc", k=draw.randint(0, 5))] for _ in range(draw.randint(1, 30))]


def beginnings(tree: PromptTree) -> list[tuple]:
    """What each node stands for: the tokens from the root to itself, read off `sees`."""
    found = []
    for node in range(len(tree.tokens)):
        line = [other for other in range(len(tree.tokens)) if tree.sees[node, other]]
        line.sort(key=lambda other: int(tree.depths[other]))
        found.append(tuple(tree.tokens[other] for other in line))
    return found


@pytest.mark.parametrize(
    "prompts", [*PROMPTS.values(), *map(random_prompts, range(10))], ids=[*PROMPTS, *range(10)]
)
def test_the_tree_is_the_brute_force_one(prompts):
    tree = grow(prompts)
    expected = {tuple(prompt[: i + 1]) for prompt in prompts for i in range(len(prompt))}
    nodes = beginnings(tree)
    assert len(tree.tokens) == len(expected)  # each beginning once
    assert set(nodes) == expected
    for i, one in enumerate(nodes):
        assert tree.tokens[i] == one[-1]
        assert int(tree.depths[i]) == len(one) - 1
        for j, other in enumerate(nodes):
            # j stands above i: what j stands for is how i begins
            assert bool(tree.sees[i, j]) == (one[: len(other)] == other)
    assert [nodes[end] for end in tree.ends.tolist()] == [tuple(prompt) for prompt in prompts]
    assert tree.sees.dtype == torch.bool


@pytest.mark.parametrize("prompts", PROMPTS.values(), ids=PROMPTS)
def test_paths_give_the_prompts_back(prompts):
    tree = grow(prompts)
    assert [[tree.tokens[node] for node in path] for path in tree.paths()] == prompts
    assert all(path[0] == 0 for path in tree.paths())  # node 0 is the root


@pytest.mark.parametrize(
    "prompts", [*PROMPTS.values(), *map(random_prompts, range(10))], ids=[*PROMPTS, *range(10)]
)
def test_a_branch_is_the_tree_of_the_prompts_with_one_second_token(prompts):
    tree = grow(prompts)
    seconds = list(dict.fromkeys(prompt[1] for prompt in prompts if len(prompt) > 1))
    branches = tree.branches()
    assert len(branches) == len(seconds)
    for branch, second in zip(branches, seconds, strict=True):
        numbers = [i for i, prompt in enumerate(prompts) if prompt[1:2] == [second]]
        assert branch.prompts.tolist() == numbers
        alone = grow([prompts[i] for i in numbers])
        assert branch.tree.tokens == alone.tokens
        for name in ("depths", "sees", "ends"):
            assert torch.equal(getattr(branch.tree, name), getattr(alone, name))
        inside, whole = beginnings(branch.tree), beginnings(tree)
        assert inside == [whole[node] for node in branch.nodes.tolist()]


def test_branches_have_one_shape_if_only_their_tokens_differ():
    def shapes(*prompts: str) -> int:
        return len({branch.shape for branch in grow([list(p) for p in prompts]).branches()})

    assert shapes("sab", "scd", "sabe", "scdf") == 1
    assert shapes("sab", "scd", "sabe") == 2  # another depth
    assert shapes("sab", "sae", "scd", "scd") == 2  # equal prompts there
    assert shapes("sabx", "sabe", "scdx", "scff") == 2  # branches later
    assert shapes("sab", "sac", "sabx", "sdb", "sdc", "sdcx") == 2  # the same depths and ends


def test_equal_prompts_end_at_the_same_node_and_others_do_not():
    ends = grow(PROMPTS["equal prompts"]).ends.tolist()
    assert ends[0] == ends[2] == ends[3] != ends[1]


def test_prompts_of_the_paper_need_a_third_of_the_tokens():
    """Method section 5: 4 learnt tokens, a name, 8 states, 4 suffixes, full stop and end."""
    prompts = [
        ["start", *(f"P{i}{k}" for k in range(4)), *words, ".", "end"]
        for i in range(3)
        for words in [
            ["nut"],
            *([f"state{m}", "nut"] for m in range(5)),
            *(["nut", "with", f"noun{m}"] for m in range(3)),
            *(["nut", f"A{j}"] for j in range(4)),
        ]
    ]
    tree = grow(prompts)
    one_context = 4 + 1 + 2 + 5 * 4 + 1 + 3 * 3 + 4 * 3  # tokens, name, normal, states, suffixes
    assert len(tree.tokens) == 1 + 3 * one_context
    assert len(tree.tokens) < sum(map(len, prompts)) / 2


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        ([], "at least one prompt"),
        ([["s", "a"], []], "none empty"),
        ([[]], "none empty"),
        ([["s", "a"], ["t", "a"]], "begin with the same token"),
    ],
)
def test_prompts_that_make_no_tree_are_named(prompts, message):
    with pytest.raises(ValueError, match=message):
        grow(prompts)
