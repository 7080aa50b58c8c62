"""Zero-shot detection: a frozen CLIP and words, no picture of the product at all."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.clip.image_tower import ImageFeatures
from promptad_tutorial.detectors.detector import Detector, on_own_threads
from promptad_tutorial.learning.config import check_map_size
from promptad_tutorial.prompts.words import PromptPair, ensemble
from promptad_tutorial.scoring import Scores, anomaly_maps, exact_text_score, prototype


class ZeroShot(Detector):
    """Scores pictures by which side of a prompt pair they are nearer to.

    `prompts` default to WinCLIP's ensemble for the product `name`. Image level uses the image
    embedding, pixel level the V-V patch embeddings, both against the same two prototypes.
    """

    kind = "zero-shot"
    few_shot = False

    def __init__(
        self, backbone: Backbone, name: str, prompts: PromptPair | None = None, map_size: int = 240
    ) -> None:
        super().__init__(backbone, name)
        self.prompts = prompts or ensemble(self.name)
        self.map_size = check_map_size(map_size)  # pixels a side of the anomaly maps
        self.learnt = {
            "normal": prototype(backbone.encode_text(list(self.prompts.normal))),
            "anomaly": prototype(backbone.encode_text(list(self.prompts.anomalous))),
        }

    @property
    def normal_prototype(self) -> Float[Tensor, " d"]:
        return self.learnt["normal"]

    @property
    def anomaly_prototype(self) -> Float[Tensor, " d"]:
        return self.learnt["anomaly"]

    def encode(self, images: Any, test: bool = False) -> ImageFeatures:
        """Image embedding and V-V patches."""
        return self.backbone.encode_images(images, blocks=())

    def fit(self, images: Any = None, generator: torch.Generator | None = None) -> Detector:
        """Nothing to learn: takes pictures only so that all detectors are used alike."""
        return self.forget_threshold()

    def fit_features(
        self, features: ImageFeatures, generator: torch.Generator | None = None
    ) -> ZeroShot:
        """Nothing to learn here either."""
        return self

    @on_own_threads
    def score_features(self, features: ImageFeatures) -> Scores:
        """The scores of features that are there already: CLIP is frozen, so encode once."""
        sides = self.normal_prototype, self.anomaly_prototype, self.backbone.temperature
        patch_scores = exact_text_score(features.patches, *sides)
        return Scores(
            exact_text_score(features.cls, *sides).numpy(),
            anomaly_maps(patch_scores, self.backbone.grid, self.map_size),
        )

    def settings(self) -> dict[str, Any]:
        return asdict(self.prompts) | {"map_size": self.map_size}

    @classmethod
    def from_settings(cls, backbone: Backbone, name: str, settings: dict[str, Any]) -> ZeroShot:
        prompts = PromptPair(settings["normal"], settings["anomalous"])
        return cls(backbone, name, prompts, check_map_size(settings["map_size"]))

    def shapes(self, tensors: dict[str, Tensor]) -> dict[str, tuple[int | None, ...]]:
        return dict.fromkeys(("normal", "anomaly"), (self.backbone.embed_dim,))
