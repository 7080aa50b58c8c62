"""Zero-shot detection: a frozen CLIP and words, no picture of the product at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptad_tutorial.prompts import PromptPair, ensemble, product_name
from promptad_tutorial.scoring import Scores, anomaly_maps, prototype, text_score

if TYPE_CHECKING:
    from promptad_tutorial.backbone import Backbone, ImageFeatures


class ZeroShot:
    """Scores pictures by which side of a prompt pair they are nearer to.

    `prompts` default to WinCLIP's ensemble for the product `name`. Image level uses the image
    embedding, pixel level the V-V patch embeddings, both against the same two prototypes.
    """

    def __init__(
        self, backbone: Backbone, name: str, prompts: PromptPair | None = None, map_size: int = 240
    ) -> None:
        self.backbone = backbone
        self.name = product_name(name)
        self.prompts = prompts or ensemble(self.name)
        self.map_size = map_size  # pixels a side of the anomaly maps
        self.normal_prototype = prototype(backbone.encode_text(list(self.prompts.normal)))
        self.anomaly_prototype = prototype(backbone.encode_text(list(self.prompts.anomalous)))

    def fit(self, images: object = None) -> ZeroShot:
        """Nothing to learn: takes pictures only so that all detectors are used alike."""
        return self

    def score(self, images: object) -> Scores:
        """Image scores (B,) and anomaly maps (B, map_size, map_size) of any kind of pictures."""
        return self.score_features(self.backbone.encode_images(images))

    def score_features(self, features: ImageFeatures) -> Scores:
        """The same for features that are there already: CLIP is frozen, so encode once."""
        # In double precision, on the CPU: in single, all scores above 0.9999999 would be one tie.
        sides = [side.cpu().double() for side in (self.normal_prototype, self.anomaly_prototype)]
        temperature = self.backbone.temperature
        patch_scores = text_score(features.patches.cpu().double(), *sides, temperature)
        return Scores(
            text_score(features.cls.cpu().double(), *sides, temperature).numpy(),
            anomaly_maps(patch_scores, self.backbone.grid, self.map_size),
        )
