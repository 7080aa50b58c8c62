"""Training batches: pictures, captions that are true of them, and who is true of whom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from workshop.minifactory.captions import THINGS, Caption, compose
from workshop.minifactory.catalogue import KINDS
from workshop.pretraining.render_set import PIECES_A_STYLE, RenderSet

NOISE_TOKEN = -1  # stands for a word that the model does not know


@dataclass(frozen=True)
class BatchPlan:
    """How a batch is drawn."""

    hard_kinds: int = 3  # kinds that fill the hard part: negatives are the same thing, other defect
    hard_each: int = 21  # pictures of each of them
    whole_styles: bool = False  # hard pictures come as all pieces of a look, good and defective
    weakest: int = 0  # hard pictures with a defect below this strength, in %, are left out
    spread: int = 65  # pictures drawn over all kinds: negatives are other things
    object_weight: float = 1.0  # how much oftener than a texture an object is a hard kind
    window: bool = False  # smaller pictures are windows of whole patches, not shrunk ones
    grey_share: float = 0.15  # pictures shown without colour (their captions name none)
    unknown_share: float = (
        0.25  # captions in which 1-4 unknown words stand before or after the rest
    )


@dataclass(frozen=True)
class Batch:
    images: Float[Tensor, "b 3 s s"]  # in [0, 1]
    tokens: Int[Tensor, "2*b t"]  # captions, then their counters; NOISE_TOKEN: an unknown word
    ends: Int[Tensor, " 2*b"]  # position of the end-of-text token
    countered: Bool[Tensor, " b"]  # caption i speaks of the state, and so has a counter
    true: Bool[Tensor, "b b"]  # true[i, j]: caption j is true of picture i
    patches: Int[Tensor, "b g g"]  # defect of each patch (0: none)
    corner: tuple[int, int] | None  # of a window in the whole picture, in patches


def draw_batch(
    data: RenderSet, plan: BatchPlan, tokenize, seed: int, step: int, size: int, patch: int = 8
) -> Batch:
    """Batch number `step`: depends on the set, the plan and the two numbers alone."""
    draw = np.random.default_rng([seed, step])
    index = choose(data, plan, draw)
    labels = data.labels[index].astype(np.int64)
    grey = draw.random(len(index)) < plan.grey_share
    captions = [_caption(data, label, g, draw) for label, g in zip(labels, grey, strict=True)]
    images, masks = data.images[index], data.masks[index]
    corner = None
    if plan.window and size < images.shape[1]:
        row, column = draw.integers((images.shape[1] - size) // patch + 1, size=2)
        corner = int(row), int(column)
        images, masks = _window(images, masks, corner, size, patch, draw)
    else:
        images, masks = _turned(images, masks, draw)
    # A caption without a counter stands in for it: the pair does not count.
    texts = [c.text for c in captions] + [c.counter or c.text for c in captions]
    tokens, ends = with_unknown_words(texts, tokenize, plan, draw)
    return Batch(
        augmented(images, grey, size, draw),
        tokens,
        ends,
        torch.tensor([c.counter is not None for c in captions]),
        torch.from_numpy(truth(data, labels, grey, captions)),
        _patch_labels(masks, labels[:, 2], size // patch),
        corner,
    )


def truth(data: RenderSet, labels: np.ndarray, grey: np.ndarray, captions: list[Caption]):
    """(b, b) bool: does everything that caption j claims hold for picture i?"""
    kind, colour, defect = (column[:, None] for column in labels[:, :3].T)
    silent = -9
    kind_of = {name: number for number, name in enumerate(data.kinds)} | {None: silent}
    colour_of = {name: number for number, name in enumerate(data.colours)} | {None: silent}
    state_of = {name: number for number, name in enumerate(data.defects)}
    state_of |= {None: silent, "good": -1, "bad": -2}
    said = np.array([(kind_of[c.kind], colour_of[c.colour], state_of[c.state]) for c in captions])
    kinds, colours, states = (column[None, :] for column in said.T)
    right_kind = (kinds == silent) | (kinds == kind)
    right_colour = (colours == silent) | ((colours == colour) & ~grey[:, None])
    right_state = (states == silent) | (states == defect) | ((states == -2) & (defect >= 0))
    return right_kind & right_colour & right_state


def choose(data: RenderSet, plan: BatchPlan, draw) -> np.ndarray:
    kinds, _, defects, strengths = data.labels.T
    usable = (defects < 0) | (strengths >= plan.weakest)
    present = np.unique(kinds)
    objects = [k >= 0 and KINDS[data.kinds[k]].family == "object" for k in present]
    weights = np.where(objects, plan.object_weight, 1.0)
    picked = []
    chances = weights / weights.sum()
    for kind in draw.choice(present, plan.hard_kinds, replace=False, p=chances):
        mine = np.flatnonzero((kinds == kind) & usable)
        if plan.whole_styles:
            style = mine // PIECES_A_STYLE
            order = draw.permutation(np.unique(style))[: plan.hard_each]
            mine = np.concatenate([mine[style == one] for one in order])[: plan.hard_each]
        picked.append(mine if plan.whole_styles else draw.choice(mine, plan.hard_each))
    return np.concatenate([*picked, draw.integers(len(kinds), size=plan.spread)])


def _caption(data: RenderSet, label: np.ndarray, grey: bool | np.bool_, draw) -> Caption:
    defect = None if label[2] < 0 else data.defects[label[2]]
    if label[0] < 0:  # a found surface has no name, and nobody says its colour
        return compose(None, THINGS, None, defect, draw)
    kind = KINDS[data.kinds[label[0]]]
    colour = None if grey else data.colours[label[1]]
    return compose(kind.name, kind.words, colour, defect, draw)


def _turned(images: np.ndarray, masks: np.ndarray, draw) -> tuple[np.ndarray, np.ndarray]:
    """The same random flip and quarter turn for a picture and its mask."""
    images, masks = images.copy(), masks.copy()
    for i, way in enumerate(draw.integers(8, size=len(images))):
        for stack in (images, masks):
            stack[i] = one_way(stack[i], way)
    return images, masks


def _window(
    images: np.ndarray, masks: np.ndarray, corner: tuple[int, int], size: int, patch: int, draw
) -> tuple[np.ndarray, np.ndarray]:
    """The same window of every picture, each flipped and turned so that its defect stays in it.

    Of the eight ways to turn a picture, in random order, the first that keeps most of the defect.
    """
    cell = images.shape[1] // masks.shape[1]
    row, column = (c * patch for c in corner)
    view = np.s_[row : row + size, column : column + size]
    cells = np.s_[row // cell : (row + size) // cell, column // cell : (column + size) // cell]
    pictures, marks = [], []
    for image, mask in zip(images, masks, strict=True):
        best = -1.0
        for way in draw.permutation(8):
            turned = one_way(mask, way)
            kept = turned[cells].sum() / turned.sum() if turned.any() else 1.0
            if kept > best:
                best, chosen = kept, way
            if kept > 0.8:
                break
        pictures.append(one_way(image, chosen)[view])
        marks.append(one_way(mask, chosen)[cells])
    return np.stack(pictures), np.stack(marks)


def one_way(picture: np.ndarray, way: int | np.integer) -> np.ndarray:
    """One of the eight ways to flip and turn a square."""
    turned = np.rot90(picture, int(way) // 2)
    return turned[::-1] if way % 2 else turned


def augmented(images: np.ndarray, grey: np.ndarray, size: int, draw) -> Float[Tensor, "b 3 s s"]:
    """Exposure, contrast, white balance, grey pictures, and a little blur or noise."""
    n = len(images)
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255.0
    if size != x.shape[-1]:
        x = torch.nn.functional.interpolate(
            x, size=(size, size), mode="bilinear", antialias=True, align_corners=False
        )
    shade = torch.from_numpy(grey).view(-1, 1, 1, 1)
    x = torch.where(shade, x.mean(dim=1, keepdim=True), x)

    def uniform(low: float, high: float, channels: int = 1) -> Tensor:
        return torch.from_numpy(draw.uniform(low, high, (n, channels, 1, 1)).astype(np.float32))

    balance = torch.where(shade, torch.ones(n, 3, 1, 1), uniform(0.95, 1.05, 3))
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    x = ((x - mean) * uniform(0.75, 1.25) + mean) * uniform(0.8, 1.2) * balance
    soft = torch.nn.functional.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
    x = torch.lerp(x, soft, uniform(-0.4, 0.6))  # below zero it sharpens
    noise = torch.from_numpy(draw.standard_normal(x.shape, dtype=np.float32))
    return (x + uniform(0.0, 0.02) * noise).clamp(0.0, 1.0)


def with_unknown_words(texts: list[str], tokenize, plan: BatchPlan, draw) -> tuple[Tensor, Tensor]:
    tokens = tokenize(texts)
    ends = tokens.argmax(dim=-1)
    for i in np.flatnonzero(draw.random(len(texts)) < plan.unknown_share):
        extra = int(draw.integers(1, 5))
        end = int(ends[i])
        place = 1 if draw.random() < 0.75 else end - texts[i].endswith(".")
        rest = tokens[i, place : end + 1].clone()
        tokens[i, place : place + extra] = NOISE_TOKEN
        tokens[i, place + extra : end + 1 + extra] = rest
        ends[i] += extra
    return tokens[:, : int(ends.max()) + 1], ends


def _patch_labels(masks: np.ndarray, defects: np.ndarray, grid: int) -> Int[Tensor, "b g g"]:
    cell = masks.shape[1] // grid
    touched = masks.reshape(len(masks), grid, cell, grid, cell).mean(axis=(2, 4)) > 0.15
    return torch.from_numpy(touched * (defects[:, None, None] + 1))
