"""How like CLIP is it? Figures of a model's joint space, measured before anything is learnt."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.prompts.words import ensemble
from promptad_tutorial.scoring import prototype
from promptad_tutorial.scoring.maps import highest_of_map
from promptad_tutorial.scoring.memory import visual_score
from promptad_tutorial.scoring.text_score import text_score
from workshop.pretraining.held_out import image_embeddings
from workshop.pretraining.held_out_memory import LookSet
from workshop.pretraining.render_set import RenderSet


def own_and_other_cosines(
    images: Float[Tensor, "n d"], texts: Float[Tensor, "kinds d"], kinds: np.ndarray
) -> tuple[float, float]:
    """Mean cosine of pictures with the caption of their own kind, and with those of the others."""
    cosines = images @ texts.T
    own = torch.zeros_like(cosines, dtype=torch.bool)
    own[torch.arange(len(images)), torch.from_numpy(kinds)] = True
    return float(cosines[own].mean()), float(cosines[~own].mean())


@torch.no_grad()
def likeness(
    backbone: Backbone, renders: RenderSet, looks: LookSet, condition_share: float
) -> pd.DataFrame:
    """One row a figure: its name and its value.

    Pictures are held-out renders with a name. Captions are "a photo of a <name>". w_n and w_a are
    the prototypes of WinCLIP's ensemble, a mean over the kinds. A spread is the standard deviation
    of scores over good and defective pictures of one kind or look, again a mean over these.
    `condition_share` is the share of training captions that speak of the condition.
    """
    named = np.flatnonzero(renders.labels[:, 0] >= 0)
    kinds = renders.labels[named, 0].astype(np.int64)
    images = image_embeddings(backbone, renders)[named]
    texts = backbone.encode_text([f"a photo of a {name}" for name in renders.kinds])
    own, other = own_and_other_cosines(images, texts, kinds)
    between, text_spread = [], []
    for number in np.unique(kinds):
        prompts = ensemble(renders.kinds[number])
        normal, anomalous = (
            prototype(backbone.encode_text(list(side))).double()
            for side in (prompts.normal, prompts.anomalous)
        )
        between.append(float(normal @ anomalous / (normal.norm() * anomalous.norm())))
        here = images[torch.from_numpy(kinds == number)].double()
        text_spread.append(float(text_score(here, normal, anomalous, backbone.temperature).std()))
    visual_spread = []
    for pieces in looks.images:
        blocks = backbone.encode_images(list(pieces)).blocks
        shots, tests = blocks[:, :4], blocks[:, looks.plan.shots :]
        scores = visual_score(tests, shots.flatten(1, 2))
        visual_spread.append(float(highest_of_map(scores, backbone.grid, 240).std()))
    rows = {
        "temperature": backbone.temperature,
        "cosine with own caption": own,
        "cosine with other captions": other,
        "cosine of w_n and w_a": float(np.mean(between)),
        "spread of text scores": float(np.mean(text_spread)),
        "spread of visual scores, 4 shots": float(np.mean(visual_spread)),
        "captions about the condition": condition_share,
    }
    return pd.DataFrame(rows.items(), columns=["figure", "value"])
