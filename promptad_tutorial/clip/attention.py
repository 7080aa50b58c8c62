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
BUDGET = 256 * 2**20  # bytes of attention weights at a time


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
    a = project_heads(block, normed, left).float() * block.attn.head_dim**-0.5
    b = project_heads(block, normed, right).float()
    mean = a.new_zeros((len(tokens), tokens.shape[1], tokens.shape[1]))
    for head in range(block.attn.num_heads):  # one at a time: each is as large as the result
        mean += (a[:, head] @ b[:, head].transpose(-2, -1)).softmax(dim=-1)
    return mean / block.attn.num_heads


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
    mixed = attend(left, right, values, mask)
    mixed = mixed.transpose(1, 2).flatten(2)  # heads side by side again
    return block.ls_1(block.attn.out_proj(mixed))


def attend(
    left: Float[Tensor, "batch heads rows head_width"],
    right: Float[Tensor, "batch heads tokens head_width"],
    values: Float[Tensor, "batch heads tokens head_width"],
    mask: Float[Tensor, "rows tokens"] | None = None,
    budget: int = BUDGET,
) -> Float[Tensor, "batch heads rows head_width"]:
    """``softmax(left right^T s) values``, from so many rows at a time that weights fit ``budget``.

    All at once they would take 0.94 GB per image and block in ViT-B-16-plus-240 at 1024 pixels.
    """
    bytes_a_row = left[:, :, 0].numel() // left.shape[-1] * right.shape[2] * left.element_size()
    step = max(1, budget // max(1, bytes_a_row))
    parts = [
        F.scaled_dot_product_attention(
            left[:, :, i : i + step], right, values, None if mask is None else mask[i : i + step]
        )
        for i in range(0, left.shape[2], step)
    ]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)


def run_block(
    block: nn.Module,
    tokens: Float[Tensor, "batch tokens width"],
    mask: Float[Tensor, "tokens tokens"] | None = None,
    rows: Int[Tensor, " rows"] | slice = slice(None),
) -> Float[Tensor, "batch rows width"]:
    """The whole block, untouched, at ``rows`` of its tokens (by default at all).

    That is open_clip's own ``block(tokens, attn_mask=mask)[:, rows]``, in less memory.
    """
    normed = block.ln_1(tokens)
    keys, values = (project_heads(block, normed, letter) for letter in "kv")
    queries = project_heads(block, normed[:, rows], "q")
    mixed = mix_values(block, queries, keys, values, None if mask is None else mask[rows])
    return add_mlp(block, tokens[:, rows] + mixed)


def add_mlp(
    block: nn.Module, x: Float[Tensor, "batch rows width"]
) -> Float[Tensor, "batch rows width"]:
    """The second half of a block: each token for itself."""
    return x + block.ls_2(block.mlp(block.ln_2(x)))


def run_both_paths(
    block: nn.Module,
    tokens: Float[Tensor, "batch tokens width"],
    kind: str = "v-v",
    cls_only: bool = False,
) -> tuple[Float[Tensor, "batch tokens width"], Float[Tensor, "batch rows width"]]:
    """``attention_residual(block, tokens, kind)`` and ``run_block(block, tokens)``, together.

    The norm and the projections of both are computed once. ``cls_only``: of ``run_block`` the first
    row alone, as after the last block nothing else is read. ValueError for an unknown ``kind``.
    """
    check_kind(kind)
    left, right = kind.split("-")
    normed = block.ln_1(tokens)
    part = {letter: project_heads(block, normed, letter) for letter in "qkv"}
    second = mix_values(block, part[left], part[right], part["v"])
    rows = slice(0, 1) if cls_only else slice(None)
    mixed = mix_values(block, part["q"][:, :, rows], part["k"], part["v"])
    return second, add_mlp(block, tokens[:, rows] + mixed)


def check_kind(kind: str) -> None:
    """Raise ValueError unless ``kind`` is one of ATTENTION_KINDS."""
    if kind not in ATTENTION_KINDS:
        raise ValueError(
            f"attention kind must be one of {', '.join(ATTENTION_KINDS)}; found {kind!r}."
        )
