"""Prompts that begin alike share their beginnings: a tree of tokens.

PromptAD's `[P1]..[P4] nut.`, `[P1]..[P4] nut with flaw.`, `[P1]..[P4] nut [A1].` begin alike. A
causal text tower computes a token from the tokens before it alone, so one node of the tree can
stand for the same beginning in all of them. The tower runs over all nodes as over one sequence,
with a mask that lets a node see nothing but the nodes above it, and itself. The result is exactly
the same, for a third of the tokens or fewer (method section 5).
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

    def branches(self) -> list[Branch]:
        """The tree below each child of the root, with the root: prompts that share no more than it.

        They do not see each other, so they can be read side by side.
        """
        found = []
        for child in torch.nonzero(self.depths == 1)[:, 0].tolist():
            nodes = torch.nonzero(self.sees[:, child] | (self.depths == 0))[:, 0]
            prompts = torch.nonzero(torch.isin(self.ends, nodes[nodes > 0]))[:, 0]
            place = {node: i for i, node in enumerate(nodes.tolist())}
            tree = PromptTree(
                tuple(self.tokens[node] for node in nodes.tolist()),
                self.depths[nodes],
                self.sees[nodes][:, nodes],
                torch.tensor([place[end] for end in self.ends[prompts].tolist()], dtype=torch.long),
            )
            found.append(Branch(nodes, prompts, tree))
        return found

    def paths(self) -> list[list[int]]:
        """The nodes of each prompt, in order."""
        return [
            sorted(torch.nonzero(self.sees[end])[:, 0].tolist(), key=lambda n: int(self.depths[n]))
            for end in self.ends.tolist()
        ]


@dataclass(frozen=True)
class Branch:
    """A part of a tree, and where it comes from."""

    nodes: Int[Tensor, " nodes"]  # in the whole tree
    prompts: Int[Tensor, " prompts"]  # of the whole tree
    tree: PromptTree

    @property
    def shape(self) -> tuple[bytes, bytes, bytes]:
        """Equal for branches that can be read as one batch."""
        parts = (self.tree.depths, self.tree.sees, self.tree.ends)
        return tuple(part.numpy().tobytes() for part in parts)


def grow(prompts: Sequence[Sequence[Hashable]]) -> PromptTree:
    """The tree of prompts, each a sequence of tokens; all begin with the same token.

    Equal prompts end at the same node. Raises ValueError for no prompts, an empty one, or different
    first tokens.
    """
    if not prompts or any(not prompt for prompt in prompts):
        raise ValueError("a tree needs at least one prompt, and none empty")
    if len({prompt[0] for prompt in prompts}) > 1:
        raise ValueError("all prompts of a tree must begin with the same token")
    children: dict[tuple[int, Hashable], int] = {}  # (parent, token) -> node; the root's is -1
    above: list[list[int]] = []  # of each node: the nodes from the root to itself
    tokens: list[Hashable] = []
    ends = []
    for prompt in prompts:
        node = -1
        for token in prompt:
            if (node, token) not in children:
                children[node, token] = len(tokens)
                above.append([*(above[node] if node >= 0 else []), len(tokens)])
                tokens.append(token)
            node = children[node, token]
        ends.append(node)
    sees = torch.zeros(len(tokens), len(tokens), dtype=torch.bool)
    for node, line in enumerate(above):
        sees[node, line] = True
    depths = torch.tensor([len(line) - 1 for line in above])
    return PromptTree(tuple(tokens), depths, sees, torch.tensor(ends))
