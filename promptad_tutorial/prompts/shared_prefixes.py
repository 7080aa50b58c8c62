"""Prompts that begin alike share their beginnings: a tree of tokens.

A causal text tower computes a token from the tokens before it alone, so one node can stand for the
same beginning of many prompts. The tower runs over all nodes as over one sequence, with a mask that
lets a node see only itself and the nodes above it. The result is exactly the same, for a third of
the tokens or fewer (method section 5).

In: prompts as sequences of tokens. Out: `PromptTree`, which `TextEncoder.encode_tree` reads.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor


@dataclass(frozen=True)
class PromptTree:
    """The tokens of many prompts, each shared beginning once. Node 0 is the root."""

    tokens: tuple[Hashable, ...]  # what stands at each node
    depths: Int[Tensor, " nodes"]  # the position of each node in its prompts
    sees: Bool[Tensor, "nodes nodes"]  # sees[i, j]: j is i, or comes before i in its prompts
    ends: Int[Tensor, " prompts"]  # the node at which each prompt ends

    @property
    def layout(self) -> tuple[Tensor, Tensor, Tensor]:
        """(depths, sees, ends): what `TextEncoder.encode_tree` reads a tree by."""
        return self.depths, self.sees, self.ends

    def paths(self) -> list[list[int]]:
        """The nodes of each prompt, in order: a node has a higher number than those above it."""
        return [torch.nonzero(self.sees[end])[:, 0].tolist() for end in self.ends]

    def branches(self) -> list[Branch]:
        """The tree below each child of the root, with the root: they do not see each other."""
        found = []
        for child in torch.nonzero(self.depths == 1)[:, 0]:
            nodes = torch.nonzero(self.sees[:, child] | (self.depths == 0))[:, 0]
            prompts = torch.nonzero(torch.isin(self.ends, nodes[1:]))[:, 0]
            tokens = tuple(self.tokens[node] for node in nodes)
            ends = torch.searchsorted(nodes, self.ends[prompts])
            tree = PromptTree(tokens, self.depths[nodes], self.sees[nodes][:, nodes], ends)
            found.append(Branch(nodes, prompts, tree))
        return found


@dataclass(frozen=True)
class Branch:
    """A part of a tree, and where it comes from."""

    nodes: Int[Tensor, " nodes"]  # in the whole tree
    prompts: Int[Tensor, " prompts"]  # of the whole tree
    tree: PromptTree

    @property
    def shape(self) -> tuple[bytes, ...]:
        """Equal for branches that can be read as one batch."""
        return tuple(part.numpy().tobytes() for part in self.tree.layout)


def grow(prompts: Sequence[Sequence[Hashable]]) -> PromptTree:
    """The tree of prompts, each a sequence of tokens; all begin with the same token.

    Equal prompts end at the same node. Raises ValueError for no prompts, an empty one, or different
    first tokens.
    """
    if not prompts or any(not prompt for prompt in prompts):
        raise ValueError("a tree needs at least one prompt, and none empty")
    if len({prompt[0] for prompt in prompts}) > 1:
        raise ValueError("all prompts of a tree must begin with the same token")
    above: dict[tuple[Hashable, ...], list[int]] = {(): []}  # of a beginning: the nodes down to it
    for prompt in prompts:
        for length in range(1, len(prompt) + 1):
            beginning = tuple(prompt[:length])
            if beginning not in above:
                above[beginning] = [*above[beginning[:-1]], len(above) - 1]
    del above[()]
    sees = torch.zeros(len(above), len(above), dtype=torch.bool)
    for line in above.values():
        sees[line[-1], line] = True
    return PromptTree(
        tokens=tuple(beginning[-1] for beginning in above),
        depths=torch.tensor([len(line) - 1 for line in above.values()]),
        sees=sees,
        ends=torch.tensor([above[tuple(prompt)][-1] for prompt in prompts]),
    )
