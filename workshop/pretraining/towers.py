"""The two towers as pretraining runs them: other picture sizes, short texts, unknown words."""

from __future__ import annotations

import open_clip
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.func import functional_call

from promptad_tutorial.clip.attention import add_mlp, project_heads
from promptad_tutorial.clip.image_tower import embed_pixels
from promptad_tutorial.clip.tinyclip.weights import IMAGE_MEAN, IMAGE_STD
from workshop.pretraining.batches import NOISE_TOKEN


def picture_features(
    model: open_clip.CLIP,
    images: Float[Tensor, "b 3 s s"],
    corner: tuple[int, int] | None = None,
) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b n w"]]:
    """Image embedding and last patch tokens, at any size that patches divide.

    Positions are interpolated to the picture's grid, as open_clip does when it loads a checkpoint
    at another resolution. With a `corner` (row, column; in patches) the images are windows of a
    whole picture, and keep the positions that they have in it.
    """
    visual = model.visual
    mean = torch.tensor(IMAGE_MEAN).view(1, 3, 1, 1)
    std = torch.tensor(IMAGE_STD).view(1, 3, 1, 1)
    grid = images.shape[-1] // visual.patch_size[0]
    positions = visual.positional_embedding
    if grid != visual.grid_size[0]:
        own = visual.grid_size[0]
        square = positions[1:].T.reshape(1, -1, own, own)
        if corner is not None:
            row, column = corner
            resized = square[..., row : row + grid, column : column + grid]
        else:
            resized = nn.functional.interpolate(
                square, size=(grid, grid), mode="bicubic", antialias=True, align_corners=False
            )
        positions = torch.cat([positions[:1], resized.reshape(-1, grid * grid).T])
    visual.output_tokens = True
    try:
        return functional_call(
            visual, {"positional_embedding": positions}, ((images - mean) / std,)
        )
    finally:
        visual.output_tokens = False


def picture_tokens(
    model: open_clip.CLIP, images: Float[Tensor, "b 3 s s"], blocks: tuple[int, ...]
) -> tuple[Float[Tensor, "b d"], Float[Tensor, "blocks b n w"]]:
    """Image embedding, and patch tokens as they leave some blocks, counted from 1.

    These are the tokens whose directions the visual memory keeps.
    """
    visual, kept = model.visual, {}
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (IMAGE_MEAN, IMAGE_STD))
    x = embed_pixels(visual, (images - mean) / std)
    for number, block in enumerate(visual.transformer.resblocks, start=1):
        x = plain_block(block, x)
        if number in blocks:
            kept[number] = x[:, 1:]
    return visual.ln_post(x[:, 0]) @ visual.proj, torch.stack([kept[number] for number in blocks])


def plain_block(block: nn.Module, x: Float[Tensor, "b n w"]) -> Float[Tensor, "b n w"]:
    """`run_block` with its softmax written out, as training on CPUs is faster with it.

    torch's own attention looks for rows without a key, which no picture has.
    """
    normed = block.ln_1(x)
    query, key, value = (project_heads(block, normed, letter) for letter in "qkv")
    weights = (query * query.shape[-1] ** -0.5 @ key.mT).softmax(-1).to(value.dtype)
    mixed = (weights @ value).transpose(1, 2).flatten(2)
    return add_mlp(block, x + block.ls_1(block.attn.out_proj(mixed)))


def text_features(
    model: open_clip.CLIP,
    tokens: Int[Tensor, "b t"],
    ends: Int[Tensor, " b"],
    generator: torch.Generator,
) -> Float[Tensor, "b d"]:
    """Text embedding over the first t positions; unknown words are small random vectors.

    Reading fewer positions than the context changes nothing: the tower is causal and its feature is
    read at the end-of-text token.
    """
    length = tokens.shape[1]
    unknown = (tokens == NOISE_TOKEN).unsqueeze(-1)
    known = model.token_embedding(tokens.clamp(min=0))
    size = 0.04 * torch.rand(len(tokens), 1, 1, generator=generator)
    noise = size * torch.randn(known.shape, generator=generator)
    x = torch.where(unknown, noise, known) + model.positional_embedding[:length]
    x = model.transformer(x, attn_mask=model.attn_mask[:length, :length])
    x = model.ln_final(x)[torch.arange(len(x)), ends]
    return x @ model.text_projection
