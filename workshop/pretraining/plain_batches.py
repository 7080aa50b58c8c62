"""Batches of the plain world: renders with captions, crops without, and the teacher's features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from workshop.minifactory.catalogue import KINDS
from workshop.pretraining.batches import augmented, choose, truth, with_unknown_words
from workshop.pretraining.distillation import taught_batch, turned
from workshop.pretraining.plain_recipe import PlainRecipe
from workshop.pretraining.render_set import RenderSet
from workshop.pretraining.taught_features import TaughtSet
from workshop.pretraining.web_captions import compose


@dataclass(frozen=True)
class PlainData:
    """What the plain world is trained on."""

    renders: RenderSet
    taught_renders: TaughtSet  # of the same pictures
    crops: TaughtSet

    def __post_init__(self) -> None:
        if len(self.taught_renders) != len(self.renders.labels):
            raise ValueError(
                f"expected the teacher's features of {len(self.renders.labels)} renders, found "
                f"{len(self.taught_renders)}: run `tinyclip teach` on this very set"
            )


@dataclass(frozen=True)
class PlainBatch:
    images: Float[Tensor, "n 3 s s"]  # in [0, 1]: captioned renders first, then crops
    tokens: Int[Tensor, "b t"]  # captions of the first b pictures; NOISE_TOKEN: an unknown word
    ends: Int[Tensor, " b"]  # position of the end-of-text token
    true: Bool[Tensor, "b b"]  # true[i, j]: caption j is true of picture i
    taught: Int[Tensor, " m"]  # pictures that have features: all but those shown without colour
    features: Float[Tensor, "blocks m patches taught"]


def plain_batch(data: PlainData, recipe: PlainRecipe, tokenize, step: int) -> PlainBatch:
    """Batch number `step`: depends on the data, the recipe and the step alone."""
    draw = np.random.default_rng([recipe.seed, step, 10])
    plan, renders = recipe.captioned, data.renders
    index = choose(renders, plan, draw)
    labels = renders.labels[index].astype(np.int64)
    n = len(index)
    grey = draw.random(n) < plan.grey_share
    captions = []
    for (kind, colour, defect, _), no_colour in zip(labels, grey, strict=True):
        named = KINDS[renders.kinds[kind]] if kind >= 0 else None
        shown = None if named is None or no_colour else renders.colours[colour]
        captions.append(
            compose(named, shown, renders.defects[defect] if defect >= 0 else None, draw)
        )
    tokens, ends = with_unknown_words([c.text for c in captions], tokenize, plan, draw)
    ways = draw.integers(8, size=n)
    shown, taught = turned(renders.images[index], data.taught_renders.features[index], ways)
    crops, taught_crops = taught_batch(data.crops, recipe.crops, draw)
    images = np.concatenate([shown, crops])
    no_colour = np.concatenate([grey, np.zeros(len(crops), bool)])
    has_features = np.flatnonzero(~no_colour)
    features = torch.cat([taught, taught_crops], dim=1)
    return PlainBatch(
        augmented(images, no_colour, images.shape[1], draw),
        tokens,
        ends,
        torch.from_numpy(truth(renders, labels, grey, captions)),
        torch.from_numpy(has_features),
        features[:, has_features],
    )
