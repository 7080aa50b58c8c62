"""WinCLIP and WinCLIP+ (Jeong et al., CVPR 2023): windows of patches, words, and a memory."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.clip.windows import (
    SIDES,
    WindowFeatures,
    encode_images_and_windows,
    harmonic_mean,
    spread_windows,
    window_patches,
)
from promptad_tutorial.detectors.detector import Detector, on_own_threads
from promptad_tutorial.detectors.saving import check_tensors
from promptad_tutorial.files.pictures import list_images
from promptad_tutorial.learning.config import check_map_size
from promptad_tutorial.prompts.words import PromptPair, ensemble
from promptad_tutorial.scoring.memory import visual_score
from promptad_tutorial.scoring.scores import Scores, anomaly_maps, prototype, text_score
from promptad_tutorial.scoring.threshold import threshold_from_normal_scores


class WinCLIP(Detector):
    """Zero-shot WinCLIP as it is made, WinCLIP+ after `fit`. Nothing is trained.

    `prompts` default to the ensemble for the product `name`; they are encoded when first needed.
    With m_k the map of windows of k x k patches, s the text score and v = (1 - max cosine) / 2:

        WinCLIP:   map = 3 / (1/s(z) + 1/m_2 + 1/m_3),  m_k from s(z_w);      image score = s(z)
        WinCLIP+:  map = (that map + a) / 2;            image score = (s(z) + max(a)) / 2
                   a = (m_1 + m_2 + m_3) / 3,  m_k from v against the shots' windows of that side

    Windows become patches by harmonic means. The paper adds the two maps; half of the sum stays in
    [0, 1], and halving changes no ranking. The maximum is that over patches, before upsampling.
    """

    kind = "winclip"

    def __init__(
        self,
        backbone: Backbone,
        name: str,
        prompts: PromptPair | None = None,
        map_size: int = 240,
        sigma: float = 0.0,
    ) -> None:
        super().__init__(backbone, name)
        if not 0 <= sigma <= 1:
            raise ValueError(f"sigma must be a share of the map's side, 0 to 1, got {sigma}")
        self.prompts = prompts or ensemble(self.name)
        self.map_size = check_map_size(map_size)  # pixels a side of the anomaly maps
        self.sigma = sigma  # of a Gaussian over the maps; 0: the windows smooth already
        self.memory: dict[int, Float[Tensor, "stored _"]] | None = None  # by side: 1, 2, 3

    @cached_property
    def prototypes(self) -> tuple[Float[Tensor, " d"], Float[Tensor, " d"]]:
        """The normal and the anomalous direction of the prompts."""
        sides = self.prompts.normal, self.prompts.anomalous
        normal, anomalous = (prototype(self.backbone.encode_text(list(side))) for side in sides)
        return normal, anomalous

    def encode(self, images: Any, test: bool = False) -> WindowFeatures:
        """Image embedding, windows, and patch tokens of the untouched path."""
        return encode_images_and_windows(self.backbone, images)

    @on_own_threads
    def fit_features(
        self, features: WindowFeatures, generator: torch.Generator | None = None
    ) -> WinCLIP:
        """Remember patches and windows of the shots; nothing is drawn at random."""
        self.memory = {side: found.flatten(0, 1) for side, found in features.by_side.items()}
        return self

    def calibrate(
        self, images: Any, false_positive_rate: float = 0.1, generator_seed: int = 0
    ) -> WinCLIP:
        """See `Detector.calibrate`. Without a memory there is nothing to leave a shot out of."""
        sources = list_images(images)
        if self.memory is not None or len(sources) == 1:
            return super().calibrate(sources, false_positive_rate, generator_seed)
        scores = self.score(sources).image_scores
        self.threshold = threshold_from_normal_scores(scores, false_positive_rate)
        self.false_positive_rate = false_positive_rate
        return self

    @on_own_threads
    def score_features(self, features: WindowFeatures) -> Scores:
        """WinCLIP's scores, or after `fit` WinCLIP+'s, of features that are there already."""
        image_scores, patch_scores = self._text(features.cls), self.zero_shot_map(features)
        if self.memory is not None:
            association = self.association_map(features)
            image_scores = (image_scores + association.amax(dim=1)) / 2
            patch_scores = (patch_scores + association) / 2
        maps = anomaly_maps(patch_scores, self.backbone.grid, self.map_size, self.sigma)
        return Scores(image_scores.numpy(), maps)

    def zero_shot_map(self, features: WindowFeatures) -> Float[Tensor, "b patches"]:
        """What the words say of every patch: 3 / (1/s(z) + 1/m_2 + 1/m_3), in [0, 1]."""
        grid = self.backbone.grid
        maps = [
            spread_windows(self._text(found), grid, side)
            for side, found in features.windows.items()
        ]
        whole = self._text(features.cls)[:, None].expand_as(maps[0])
        return harmonic_mean([whole, *maps])

    def association_map(self, features: WindowFeatures) -> Float[Tensor, "b patches"]:
        """How unlike the shots every patch is: (m_1 + m_2 + m_3) / 3, in [0, 1].

        0 on the shots themselves. RuntimeError if not fitted.
        """
        if self.memory is None:
            raise RuntimeError("this detector has no memory yet: call fit(images) first")
        maps = []
        for side, found in features.by_side.items():
            distances = visual_score(found[None], self.memory[side][None]).cpu().double()
            maps.append(spread_windows(distances, self.backbone.grid, side))
        return torch.stack(maps).mean(dim=0)

    def _text(self, found: Float[Tensor, "*b d"]) -> Float[Tensor, "*b"]:
        """The text score, in double precision on the CPU."""
        normal, anomalous = (side.cpu().double() for side in self.prototypes)
        return text_score(found.cpu().double(), normal, anomalous, self.backbone.temperature)

    # --- saving -----------------------------------------------------------------------------------

    def fresh(self) -> WinCLIP:
        other = type(self)(self.backbone, self.name, self.prompts, self.map_size, self.sigma)
        other.prototypes = self.prototypes  # of the words alone: encode them once
        return other

    def settings(self) -> dict[str, Any]:
        return {
            "normal": list(self.prompts.normal),
            "anomalous": list(self.prompts.anomalous),
            "map_size": self.map_size,
            "sigma": self.sigma,
        }

    @classmethod
    def from_settings(cls, backbone: Backbone, name: str, settings: dict[str, Any]) -> WinCLIP:
        prompts = PromptPair(settings["normal"], settings["anomalous"])
        return cls(
            backbone, name, prompts, check_map_size(settings["map_size"]), float(settings["sigma"])
        )

    def state(self) -> dict[str, Tensor]:
        """The two prototypes and, after `fit`, the memory."""
        normal, anomalous = self.prototypes
        memory = self.memory or {}
        return {"normal": normal, "anomaly": anomalous} | {
            f"memory.{side}": found for side, found in memory.items()
        }

    def restore(self, tensors: dict[str, Tensor]) -> None:
        dim, grid = self.backbone.embed_dim, self.backbone.grid
        expected: dict[str, tuple[int | None, ...]] = {"normal": (dim,), "anomaly": (dim,)}
        fitted = len(tensors) > len(expected)
        if fitted:
            width, patches = self.backbone.width, grid[0] * grid[1]
            # as many shots for every side as the patches are of, and at least one
            shots = max(1, len(tensors["memory.1"]) // patches) if "memory.1" in tensors else None
            for side in (1, *SIDES):
                stored = shots and shots * len(window_patches(grid, side))
                expected[f"memory.{side}"] = (stored, width if side == 1 else dim)
        check_tensors(tensors, expected)
        self.prototypes = tensors["normal"], tensors["anomaly"]
        self.memory = {s: tensors[f"memory.{s}"] for s in (1, *SIDES)} if fitted else None
