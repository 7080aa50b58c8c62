"""The frozen text tower: prompts to token ids, embeddings and unit-norm features.

CLIP's text tower is causal and reads its feature at the end-of-text token, so the positions
after it change nothing. Only the first ``max(eot) + 1`` positions are computed, about 16 instead
of 77: the result is exactly the same (method section 5).
"""

from __future__ import annotations

import copy
import unicodedata
import warnings
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from promptad_tutorial.clip.attention import run_block
from promptad_tutorial.clip.precision import at_least_single
from promptad_tutorial.clip.threads import threads_for

# A list of strings, or one. Written as Any so that a wrong thing meets the ValueError below.
Prompts: TypeAlias = Any


class UnknownWordWarning(UserWarning):
    """Prompts with words that the small shipped model never saw: their features mean little."""


class TextEncoder:
    """open_clip's text tower and tokenizer, taken apart for strings and for learnt embeddings."""

    def __init__(
        self,
        model: nn.Module,
        tokenizer: Any,
        unknown_words: Callable[[str], list[str]] | None = None,
    ):
        """``model`` is a frozen open_clip CLIP, already on its device and in its dtype.

        ``unknown_words`` lists the words of a prompt that the model was never trained on.
        """
        self.tokenizer, self.unknown_words = tokenizer, unknown_words
        self.token_embedding = model.token_embedding
        self.positional_embedding = model.positional_embedding  # (context, width)
        self.blocks = model.transformer.resblocks
        self.mask = model.attn_mask  # (context, context): -inf where a token would see a later one
        self.ln_final = model.ln_final
        self.projection = model.text_projection
        self.context_length, self.width = self.positional_embedding.shape
        if tokenizer.vocab_size > self.token_embedding.num_embeddings:
            raise ValueError(
                f"expected a vocabulary of {tokenizer.vocab_size} tokens, CLIP's own, found a "
                f"text tower with {self.token_embedding.num_embeddings}."
            )

    def to(self, dtype: torch.dtype) -> TextEncoder:
        """A copy that computes in ``dtype``; the table of token embeddings is shared.

        Rows of the table are converted when they are looked up, which changes no number that
        ``dtype`` can hold.
        """
        other = copy.copy(self)
        for name in ("positional_embedding", "blocks", "mask", "ln_final", "projection"):
            setattr(other, name, copy.deepcopy(getattr(self, name)).to(dtype))
        return other

    def threads(self) -> AbstractContextManager[None]:
        """The context to learn in: one thread on a CPU if the tower is small, see ``threads``."""
        return threads_for(self.width, self.positional_embedding.device)

    def tokenize(self, prompts: Prompts) -> Int[Tensor, "batch context"]:
        """Token ids ``[start, words.., end, 0, ..]``, on the tower's device.

        Warns once (UnknownWordWarning) of words that the model is known never to have seen, and
        of a prompt in another script than CLIP's English. Raises ValueError for no prompts, for
        one that is no string, and for one that is too long, instead of cutting it.
        """
        prompts = check_prompts(prompts)
        for prompt in prompts:
            self.check_length(len(self.tokenizer.encode(prompt)) + 2, f" in {prompt!r}. Shorten it")
        known = self.unknown_words
        unknown = sorted({word for p in prompts for word in known(p)}) if known else []
        foreign = [prompt for prompt in prompts if not _is_latin(prompt)]
        if unknown:
            _warn(
                f"the model was never trained on these words: {', '.join(unknown)}. Their "
                "features mean little: use words of the minifactory, or a larger backbone."
            )
        if foreign:
            _warn(
                f"CLIP reads English, found {foreign[0]!r}: name the product and its defects in "
                "English words."
            )
        ids = self.tokenizer(prompts, context_length=self.context_length)
        return ids.to(self.positional_embedding.device)

    def feature_positions(self, token_ids: Int[Tensor, "batch tokens"]) -> Int[Tensor, " batch"]:
        """Where each prompt's feature is read: at its end of text, which has the largest id."""
        return token_ids.argmax(dim=-1)

    def embed_tokens(
        self, token_ids: Int[Tensor, "batch tokens"]
    ) -> Float[Tensor, "batch tokens width"]:
        """Token embeddings, without positions: what learnt tokens stand in for."""
        weights = self.positional_embedding
        return self.token_embedding(token_ids.to(weights.device)).to(weights.dtype)

    def encode_embeddings(
        self,
        embeddings: Float[Tensor, "batch tokens width"],
        eot: Int[Tensor, " batch"],
        unit_norm: bool = True,
    ) -> Float[Tensor, "batch embed"]:
        """Float32 features of token embeddings, of length 1; differentiable in the embeddings.

        ``eot`` holds the position of each prompt's end of text. ``unit_norm=False`` leaves the
        features as the tower gives them, as the prototypes of learnt prompts need them (method
        section 1). Raises ValueError for shapes or positions that do not fit.
        """
        weights = self.positional_embedding
        if embeddings.ndim != 3 or embeddings.shape[2] != self.width or len(embeddings) == 0:
            raise ValueError(
                f"expected prompt embeddings of shape (B, T, {self.width}), "
                f"found {tuple(embeddings.shape)}."
            )
        total = embeddings.shape[1]
        if eot.shape != (len(embeddings),) or int(eot.min()) < 0 or int(eot.max()) >= total:
            raise ValueError(
                f"expected one position in 0..{total - 1} for each of {len(embeddings)} prompts, "
                f"found {eot.tolist()}."
            )
        length = int(eot.max()) + 1
        self.check_length(length)
        x = embeddings[:, :length].to(weights.device, weights.dtype) + weights[:length]
        for block in self.blocks:
            x = run_block(block, x, self.mask[:length, :length])
        x = self.project(x[torch.arange(len(x), device=x.device), eot.to(x.device)])
        return F.normalize(x, dim=-1) if unit_norm else x

    def encode_tree(
        self,
        embeddings: Float[Tensor, "trees nodes width"],
        depths: Int[Tensor, " nodes"],
        sees: Bool[Tensor, "nodes nodes"],
        ends: Int[Tensor, " batch"],
    ) -> Float[Tensor, "trees batch embed"]:
        """Raw features of prompts that share their beginnings, from one pass over a tree of tokens.

        Node i is a token at position ``depths[i]``. It sees node j where ``sees[i, j]``: the tokens
        before it in its prompts, and itself. The features are read at the nodes ``ends``. Several
        trees of the same form make a batch. Exactly ``encode_embeddings(..., unit_norm=False)`` of
        the prompts written out: a token does not see what follows it, so a beginning that many
        prompts share is the same in all of them. Differentiable in the embeddings. Raises
        ValueError for prompts longer than the tower's context.
        """
        self.check_length(int(depths.max()) + 1)
        weights = self.positional_embedding
        device = weights.device
        x = embeddings.to(device, weights.dtype) + weights[depths.to(device)]
        mask = torch.zeros(sees.shape, dtype=x.dtype, device=device)
        mask.masked_fill_(~sees.to(device), float("-inf"))
        for block in self.blocks[:-1]:
            x = run_block(block, x, mask)
        last = run_block(self.blocks[-1], x, mask, ends.to(device))
        return self.project(last.flatten(0, 1)).unflatten(0, last.shape[:2])

    def project(self, tokens: Float[Tensor, "batch width"]) -> Float[Tensor, "batch embed"]:
        """The last tokens of the tower in the joint space: norm and projection."""
        return at_least_single(self.ln_final(tokens) @ self.projection)

    @torch.no_grad()
    def encode_ids(self, token_ids: Int[Tensor, "batch tokens"]) -> Float[Tensor, "batch embed"]:
        """Unit-norm features of token ids: open_clip's ``encode_text``, normalised."""
        embeddings = self.embed_tokens(token_ids)
        return self.encode_embeddings(embeddings, self.feature_positions(token_ids))

    def check_length(self, length: int, where: str = "") -> None:
        """Raise ValueError for more tokens than the tower's context."""
        if length > self.context_length:
            raise ValueError(
                f"expected prompts of at most {self.context_length} tokens, found {length}{where}."
            )


def check_prompts(prompts: Prompts) -> list[str]:
    """The prompts as a list of strings; one string is a list of one. Raises ValueError."""
    many = isinstance(prompts, Iterable) and not isinstance(prompts, str)
    found = list(prompts) if many else [prompts]
    if not found:
        raise ValueError("expected at least one prompt, found an empty list.")
    for prompt in found:
        if not isinstance(prompt, str):
            raise ValueError(
                f"expected prompts as strings, found {type(prompt).__name__}: {prompt!r}."
            )
    return found


def _is_latin(text: str) -> bool:
    return all(
        ord(letter) < 0x250 or not letter.isalpha() or "LATIN" in unicodedata.name(letter, "")
        for letter in text
    )


def _warn(message: str) -> None:
    warnings.warn(message, UnknownWordWarning, stacklevel=3)
