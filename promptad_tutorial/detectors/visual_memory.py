"""The visual memory alone: no words, only how unlike the shots a picture is."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.clip.image_tower import ImageFeatures
from promptad_tutorial.detectors.detector import VISUAL_MAXIMUM, Detector, on_own_threads
from promptad_tutorial.learning.config import check_map_size
from promptad_tutorial.scoring import SIGMA, Scores, anomaly_maps, highest_of_map
from promptad_tutorial.scoring.memory import remember, visual_score

SMOOTHED_MAXIMUM = "smoothed maximum"  # in a file of the first edition


class VisualMemory(Detector):
    """PromptAD's vision-guided branch by itself (method section 3).

    Map: (1 - max cosine) / 2 per patch, upsampled and smoothed. Image score: the maximum before.
    """

    kind = "visual-memory"
    image_score = VISUAL_MAXIMUM
    first_image_score = SMOOTHED_MAXIMUM

    def __init__(self, backbone: Backbone, name: str, map_size: int = 240) -> None:
        super().__init__(backbone, name)
        self.map_size = check_map_size(map_size)

    def encode(self, images: Any, test: bool = False) -> ImageFeatures:
        """Only block tokens are used."""
        return self.backbone.encode_images(images)

    @on_own_threads
    def fit_features(
        self, features: ImageFeatures, generator: torch.Generator | None = None
    ) -> VisualMemory:
        """Remember; nothing is drawn at random."""
        self.learnt = {"memory": remember(features)}
        return self

    @on_own_threads
    def score_features(self, features: ImageFeatures) -> Scores:
        """The distance of each patch to the nearest that is remembered."""
        visual = visual_score(features.blocks, self.state()["memory"]).cpu().double()
        grid = self.backbone.grid
        maps = anomaly_maps(visual, grid, self.map_size, SIGMA)
        if self.image_score == SMOOTHED_MAXIMUM:
            return Scores(maps.max(axis=(1, 2)), maps)
        return Scores(highest_of_map(visual, grid, self.map_size).numpy(), maps)

    def settings(self) -> dict[str, Any]:
        return {"map_size": self.map_size}

    @classmethod
    def from_settings(cls, backbone: Backbone, name: str, settings: dict[str, Any]) -> VisualMemory:
        return cls(backbone, name, check_map_size(settings["map_size"]))

    def shapes(self, tensors: dict[str, Tensor]) -> dict[str, tuple[int | None, ...]]:
        return {"memory": (len(self.backbone.memory_blocks), None, self.backbone.width)}
