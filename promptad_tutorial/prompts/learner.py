"""Learnable prompts: a handful of token embeddings in front of, and behind, frozen words.

In: a structure of n prompts, and a frozen text tower. Out: raw features (n, d), differentiable in
the learnt tokens `contexts` (C, E_N, W) and `suffixes` (L, E_A, W).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.clip.precision import at_least_single
from promptad_tutorial.clip.text_tower import TextEncoder
from promptad_tutorial.prompts.shared_prefixes import grow
from promptad_tutorial.prompts.structure import LearntPrompt, PromptStructure

LARGEST_IN_DOUBLE = 5_000_000  # weights in the blocks of a text tower; TinyCLIP's has 793,088


@dataclass(frozen=True)
class PromptFeatures:
    """Features of all prompts as the text tower gives them: not normalised, float32."""

    normal: Float[Tensor, "n d"]  # of NP
    manual: Float[Tensor, "m d"]  # of MAP
    learnt: Float[Tensor, "l d"]  # of LAP
    own: Float[Tensor, "o d"]  # of CoOp's second class

    @property
    def anomalous(self) -> Float[Tensor, "j d"]:
        """Of every negative, in the order of `PromptStructure.anomalous`."""
        return torch.cat([self.manual, self.learnt, self.own])


class PromptLearner(nn.Module):
    """The learnt tokens of one level, and the way from them to features.

    They are drawn from N(0, `std`) with `generator` (method section 2). `start` gives the contexts
    words to begin with instead: one text of exactly E_N tokens for each. `text` is the tower to
    learn through, by default the backbone's own; the parameters are of its dtype. Raises ValueError
    for a `start` that does not fit, and for prompts longer than the tower's context.
    """

    def __init__(
        self,
        backbone: Backbone,
        structure: PromptStructure,
        generator: torch.Generator | None = None,
        std: float = 0.02,
        start: Sequence[str] | None = None,
        text: TextEncoder | None = None,
    ) -> None:
        super().__init__()
        self.structure = structure
        self.text = backbone.text if text is None else text
        generator = generator or torch.Generator().manual_seed(0)
        # drawn in float32 whatever the tower runs in, so that a seed means the same everywhere
        contexts, suffixes = (
            std * torch.randn(*shape, backbone.text_width, generator=generator)
            for shape in (
                (structure.n_contexts, structure.n_context_tokens),
                (structure.n_suffixes, structure.n_suffix_tokens),
            )
        )
        contexts = contexts if start is None else self._embedded(start)
        kind = torch.promote_types(self.text.positional_embedding.dtype, torch.float32)
        self.contexts = nn.Parameter(contexts.to(backbone.device, kind))
        self.suffixes = nn.Parameter(suffixes.to(backbone.device, kind))
        self._plant(backbone.device)

    def tokens(self, prompt: LearntPrompt) -> list[int | tuple[str, int, int]]:
        """A prompt token by token: ids of words, ("context", i, k) and ("suffix", l, k)."""
        context, suffix = prompt.context, prompt.suffix
        opening = [("context", context, k) for k in range(self.structure.n_context_tokens)]
        ending = [("suffix", suffix, k) for k in range(self.structure.n_suffix_tokens)]
        start, end = self._frame
        before, after = self._ids(prompt.before), self._ids(prompt.after)
        return [start, *opening, *before, *(ending if suffix is not None else []), *after, end]

    def node_embeddings(self) -> Float[Tensor, "nodes width"]:
        """The token embedding at each node of the tree: frozen words and learnt tokens."""
        x = self.words.to(self.contexts.dtype)
        for name, (nodes, row, token) in self.learnt_nodes.items():
            x = x.index_put((nodes,), getattr(self, name)[row, token])
        return x

    def assemble(self) -> tuple[Float[Tensor, "j t w"], Int[Tensor, " j"]]:
        """Every prompt written out as token embeddings (J, T, W), and where its feature is read.

        `[start] [context] words [suffix] words [end]`, without positions. T is that of the longest
        prompt.
        """
        embeddings = self.node_embeddings()
        return embeddings[self.paths], self.tree.depths[self.tree.ends].to(embeddings.device)

    def forward(self) -> PromptFeatures:
        """Features of all prompts, whose shared beginnings are computed once."""
        return encode_learners([self])[0]

    def split(self, raw: Float[Tensor, "j d"]) -> PromptFeatures:
        """The features of all prompts by their kind."""
        s = self.structure
        return PromptFeatures(*raw.split([len(x) for x in (s.normal, s.manual, s.learnt, s.own)]))

    def _ids(self, text: str) -> list[int]:
        return list(self.text.tokenizer.encode(text)) if text else []

    def _embedded(self, start: Sequence[str]) -> Float[Tensor, "c t w"]:
        expected = (self.structure.n_contexts, self.structure.n_context_tokens)
        ids = [self._ids(text) for text in start]
        if len(ids) != expected[0] or any(len(one) != expected[1] for one in ids):
            raise ValueError(
                f"expected {expected[0]} texts of {expected[1]} tokens to start from, found "
                f"{len(ids)} of {[len(one) for one in ids]} tokens: {list(start)!r}"
            )
        return at_least_single(self.text.embed_tokens(torch.tensor(ids, dtype=torch.long)))

    def _plant(self, device: torch.device) -> None:
        """The tree, its frozen words, and which node holds which learnt token."""
        structure, text = self.structure, self.text
        said = [" ".join(filter(None, (p.before, p.after))) for p in structure.prompts]
        text.tokenize(list(dict.fromkeys(said)))  # warns of words that the model never saw
        example = text.tokenize(["a"])[0].tolist()
        self._frame = example[0], example[2]  # start, "a", end
        prompts = [self.tokens(prompt) for prompt in structure.prompts]
        longest = max(map(len, prompts))
        if longest > text.context_length:
            raise ValueError(
                f"expected prompts of at most {text.context_length} tokens, found {longest}: use "
                "fewer learnt tokens or shorter states"
            )
        self.tree = grow(prompts)
        self.branches = self.tree.branches()
        # prompt number i is at places[i] of the branches' prompts, one branch after the other
        self.places = torch.cat([branch.prompts for branch in self.branches]).argsort()
        ids = [token if isinstance(token, int) else 0 for token in self.tree.tokens]
        self.words = text.embed_tokens(torch.tensor([ids], device=device))[0].detach()
        learnt = [(i, *t) for i, t in enumerate(self.tree.tokens) if isinstance(t, tuple)]
        self.learnt_nodes = {}  # of each parameter: nodes, rows and places in the row
        for kind in ("context", "suffix"):
            found = [(node, row, token) for node, name, row, token in learnt if name == kind]
            found = torch.tensor(found, dtype=torch.long, device=device).reshape(-1, 3).T
            self.learnt_nodes["contexts" if kind == "context" else "suffixes"] = found
        # what comes after the end is read by nobody
        paths = [path + [0] * (longest - len(path)) for path in self.tree.paths()]
        self.paths = torch.tensor(paths, device=device)


def text_to_learn_through(backbone: Backbone) -> TextEncoder:
    """The text tower in float64 up to LARGEST_IN_DOUBLE weights, else as the backbone has it.

    A hundred steps can amplify the last digit of float32, which is another one on another machine
    or with other threads, into points of AUROC. TinyCLIP takes 1.7 times as long for it. MPS has no
    float64.
    """
    size = sum(p.numel() for block in backbone.text.blocks for p in block.parameters())
    if size > LARGEST_IN_DOUBLE or backbone.device.type == "mps":
        return backbone.text
    return backbone.text_in(torch.float64)


def encode_learners(learners: Sequence[PromptLearner]) -> list[PromptFeatures]:
    """The features of several levels' prompts, from one pass of the text tower.

    Levels do not see each other: the result is that of one pass each, and gradients of one level's
    features reach that level's tokens only. Contexts do not see each other either: where all of
    them have the same prompts, they are read side by side as a batch.
    """
    text = learners[0].text
    if len({branch.shape for one in learners for branch in one.branches}) > 1:
        alone = [(one, one.node_embeddings()[None]) for one in learners]
        return [one.split(text.encode_tree(x, *one.tree.layout)[0]) for one, x in alone]
    nodes = [one.node_embeddings()[branch.nodes] for one in learners for branch in one.branches]
    features = text.encode_tree(torch.stack(nodes), *learners[0].branches[0].tree.layout)
    parts = features.split([len(one.branches) for one in learners])
    return [
        one.split(part.flatten(0, 1)[one.places]) for one, part in zip(learners, parts, strict=True)
    ]
