"""Move the margin, its weight and lambda; the prompts are learnt again while you look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import ipywidgets as widgets
import torch
from torch import Tensor

from promptad_tutorial.detectors import PromptAD
from promptad_tutorial.explorers.base import Explorer
from promptad_tutorial.explorers.encoded import ShotFeatures
from promptad_tutorial.figures import Illustration
from promptad_tutorial.figures.margin import plane_and_scores
from promptad_tutorial.figures.wording import rounded, sentences
from promptad_tutorial.learning import losses
from promptad_tutorial.learning.config import PromptADConfig
from promptad_tutorial.learning.loop import Level, train
from promptad_tutorial.prompts.learner import PromptLearner
from promptad_tutorial.prompts.words import product_name
from promptad_tutorial.scoring import text_score
from promptad_tutorial.scoring.metrics import image_auroc

LARGEST_MARGIN = 1.0
WEIGHTS = (0.0, 1.0, 10.0, 100.0)  # of the margin; the paper's is 1
LAMBDAS = (0.0, 0.001, 0.1, 1.0, 10.0, 100.0)  # of the alignment; the paper's is 0.001
SEED = 0  # of the random start; the shots are the first draw


class MarginExplorer(Explorer):
    """What margin, EAM weight and lambda do to prototypes, scores and AUROC of the image level.

    Controls: `product_line`, `margin` (0 to 1), `weight` (of the explicit anomaly margin) and
    `alignment` (lambda). Each change learns the prompts again, on the first draw of shots. Shows
    the plane of w_n and w_a and the histogram of the image scores; the status gives the image
    AUROC and says on how many shots the hinge acts before and after learning.
    """

    def __init__(
        self,
        backbone: Any,
        lines: Mapping[str, ShotFeatures],
        config: PromptADConfig | None = None,
    ) -> None:
        """`lines` has the features of each product line, from `encode_shots`. `config` says how
        to learn, by default as the paper does; margin, weight and lambda are the controls'.

        Raises ValueError for no lines, and for a config without negatives.
        """
        super().__init__(lines)
        self.backbone, self.config = backbone, config or PromptADConfig()
        if not self.config.states and not self.config.n_anomaly_suffixes:
            raise ValueError("expected states or learnt suffixes to make negatives of, found none")
        self.margin = widgets.FloatSlider(
            value=0.0, min=0.0, max=LARGEST_MARGIN, step=0.1, description="margin"
        )
        self.weight, self.alignment = (
            widgets.SelectionSlider(options=values, value=paper, description=name)
            for name, paper, values in (("EAM weight", 1.0, WEIGHTS), ("lambda", 0.001, LAMBDAS))
        )
        self.start(self.product_line, self.margin, self.weight, self.alignment)

    def draw(
        self, name: str, margin: float, weight: float, alignment: float
    ) -> tuple[Illustration, str]:
        """The prototypes' plane and the scores; AUROC and what the hinge did as the status."""
        line = self.lines[name]
        margin = round(float(margin), 6)  # a slider's 0.1 + 0.2 is not 0.3
        config = replace(
            self.config, margin=margin, margin_weight=weight, alignment_weight=alignment
        )
        shots, generator = line.draws[0], torch.Generator().manual_seed(SEED)
        learner = PromptAD(self.backbone, name, config).learners(generator)["image"]
        start = _sides(learner)
        # the image level alone: the pixel level learns beside it, and changes nothing here
        train([Level("image", learner, shots)], config, self.backbone.temperature)
        normal, anomalous, aligned = end = _sides(learner)
        images, z = shots.cpu().double(), line.test.cls.cpu().double()
        scores = text_score(z, normal, anomalous, self.backbone.temperature).numpy()
        product = product_name(name)
        setting = f"margin {margin:g}, weight {weight:g} and lambda {alignment:g}"
        picture = plane_and_scores(
            *(each.numpy() for each in (normal, anomalous, images, z)),
            line.test.labels,
            scores,
            margin,
            caption=f"{product}, {setting}".capitalize(),
        )
        # of unit vectors: d(z, w_n) - d(z, w_a) = 2 <z, w_a - w_n>
        acts = [int((2 * images @ (a - n) + margin > 0).sum()) for n, a, _ in (start, end)]
        hinge = (
            f"The hinge acts on {acts[0]} of {len(shots)} shots before learning, {acts[1]} after"
        )
        return picture, sentences(
            f"Image AUROC {rounded(image_auroc(line.test.labels, scores))} for {product} with "
            f"{setting}",
            hinge if weight else f"{hinge}, but it has no weight",
            f"The cosine of w_n and w_a is {rounded(float(normal @ anomalous))}, the alignment "
            f"loss {rounded(aligned, 3)}",
        )


@torch.no_grad()
def _sides(learner: PromptLearner) -> tuple[Tensor, Tensor, float]:
    """w_n, w_a and the alignment loss of the prompts as they are, in double precision."""
    features = learner()
    normal, anomalous = losses.prototypes(features)
    assert anomalous is not None  # refused in __init__
    aligned = float(losses.alignment(features.manual, features.learnt))
    return normal.cpu().double(), anomalous.cpu().double(), aligned
