"""What all detectors have in common: fit on normal images, score, decide, save and load.

images -> `encode` -> features -> `fit_features` -> learnt tensors
images -> `encode` -> features -> `score_features` -> image scores (b,), maps (b, size, size)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from tqdm.auto import trange

from promptad_tutorial.clip.backbone import LONG_WORK, Backbone
from promptad_tutorial.detectors import saving
from promptad_tutorial.files.pictures import list_images, read_image
from promptad_tutorial.prompts.words import product_name
from promptad_tutorial.scoring import Scores
from promptad_tutorial.scoring.threshold import (
    Promise,
    light_variations,
    shots_needed,
    threshold_from_normal_scores,
)

VISUAL_MAXIMUM = "visual maximum"  # how image scores are made where there is a memory
BATCH = 16  # pictures whose features `score` holds at once
NEARLY_EQUAL = 5e-4  # 1 - cosine of z: a picture saved twice as JPEG; others are far above


def on_own_threads(method: Callable) -> Callable:
    """A detector's method that computes with as many threads as suit its backbone."""

    @wraps(method)
    def run(self: Detector, *given: Any, **named: Any) -> Any:
        with self.backbone.threads():
            return method(self, *given, **named)

    return run


class Detector(ABC):
    """Fitted on normal images of one product, gives image scores, anomaly maps and decisions.

    "Features" are whatever a kind's `encode` returns: they have a length, and an index gives those
    of some images. `learnt` holds by name what a fit has found, and what a file keeps.
    """

    kind: ClassVar[str]  # the name of this kind of detector in saved files and tables
    image_score: str | None = None  # how image scores are made, of kinds that know two ways
    first_image_score: ClassVar[str | None] = None  # the way of files of the first edition
    few_shot: bool = True  # whether scores depend on the shots

    def __init__(self, backbone: Backbone, name: str) -> None:
        self.backbone = backbone
        self.name = product_name(name)
        self.learnt: dict[str, Tensor] = {}
        self.threshold: float | None = None  # of the image score: set by `calibrate`
        self.false_positive_rate: float | None = None  # what the threshold was set for
        self.promise: Promise | None = None  # what `calibrate` says of it

    def __repr__(self) -> str:
        made = f", image score: {self.image_score}" if self.image_score else ""
        return f"{type(self).__name__}({self.name!r}, {self.backbone.label}{made})"

    # --- what a kind of detector fills in -------------------------------------------------------

    @abstractmethod
    def encode(self, images: Any, test: bool = False) -> Any:
        """Features of images. `test` says that they are there to be scored."""

    @abstractmethod
    def fit_features(self, features: Any, generator: torch.Generator | None = None) -> Detector:
        """Learn from the features of the shots."""

    @abstractmethod
    def score_features(self, features: Any) -> Scores:
        """Image scores (B,) and maps (B, map_size, map_size). RuntimeError if not fitted."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """Everything but backbone and name that `__init__` needs, fit for JSON."""

    @classmethod
    @abstractmethod
    def from_settings(cls, backbone: Backbone, name: str, settings: dict[str, Any]) -> Detector:
        """A detector with these settings. ValueError or TypeError for settings that do not fit."""

    @abstractmethod
    def shapes(self, tensors: dict[str, Tensor]) -> dict[str, tuple[int | None, ...]]:
        """The shapes that `learnt` must have here; None fits any length but 0."""

    # --- what all have --------------------------------------------------------------------------

    def fit(self, images: Any, generator: torch.Generator | None = None) -> Detector:
        """Learn from the k shots: normal images, as paths, PIL images, arrays or ready tensors.

        The order of the images does not matter. `generator` draws what is drawn at random; by
        default one with seed 0. Returns the detector itself. ImageError for images that cannot be
        used, or none.
        """
        self.fit_features(in_fixed_order(self.encode(images)), generator)
        return self.forget_threshold()

    def score(self, images: Any) -> Scores:
        """Image scores (B,) and anomaly maps (B, map_size, map_size) of any kind of images.

        Higher is more anomalous. RuntimeError if not fitted, ImageError for images.
        """
        sources = list_images(images)
        found = []
        for i in trange(0, len(sources), BATCH, leave=False, disable=len(sources) < LONG_WORK):
            found.append(self.score_features(self.encode(sources[i : i + BATCH], test=True)))
        return Scores(
            np.concatenate([one.image_scores for one in found]),
            np.concatenate([one.anomaly_maps for one in found]),
        )

    def predict(self, images: Any) -> Bool[np.ndarray, " b"]:
        """Which images are anomalous: score above the threshold. RuntimeError without one."""
        if self.threshold is None:
            raise RuntimeError("there is no threshold yet: call calibrate(shots) first")
        return self.score(images).image_scores > self.threshold

    def calibrate(
        self,
        images: Any,
        false_positive_rate: float = 0.1,
        generator_seed: int = 0,
        method: str = "student",
    ) -> Detector:
        """Set `threshold` from the shots alone, and `promise`: what it promises, see `threshold`.

        Each of the shots is scored by a detector that has learnt from the others, so this takes as
        many fits as there are shots. Equal and nearly equal shots count once; of a single one,
        light variations are scored. `method` is "student" or "conformal".

        Raises ValueError where the rate cannot be promised from so many shots, with the rate or the
        number of shots that can; the detector keeps the threshold that it had.
        """
        images = list_images(images)  # an iterator can be read only once
        features = in_fixed_order(self.encode(images))
        features = features[different(features.cls)]
        alone = len(features) == 1
        if alone and method == "conformal":
            raise ValueError(
                "a conformal threshold needs several different good pictures, found one: use "
                f"{shots_needed(false_positive_rate)} for a rate of {false_positive_rate:g}"
            )
        if alone and isinstance(images[0], Tensor):
            raise ValueError(
                "with a single shot the threshold comes from variations of the picture: pass "
                "it as a path, a PIL image or an array, not as a ready tensor"
            )
        if alone:
            scores = self.score(light_variations(read_image(images[0]))).image_scores
        else:
            scores = self.left_out_scores(features, generator_seed)
        self.threshold = threshold_from_normal_scores(scores, false_positive_rate, method)
        self.false_positive_rate = false_positive_rate
        kept = tuple(sorted(float(score) for score in scores))
        self.promise = Promise(method, false_positive_rate, kept, alone)
        return self

    def left_out_scores(self, features: Any, generator_seed: int = 0) -> Float[np.ndarray, " k"]:
        """The image score of each of k shots, by a detector that has learnt from the others."""
        if not self.few_shot:
            return self.score_features(features).image_scores
        scores = []
        for i in range(len(features)):
            others = [j for j in range(len(features)) if j != i]
            generator = torch.Generator().manual_seed(generator_seed)
            judge = self.fresh().fit_features(features[others], generator)
            scores.append(judge.score_features(features[[i]]).image_scores[0])
        return np.array(scores)

    def fresh(self) -> Detector:
        """A detector with the same settings that has learnt nothing."""
        other = type(self).from_settings(self.backbone, self.name, self.settings())
        other.image_score = self.image_score
        return other

    def forget_threshold(self) -> Detector:
        """The threshold of another fit says nothing of this one, nor does its file's edition."""
        self.threshold = self.false_positive_rate = self.promise = None
        self.image_score = type(self).image_score
        return self

    # --- what was learnt, here and in a file ----------------------------------------------------

    @property
    def memory(self) -> Float[Tensor, "blocks stored width"] | None:
        """The patches that are remembered, if there is a visual memory."""
        return self.learnt.get("memory")

    @memory.setter
    def memory(self, memory: Float[Tensor, "blocks stored width"]) -> None:
        self.learnt = self.learnt | {"memory": memory}

    def state(self) -> dict[str, Tensor]:
        """What was learnt, by name. RuntimeError if not fitted."""
        if not self.learnt:
            raise RuntimeError("this detector has learnt nothing yet: call fit(images) first")
        return dict(self.learnt)

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take back what `state` gave. ValueError for tensors that do not fit."""
        saving.check_tensors(tensors, self.shapes(tensors))
        self.learnt = dict(tensors)

    def save(self, path: str | Path) -> Path:
        """Write all that scoring needs as one safetensors file. RuntimeError if not fitted."""
        return saving.save(self, Path(path))

    @classmethod
    def load(cls, path: str | Path, backbone: Backbone) -> Detector:
        """Read what `save` wrote, for the same backbone. Nothing in the file is executed.

        Raises FileNotFoundError, and ValueError for a damaged file, one of another kind of
        detector, or one that was fitted with another backbone.
        """
        return saving.load(cls, Path(path), backbone)


def in_fixed_order(features: Any) -> Any:
    """The same features in an order that depends on their values alone, not on the files'."""
    keys = features.cls.cpu().numpy()
    return features[np.lexsort(keys.T[::-1]).copy()]


def different(z: Float[Tensor, "k d"]) -> list[int]:
    """The numbers of the first of each group of nearly equal images (see NEARLY_EQUAL)."""
    kept: list[int] = []
    for i, one in enumerate(z.double()):
        if all(float(1 - one @ z[j].double()) > NEARLY_EQUAL for j in kept):
            kept.append(i)
    return kept
