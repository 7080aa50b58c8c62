"""The frozen text tower: prompts to token ids, embeddings and unit-norm features.

CLIP's text tower is causal and reads its feature at the end-of-text token, so the positions
after it change nothing. Only the first ``max(eot) + 1`` positions are computed, about 16 instead
of 77: the result is exactly the same (method section 5).
"""

from __future__ import annotations

import copy
import unicodedata
import warnings
from collections.abc import Callable, Sequence
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


def _is_latin(text: str) -> bool:
    return all(
        ord(letter) < 0x250 or not letter.isalpha() or "LATIN" in unicodedata.name(letter, "")
        for letter in text
    )


class TextEncoder:
    """open_clip's text tower and tokenizer, taken apart for strings and for learnt embeddings."""

    def __init__(
        self,
        model: nn.Module,
        tokenizer: Any,
        unknown_words: Callable[[str], list[str]] | None = None,
    ):
        """``model`` is a frozen CLIP or CustomTextCLIP, already on its device and in its dtype.

        ``unknown_words`` lists the words of a prompt that the model was never trained on.
        """
        text = getattr(model, "text", model)  # CLIP keeps the parts of its text tower itself
        prefix = "text_" if text is model else ""
        self.tokenizer = tokenizer
        self.unknown_words = unknown_words
        self.token_embedding = text.token_embedding
        self.positional_embedding = text.positional_embedding  # (context, width)
        self.blocks = text.transformer.resblocks
        self.mask = text.attn_mask  # (context, context), or None if every token sees every token
        self.ln_final = text.ln_final
        self.projection = text.text_projection
        self.pool_type = getattr(text, f"{prefix}pool_type")
        self.eos_id = getattr(text, f"{prefix}eos_id", None)
        self.context_length, self.width = self.positional_embedding.shape
        if tokenizer.vocab_size > self.token_embedding.num_embeddings:
            raise ValueError(
                f"expected a vocabulary of {tokenizer.vocab_size} tokens, CLIP's own, found a "
                f"text tower with {self.token_embedding.num_embeddings}."
            )

    @property
    def truncates(self) -> bool:
        """Whether positions after the end-of-text token change nothing."""
        return self.mask is not None and self.pool_type in ("argmax", "eos")

    def to(self, dtype: torch.dtype) -> TextEncoder:
        """A copy that computes in ``dtype``; the table of token embeddings is shared.

        Rows of the table are converted when they are looked up, which changes no number that
        ``dtype`` can hold.
        """
        other = copy.copy(self)
        for name in ("positional_embedding", "blocks", "mask", "ln_final", "projection"):
            part = getattr(self, name)
            setattr(other, name, None if part is None else copy.deepcopy(part).to(dtype))
        return other

    def threads(self) -> AbstractContextManager[None]:
        """The context to learn in: one thread on a CPU if the tower is small, see ``threads``."""
        return threads_for(self.width, self.positional_embedding.device)

    def tokenize(self, prompts: Prompts) -> Int[Tensor, "batch context"]:
        """Token ids ``[start, words.., end, 0, ..]``, on the tower's device.

        Warns once (UnknownWordWarning) of words that the model is known never to have seen, and
        of a prompt in another script than CLIP's English.
        Raises ValueError for no prompts, for one that is no string, and for one that is too
        long, instead of cutting it.
        """
        prompts = check_prompts(prompts)
        for prompt in prompts:
            length = len(self.tokenizer.encode(prompt)) + 2  # start and end of text
            if length > self.context_length:
                raise ValueError(
                    f"expected prompts of at most {self.context_length} tokens, found {length} "
                    f"in {prompt!r}. Shorten it."
                )
        if self.unknown_words is not None:
            unknown = sorted({word for prompt in prompts for word in self.unknown_words(prompt)})
            if unknown:
                warnings.warn(
                    f"the model was never trained on these words: {', '.join(unknown)}. Their "
                    "features mean little: use words of the minifactory, or a larger backbone.",
                    UnknownWordWarning,
                    stacklevel=2,
                )
        foreign = [prompt for prompt in prompts if not _is_latin(prompt)]
        if foreign:
            warnings.warn(
                f"CLIP reads English, found {foreign[0]!r}: name the product and its defects in "
                "English words.",
                UnknownWordWarning,
                stacklevel=2,
            )
        ids = self.tokenizer(prompts, context_length=self.context_length)
        return ids.to(self.positional_embedding.device)

    def feature_positions(self, token_ids: Int[Tensor, "batch tokens"]) -> Int[Tensor, " batch"]:
        """Where each prompt's feature is read: at its end-of-text token in every usual CLIP."""
        if self.pool_type == "argmax":
            return token_ids.argmax(dim=-1)  # end of text has the largest id
        if self.pool_type == "eos":
            return (token_ids == self.eos_id).int().argmax(dim=-1)
        last = token_ids.shape[1] - 1 if self.pool_type == "last" else 0
        return torch.full_like(token_ids[:, 0], last)

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

        ``eot`` holds the position at which each prompt's feature is read, see
        ``feature_positions``. In a tower that is not causal, padding counts: there ``tokens``
        must be the whole context. ``unit_norm=False`` leaves the features as the tower gives them,
        as the prototypes of learnt prompts need them (method section 1).
        Raises ValueError for shapes or positions that do not fit.
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
        length = int(eot.max()) + 1 if self.truncates else total
        if length > self.context_length or (self.mask is None and total != self.context_length):
            bound = "exactly" if self.mask is None else "at most"
            raise ValueError(
                f"expected {bound} {self.context_length} positions (this tower's context), "
                f"found {length}."
            )
        x = embeddings[:, :length].to(weights.device, weights.dtype) + weights[:length]
        mask = None if self.mask is None else self.mask[:length, :length]
        for block in self.blocks:
            x = run_block(block, x, mask)
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
        the prompts written out: in a causal tower a token does not see what follows it, so a
        beginning that many prompts share is the same in all of them. Differentiable in the
        embeddings. Raises ValueError for a tower in which every token sees every other, and for
        prompts longer than its context.
        """
        if not self.truncates:
            raise ValueError("only a causal text tower can share the beginnings of prompts")
        longest = int(depths.max()) + 1
        if longest > self.context_length:
            raise ValueError(
                f"expected at most {self.context_length} positions (this tower's context), "
                f"found {longest}."
            )
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
        x = self.ln_final(tokens)
        if isinstance(self.projection, nn.Linear):
            x = self.projection(x)
        elif self.projection is not None:
            x = x @ self.projection
        return at_least_single(x)

    @torch.no_grad()
    def encode_ids(self, token_ids: Int[Tensor, "batch tokens"]) -> Float[Tensor, "batch embed"]:
        """Unit-norm features of token ids: open_clip's ``encode_text``, normalised."""
        embeddings = self.embed_tokens(token_ids)
        return self.encode_embeddings(embeddings, self.feature_positions(token_ids))


def check_prompts(prompts: Prompts) -> list[str]:
    """The prompts as a list of strings; one string is a list of one. Raises ValueError."""
    found: Sequence[Any] = [prompts] if isinstance(prompts, str) else prompts
    try:
        found = list(found)
    except TypeError:
        raise ValueError(f"expected a list of prompts, found {type(prompts).__name__}.") from None
    if not found:
        raise ValueError("expected at least one prompt, found an empty list.")
    for prompt in found:
        if not isinstance(prompt, str):
            raise ValueError(
                f"expected prompts as strings, found {type(prompt).__name__}: {prompt!r}."
            )
    return found
