"""WinCLIP and WinCLIP+ (Jeong et al., CVPR 2023): windows of patches, words, and a memory.

fit:    features of the shots -> patches and windows, remembered
score:  features -> text scores of windows, distances to what is remembered -> patches -> maps
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
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
    - Means: of unit features, so that each prompt has one vote; others average raw features.
    - Tokens of the patch memory: those before the last block, whose attention only serves CLS;
      others take the last block's after the final norm.
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

    @property
    def few_shot(self) -> bool:
        """Whether there are shots to be unlike of."""
        return self.memory is not None

    @property
    def memory(self) -> dict[int, Float[Tensor, "stored _"]] | None:
        """Tokens of the shots' patches (1) and windows (2, 3); None before `fit`."""
        sides = [side for side in (1, *SIDES) if f"memory.{side}" in self.learnt]
        return {side: self.learnt[f"memory.{side}"] for side in sides} or None

    @property
    def prototypes(self) -> tuple[Float[Tensor, " d"], Float[Tensor, " d"]]:
        """The normal and the anomalous direction of the prompts."""
        learnt = self.state()
        return learnt["normal"], learnt["anomaly"]

    def state(self) -> dict[str, Tensor]:
        """The two prototypes and, after `fit`, the memory."""
        if "normal" not in self.learnt:
            sides = {"normal": self.prompts.normal, "anomaly": self.prompts.anomalous}
            self.learnt |= {name: prototype(self._encode(side)) for name, side in sides.items()}
        return super().state()

    @torch.no_grad()
    def _encode(self, texts: tuple[str, ...]) -> Float[Tensor, "n d"]:
        """Features of one side's prompts, of length 1 or as the tower gives them."""
        texts, b = [f"{text}." if self.reading.full_stop else text for text in texts], self.backbone
        if not self.reading.raw_means:
            return b.encode_text(texts)
        ids = b.tokenize(texts)
        return b.encode_prompt_embeddings(b.embed_tokens(ids), b.eot_positions(ids), False)

    def encode(self, images: Any, test: bool = False) -> WindowFeatures:
        """Image embedding, windows, and patch tokens of the untouched path."""
        last_tokens = self.reading.last_tokens
        return encode_images_and_windows(self.backbone, images, last_tokens=last_tokens)

    @on_own_threads
    def fit_features(
        self, features: WindowFeatures, generator: torch.Generator | None = None
    ) -> WinCLIP:
        """Remember patches and windows of the shots; nothing is drawn at random."""
        for side, found in features.by_side.items():
            self.learnt[f"memory.{side}"] = found.flatten(0, 1)
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
        grid, windows = self.backbone.grid, features.windows.items()
        maps = [spread_windows(self._text(found), grid, side) for side, found in windows]
        whole = self._text(features.cls)[:, None].expand_as(maps[0])
        return harmonic_mean([whole, *maps])

    def association_map(self, features: WindowFeatures) -> Float[Tensor, "b patches"]:
        """How unlike the shots every patch is: a, in [0, 1]. RuntimeError if not fitted."""
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
        other.learnt = {name: self.state()[name] for name in ("normal", "anomaly")}  # encoded once
        return other

    def settings(self) -> dict[str, Any]:
        here = {"map_size": self.map_size, "sigma": self.sigma, "reading": asdict(self.reading)}
        return asdict(self.prompts) | here

    @classmethod
    def from_settings(cls, backbone: Backbone, name: str, settings: dict[str, Any]) -> WinCLIP:
        prompts = PromptPair(settings["normal"], settings["anomalous"])
        size, sigma = check_map_size(settings["map_size"]), float(settings["sigma"])
        reading = Reading(**settings.get("reading", {}))  # files of the first edition have none
        return cls(backbone, name, prompts, size, sigma, reading)

    def shapes(self, tensors: dict[str, Tensor]) -> dict[str, tuple[int | None, ...]]:
        dim, grid = self.backbone.embed_dim, self.backbone.grid
        found: dict[str, tuple[int | None, ...]] = {"normal": (dim,), "anomaly": (dim,)}
        if len(tensors) > len(found):  # after `fit`: as many shots for every side, at least one
            patches = tensors.get("memory.1", ())
            shots = max(1, len(patches) // len(window_patches(grid, 1)))
            for side in (1, *SIDES):
                width = self.backbone.width if side == 1 else dim
                found[f"memory.{side}"] = (shots * len(window_patches(grid, side)), width)
        return found
