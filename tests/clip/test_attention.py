"""Attention against a slow reference in NumPy and against open_clip's own module."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from promptad_tutorial.clip.attention import (
    ATTENTION_KINDS,
    attend,
    attention_residual,
    attention_weights,
    run_block,
    run_both_paths,
)


def slow_weights(block: nn.Module, tokens: torch.Tensor, kind: str) -> np.ndarray:
    """Per-head softmax(a b^T s), one image, head and token at a time: (B, heads, T, T)."""
    normed = block.ln_1(tokens).double().numpy()
    weight = block.attn.in_proj_weight.double().numpy()
    bias = block.attn.in_proj_bias.double().numpy()
    width, heads = normed.shape[-1], block.attn.num_heads
    size = width // heads
    start = {"q": 0, "k": width, "v": 2 * width}
    left, right = kind.split("-")
    result = np.zeros((len(normed), heads, normed.shape[1], normed.shape[1]))
    for image in range(len(normed)):
        for head in range(heads):
            rows = {
                letter: slice(start[letter] + head * size, start[letter] + (head + 1) * size)
                for letter in "qkv"
            }
            a = normed[image] @ weight[rows[left]].T + bias[rows[left]]
            b = normed[image] @ weight[rows[right]].T + bias[rows[right]]
            for i in range(len(a)):
                scores = np.array([a[i] @ b[j] for j in range(len(b))]) / np.sqrt(size)
                exponentials = np.exp(scores - scores.max())
                result[image, head, i] = exponentials / exponentials.sum()
    return result


def slow_residual(block: nn.Module, tokens: torch.Tensor, kind: str) -> np.ndarray:
    """out(softmax(a b^T s) v), written out; no layer scale."""
    normed = block.ln_1(tokens).double().numpy()
    width = normed.shape[-1]
    values = normed @ block.attn.in_proj_weight[2 * width :].double().numpy().T
    values = values + block.attn.in_proj_bias[2 * width :].double().numpy()
    size = width // block.attn.num_heads
    mixed = np.zeros_like(values)
    for head, weights in enumerate(slow_weights(block, tokens, kind).swapaxes(0, 1)):
        columns = slice(head * size, (head + 1) * size)
        mixed[..., columns] = weights @ values[..., columns]
    out = block.attn.out_proj
    return mixed @ out.weight.double().numpy().T + out.bias.double().numpy()


@pytest.fixture
def block(small_backbone):
    return small_backbone("small-plain").model.visual.transformer.resblocks[1]


@pytest.fixture
def tokens():
    return torch.randn(2, 5, 64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", ATTENTION_KINDS)
def test_residual_is_the_written_out_equation(block, tokens, kind):
    expected = slow_residual(block, tokens, kind)
    np.testing.assert_allclose(attention_residual(block, tokens, kind), expected, atol=2e-6)


@pytest.mark.parametrize("kind", ATTENTION_KINDS)
def test_weights_are_the_mean_over_heads(block, tokens, kind):
    expected = slow_weights(block, tokens, kind).mean(axis=1)
    found = attention_weights(block, tokens, kind)
    np.testing.assert_allclose(found, expected, atol=2e-6)
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-6)


def test_the_kinds_differ(block, tokens):
    results = [attention_residual(block, tokens, kind) for kind in ATTENTION_KINDS]
    for i, one in enumerate(results):
        for other in results[i + 1 :]:
            assert not torch.allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("name", ["small-plain", "small-layer-scale", "small-quickgelu"])
def test_q_k_and_mlp_make_open_clips_own_block(small_backbone, name, tokens):
    block = small_backbone(name).model.visual.transformer.resblocks[0]
    x = tokens + attention_residual(block, tokens, "q-k")
    x = x + block.ls_2(block.mlp(block.ln_2(x)))
    torch.testing.assert_close(x, run_block(block, tokens), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["small-plain", "small-layer-scale", "small-quickgelu"])
@pytest.mark.parametrize("kind", ATTENTION_KINDS)
@pytest.mark.parametrize("cls_only", [False, True])
def test_both_paths_together_are_both_paths(small_backbone, name, kind, cls_only, tokens):
    block = small_backbone(name).model.visual.transformer.resblocks[0]
    residual, after = run_both_paths(block, tokens, kind, cls_only)
    torch.testing.assert_close(residual, attention_residual(block, tokens, kind))
    expected = run_block(block, tokens)[:, :1] if cls_only else run_block(block, tokens)
    torch.testing.assert_close(after, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["small-plain", "small-layer-scale", "small-quickgelu"])
def test_a_block_at_some_rows_is_the_block_in_these_rows(small_backbone, name):
    block = small_backbone(name).text.blocks[0]
    x = torch.randn(3, 6, 48, generator=torch.Generator().manual_seed(2))
    mask = torch.full((6, 6), float("-inf")).triu(1)
    rows = torch.tensor([4, 1, 4])
    found = run_block(block, x, mask, rows)
    torch.testing.assert_close(found, run_block(block, x, mask)[:, rows], atol=1e-5, rtol=1e-5)
    unmasked = run_block(block, x)[:, rows]
    assert not torch.allclose(found[:, 1], unmasked[:, 1], atol=1e-3)  # the mask counts


def test_layer_scale_scales_the_residual(small_backbone, tokens):
    block = small_backbone("small-layer-scale").model.visual.transformer.resblocks[0]
    expected = slow_residual(block, tokens, "v-v") * block.ls_1.gamma.double().numpy()
    np.testing.assert_allclose(attention_residual(block, tokens), expected, atol=2e-6)


@pytest.mark.parametrize("name", ["small-plain", "small-layer-scale", "small-quickgelu"])
def test_a_block_is_open_clips_own(small_backbone, name, tokens):
    block = small_backbone(name).model.visual.transformer.resblocks[0]
    first = block.attn.batch_first  # open_clip up to 2.24 builds blocks for (tokens, batch, width)
    own = block(tokens) if first else block(tokens.transpose(0, 1)).transpose(0, 1)
    torch.testing.assert_close(run_block(block, tokens), own, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("rows", [1, 3, 5])
def test_attention_in_turns_is_attention_at_once(monkeypatch, masked, rows):
    generator = torch.Generator().manual_seed(3)
    q, k, v = torch.randn(3, 2, 4, 11, 8, generator=generator)
    mask = torch.full((11, 11), float("-inf")).triu(1) if masked else None
    whole = attend(q, k, v, mask)
    seen = []

    def counted(left, right, values, mask):
        seen.append(left.shape[2])
        return sdpa(left, right, values, mask)

    sdpa = torch.nn.functional.scaled_dot_product_attention
    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", counted)
    bytes_a_row = 2 * 4 * 11 * 4  # images, heads, tokens, bytes of a float
    found = attend(q, k, v, mask, budget=rows * bytes_a_row)
    assert max(seen) == rows and sum(seen) == 11
    torch.testing.assert_close(found, whole, atol=1e-6, rtol=0)


def test_a_mask_hides_later_tokens(small_backbone):
    blocks = small_backbone("small-plain").text.blocks
    x = torch.randn(1, 4, 48, generator=torch.Generator().manual_seed(1))
    mask = torch.full((4, 4), float("-inf")).triu(1)
    changed = x.clone()
    changed[:, 3] += 1
    torch.testing.assert_close(
        run_block(blocks[0], x, mask)[:, :3], run_block(blocks[0], changed, mask)[:, :3]
    )
    assert not torch.allclose(run_block(blocks[0], x)[:, :3], run_block(blocks[0], changed)[:, :3])


@pytest.mark.parametrize("function", [attention_residual, attention_weights, run_both_paths])
def test_an_unknown_kind_names_the_known_ones(block, tokens, function):
    with pytest.raises(ValueError, match="v-v, q-k, q-q, k-k; found 'k-v'"):
        function(block, tokens, "k-v")
