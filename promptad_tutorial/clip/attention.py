"""Self-attention inside one frozen open_clip ViT block, and its V-V form.

A block of CLIP's image tower mixes its tokens with ``softmax(q k^T s) v``. CLIP Surgery asks the
values instead of the queries and keys who belongs together: ``softmax(v v^T s) v``, with the same
output projection. Patches then attend to patches that carry the same content, which is what
PromptAD's pixel level needs (method section 3). The other pairs (q-q, k-k) are here to compare.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

ATTENTION_KINDS = ("v-v", "q-k", "q-q", "k-k")


def attention_residual(
    block: nn.Module, tokens: Float[Tensor, "batch tokens width"], kind: str = "v-v"
) -> Float[Tensor, "batch tokens width"]:
    """What the attention of ``block`` adds to ``tokens``: ``out(softmax(a b^T s) v)``.

    ``a`` and ``b`` are the two letters of ``kind``: both the values for "v-v" (CLIP Surgery), the
    queries and the keys for "q-k" (plain CLIP). s = 1 / sqrt(width of a head). ``tokens`` come
    in as the block gets them: its first norm ``ln_1`` is applied here, and so is its layer scale
    if it has one. Batch first, whatever layout the block itself was built for.

    Raises ValueError for an unknown ``kind``.
    """
    check_kind(kind)
    left, right = kind.split("-")
    normed = block.ln_1(tokens)
    part = {letter: project_heads(block, normed, letter) for letter in {left, right, "v"}}
    return mix_values(block, part[left], part[right], part["v"])


@torch.no_grad()
def attention_weights(
    block: nn.Module, tokens: Float[Tensor, "batch tokens width"], kind: str = "v-v"
) -> Float[Tensor, "batch tokens tokens"]:
    """``softmax(a b^T s)`` of ``block``, averaged over its heads, in float32; rows sum to 1.

    Entry [b, i, j] says how much token i of image b takes from token j. Token 0 is CLS, token
    1 + r * W + c is the patch in row r and column c of a grid that is W patches wide.

    Raises ValueError for an unknown ``kind``.
    """
    check_kind(kind)
    left, right = kind.split("-")
    normed = block.ln_1(tokens)
    a = project_heads(block, normed, left).float()
    b = project_heads(block, normed, right).float()
    scale = a.shape[-1] ** -0.5
    return (a @ b.transpose(-2, -1) * scale).softmax(dim=-1).mean(dim=1)


def project_heads(
    block: nn.Module, normed: Float[Tensor, "batch tokens width"], letter: str
) -> Float[Tensor, "batch heads tokens head_width"]:
    """Queries ("q"), keys ("k") or values ("v") of the normed tokens, split into heads.

    open_clip stores the three projections stacked in one matrix, in this order.
    """
    third = "qkv".index(letter)
    weight = block.attn.in_proj_weight.chunk(3)[third]
    bias = block.attn.in_proj_bias.chunk(3)[third]
    heads = block.attn.num_heads
    return F.linear(normed, weight, bias).unflatten(-1, (heads, -1)).transpose(1, 2)


def mix_values(
    block: nn.Module,
    left: Float[Tensor, "batch heads rows head_width"],
    right: Float[Tensor, "batch heads tokens head_width"],
    values: Float[Tensor, "batch heads tokens head_width"],
    mask: Float[Tensor, "rows tokens"] | None = None,
) -> Float[Tensor, "batch rows width"]:
    """``out(softmax(left right^T s) values)``: the way from heads back to tokens."""
    mixed = F.scaled_dot_product_attention(left, right, values, attn_mask=mask)
    mixed = mixed.transpose(1, 2).flatten(2)  # heads side by side again
    return block.ls_1(block.attn.out_proj(mixed))


def run_block(
    block: nn.Module,
    tokens: Float[Tensor, "batch tokens width"],
    mask: Float[Tensor, "tokens tokens"] | None = None,
) -> Float[Tensor, "batch tokens width"]:
    """The whole block, untouched, on batch-first tokens.

    open_clip up to 2.24 builds its blocks for (tokens, batch, width), later releases for
    (batch, tokens, width); the attention module knows which.
    """
    if block.attn.batch_first:
        return block(tokens, attn_mask=mask)
    return block(tokens.transpose(0, 1), attn_mask=mask).transpose(0, 1)


def run_block_at(
    block: nn.Module,
    tokens: Float[Tensor, "batch tokens width"],
    rows: Int[Tensor, " rows"],
    mask: Float[Tensor, "tokens tokens"],
) -> Float[Tensor, "batch rows width"]:
    """`run_block(block, tokens, mask)[:, rows]`, without computing the other rows.

    Of the last block of a text tower only the ends of prompts are read.
    """
    normed = block.ln_1(tokens)
    keys, values = (project_heads(block, normed, letter) for letter in "kv")
    queries = project_heads(block, normed[:, rows], "q")
    x = tokens[:, rows] + mix_values(block, queries, keys, values, mask[rows])
    return x + block.ls_2(block.mlp(block.ln_2(x)))


def run_both_paths(
    block: nn.Module,
    tokens: Float[Tensor, "batch tokens width"],
    kind: str = "v-v",
    cls_only: bool = False,
) -> tuple[Float[Tensor, "batch tokens width"], Float[Tensor, "batch rows width"]]:
    """``attention_residual(block, tokens, kind)`` and ``run_block(block, tokens)``, together.

    They start with the same norm and the same projections, which are computed once here.
    ``cls_only`` leaves all rows but the first of ``run_block`` out: after the last block nothing
    else is read. Raises ValueError for an unknown ``kind``.
    """
    check_kind(kind)
    left, right = kind.split("-")
    projected = F.linear(block.ln_1(tokens), block.attn.in_proj_weight, block.attn.in_proj_bias)
    heads = block.attn.num_heads
    part = {
        letter: third.unflatten(-1, (heads, -1)).transpose(1, 2)
        for letter, third in zip("qkv", projected.chunk(3, dim=-1), strict=True)
    }
    second = mix_values(block, part[left], part[right], part["v"])
    rows = slice(0, 1) if cls_only else slice(None)
    x = tokens[:, rows] + mix_values(block, part["q"][:, :, rows], part["k"], part["v"])
    return second, x + block.ls_2(block.mlp(block.ln_2(x)))


def check_kind(kind: str) -> None:
    """Raise ValueError unless ``kind`` is one of ATTENTION_KINDS."""
    if kind not in ATTENTION_KINDS:
        raise ValueError(
            f"attention kind must be one of {', '.join(ATTENTION_KINDS)}; found {kind!r}."
        )
