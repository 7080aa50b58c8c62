"""WinCLIP and WinCLIP+ (Jeong et al., CVPR 2023): windows of patches, words, and a memory."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
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
from promptad_tutorial.learning.config import check_map_size
from promptad_tutorial.prompts.words import PromptPair, ensemble
from promptad_tutorial.scoring import Scores, anomaly_maps, exact_text_score, prototype
from promptad_tutorial.scoring.memory import visual_score


@dataclass(frozen=True)
class Reading:
    """Where implementations read WinCLIP's paper differently; the defaults are our reading.

    - Full stop: "a photo of a nut", as the paper lists its templates; others close each with one.
    - Temperature: the one that CLIP was trained with (None), about 100, because only with it is the
      softmax a probability to CLIP; others take the 1/0.07 that CLIP's training started from.
    - Means: of unit features, so that each prompt has one vote; others average raw features, in
      which a longer one weighs more. (PromptAD does the latter, method section 1.)
    - Tokens of the patch memory: those before the last block, whose attention only serves CLS;
      others take the last block's after the final norm.

    `ladder --set readings` measures the first three. Temperature and means are the two that move
    scores of the same features; a full stop is another prompt, another token set another encoding.
    """

    full_stop: bool = False
    temperature: float | None = None
    raw_means: bool = False
    last_tokens: bool = False

    def __post_init__(self) -> None:
        switches = (self.full_stop, self.raw_means, self.last_tokens)
        t = self.temperature
        if not all(isinstance(one, bool) for one in switches):
            raise ValueError(f"full_stop, raw_means and last_tokens must be switches, got {self}")
        if t is not None and not (isinstance(t, (int, float)) and 0 < t < float("inf")):
            raise ValueError(f"temperature must be a positive number or None, got {t!r}")


class WinCLIP(Detector):
    """Zero-shot WinCLIP as it is made, WinCLIP+ after `fit`. Nothing is trained.

    `prompts` default to the ensemble for the product `name`; they are encoded when first needed.
    `reading` says what the paper leaves open, see `Reading`.
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
        reading: Reading | None = None,
    ) -> None:
        super().__init__(backbone, name)
        if not 0 <= sigma <= 1:
            raise ValueError(f"sigma must be a share of the map's side, 0 to 1, got {sigma}")
        self.prompts = prompts or ensemble(self.name)
        self.map_size = check_map_size(map_size)  # pixels a side of the anomaly maps
        self.sigma = sigma  # of a Gaussian over the maps; 0: the windows smooth already
        self.reading = reading or Reading()
        self.memory: dict[int, Float[Tensor, "stored _"]] | None = None  # by side: 1, 2, 3

    @cached_property
    def prototypes(self) -> tuple[Float[Tensor, " d"], Float[Tensor, " d"]]:
        """The normal and the anomalous direction of the prompts."""
        end = "." if self.reading.full_stop else ""
        encode = self._raw if self.reading.raw_means else self.backbone.encode_text
        sides = ([f"{text}{end}" for text in side] for side in vars(self.prompts).values())
        normal, anomalous = (prototype(encode(side)) for side in sides)
        return normal, anomalous

    @torch.no_grad()
    def _raw(self, texts: list[str]) -> Float[Tensor, "n d"]:
        """Features of texts as the tower gives them."""
        ids, b = self.backbone.tokenize(texts), self.backbone
        return b.encode_prompt_embeddings(b.embed_tokens(ids), b.eot_positions(ids), False)

    def encode(self, images: Any, test: bool = False) -> WindowFeatures:
        """Image embedding, windows, and patch tokens of the untouched path."""
        return encode_images_and_windows(
            self.backbone, images, last_tokens=self.reading.last_tokens
        )

    @on_own_threads
    def fit_features(
        self, features: WindowFeatures, generator: torch.Generator | None = None
    ) -> WinCLIP:
        """Remember patches and windows of the shots; nothing is drawn at random."""
        self.memory = {side: found.flatten(0, 1) for side, found in features.by_side.items()}
        return self

    def left_out_scores(self, features: WindowFeatures, generator_seed: int = 0) -> np.ndarray:
        """See `Detector.left_out_scores`. Without a memory there is nothing to leave out of."""
        if self.memory is None:
            return self.score_features(features).image_scores
        return super().left_out_scores(features, generator_seed)

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
        t = self.reading.temperature or self.backbone.temperature
        return exact_text_score(found, *self.prototypes, t)

    # --- saving -----------------------------------------------------------------------------------

    def fresh(self) -> WinCLIP:
        other = super().fresh()
        other.prototypes = self.prototypes  # of the words alone: encode them once
        return other

    def settings(self) -> dict[str, Any]:
        return {
            "normal": list(self.prompts.normal),
            "anomalous": list(self.prompts.anomalous),
            "map_size": self.map_size,
            "sigma": self.sigma,
            "reading": asdict(self.reading),
        }

    @classmethod
    def from_settings(cls, backbone: Backbone, name: str, settings: dict[str, Any]) -> WinCLIP:
        prompts = PromptPair(settings["normal"], settings["anomalous"])
        size, sigma = check_map_size(settings["map_size"]), float(settings["sigma"])
        reading = Reading(**settings.get("reading", {}))  # files of the first edition have none
        return cls(backbone, name, prompts, size, sigma, reading)

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
