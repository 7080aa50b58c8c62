"""Features of a product line through the cache: each picture is encoded once, when it is needed.

    in:  pictures in files, a detector that says which features it wants
    out: (train, test) features for `measure.measure`; of the training pictures only the drawn shots
         are read, when an index asks for them

Processes that need the same pictures share the work: each goes through what is missing in an order
of its own, and looks again before a batch.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from promptad_tutorial.benchmark.feature_cache import FeatureCache
from promptad_tutorial.benchmark.test_set import TestSet
from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.clip.image_tower import ImageFeatures
from promptad_tutorial.clip.precision import HALF
from promptad_tutorial.clip.windows import WindowFeatures, encode_images_and_windows
from promptad_tutorial.datasets import ProductLine
from promptad_tutorial.detectors import Detector, PromptAD, VisualMemory, WinCLIP, ZeroShot
from promptad_tutorial.detectors.through_1024 import through_1024
from promptad_tutorial.files.writing import file_sha256

VERSION = 1  # raise it when the towers' code gives other numbers, and old entries are not used


@dataclass(frozen=True)
class Request:
    """Which features of a picture."""

    windows: bool = False  # WinCLIP's, instead of image embedding, V-V patches and block tokens
    blocks_in_place: bool = False  # trap 7
    bgr: bool = False  # trap 4
    through_1024: bool = False  # trap 15


def request_of(detector: Detector, test: bool) -> Request | None:
    """What `detector.encode` computes; None for a kind of detector that this module does not know.

    Detectors without a memory get the block tokens too and do not look at them: so all detectors
    but WinCLIP share one entry a picture.
    """
    if isinstance(detector, WinCLIP):
        return None if detector.reading.last_tokens else Request(windows=True)
    if isinstance(detector, PromptAD):
        traps = detector.config.traps
        bgr = test and traps.test_images_bgr
        return Request(False, traps.memory_in_place, bgr, traps.resize_through_1024)
    return Request() if isinstance(detector, (ZeroShot, VisualMemory)) else None


class CachedEncoder:
    """Encodes pictures in files with one backbone and one preprocessing, through a cache.

    `cache` None: nothing is kept on disk. On a CPU one picture at a time is encoded: that is no
    slower, and the last digits of a picture's features do not depend on its neighbours.
    """

    def __init__(
        self, backbone: Backbone, cache: FeatureCache | None, resize: str = "squash"
    ) -> None:
        self.backbone, self.cache, self.resize = backbone, cache, resize
        self.batch_size = 1 if backbone.device.type == "cpu" else 16
        self._tests: dict[tuple[Request, tuple[Path, ...]], Any] = {}

    def __call__(self, detector: Detector, line: ProductLine, test: TestSet) -> tuple:
        """(train, test) features for `measure.measure`; the first are read when indexed."""
        shots, scored = request_of(detector, False), request_of(detector, True)
        if shots is None or scored is None:
            raise ValueError(f"no features are known for a detector of kind {detector.kind!r}")
        key = (scored, tuple(test.images))
        if key not in self._tests:
            self._tests[key] = self.features(test.images, scored)
        return ShotFeatures(self, [s.image for s in line.train], shots), self._tests[key]

    def key(self, path: Path, request: Request) -> dict[str, Any]:
        """Everything that decides the features of a picture: its bytes, weights, preprocessing."""
        b = self.backbone
        return {
            "version": VERSION,
            "image": file_sha256(path),
            "backbone": b.name,  # the same weights may run in another architecture: QuickGELU
            "checksum": b.checksum,
            "computed": [str(b.dtype), b.device.type, *(["autocast"] if b.dtype in HALF else [])],
            "preprocessing": [b.image_size, *b.mean, *b.std, b.interpolation, self.resize],
            "blocks": list(b.memory_blocks),
            **asdict(request),
        }

    def features(self, paths: Sequence[Path], request: Request) -> ImageFeatures | WindowFeatures:
        """Features of pictures in the order of `paths`, on the backbone's device.

        Raises ImageError for a picture that cannot be read.
        """
        found: dict[int, dict[str, Tensor]] = {}
        batch: dict[int, dict[str, Any]] = {}  # the pictures to be encoded next, with their keys
        order = list(range(len(paths)))
        random.Random(os.getpid()).shuffle(order)
        for count, i in enumerate(order, 1):
            # looked at one by one: another process may have encoded a picture meanwhile
            key = self.key(paths[i], request) if self.cache else {}
            there = self.cache.get(key) if self.cache else None
            if there is not None:
                found[i] = there
            else:
                batch[i] = key
            if len(batch) == self.batch_size or (batch and count == len(order)):
                made = self._encode([paths[j] for j in batch], request)
                for j, features in zip(batch, made, strict=True):
                    found[j] = features
                    if self.cache:
                        self.cache.put(batch[j], features)
                batch = {}
        whole = WindowFeatures if request.windows else ImageFeatures
        ordered = [_to_features(found[i], request, self.backbone) for i in range(len(paths))]
        return whole.concatenate(ordered)

    def _encode(self, paths: Sequence[Path], request: Request) -> list[dict[str, Tensor]]:
        """The tensors of each picture, computed now."""
        b = self.backbone
        sources = [through_1024(path) for path in paths] if request.through_1024 else paths
        ready = [b.preprocess(one, self.resize) for one in sources]
        if request.windows:
            features = encode_images_and_windows(b, ready, self.batch_size)
        else:
            how = {"blocks_in_place": request.blocks_in_place, "bgr": request.bgr}
            features = b.encode_images(ready, self.batch_size, **how)
        return [_to_tensors(features[i]) for i in range(len(ready))]


@dataclass(frozen=True)
class ShotFeatures:
    """Features of training pictures that are encoded when an index asks for them."""

    encoder: CachedEncoder
    paths: Sequence[Path]
    request: Request

    def __len__(self) -> int:
        """The number of training pictures."""
        return len(self.paths)

    def __getitem__(self, index: Sequence[int]) -> ImageFeatures | WindowFeatures:
        """The features of the pictures of these numbers."""
        return self.encoder.features([self.paths[i] for i in index], self.request)


def _to_tensors(features: ImageFeatures | WindowFeatures) -> dict[str, Tensor]:
    """Features of one picture as named tensors, copied out of their batch."""
    found = {"cls": features.cls, "patches": features.patches}
    if isinstance(features, WindowFeatures):
        found |= {f"windows.{side}": one for side, one in features.windows.items()}
    else:
        found["blocks"] = features.blocks
    return {name: one.detach().cpu().clone() for name, one in found.items()}


def _to_features(
    tensors: dict[str, Tensor], request: Request, backbone: Backbone
) -> ImageFeatures | WindowFeatures:
    placed = {name: one.to(backbone.device) for name, one in tensors.items()}
    if not request.windows:
        return ImageFeatures(**placed)
    cls, patches = placed.pop("cls"), placed.pop("patches")
    windows = {int(name.removeprefix("windows.")): one for name, one in placed.items()}
    return WindowFeatures(cls, patches, windows)


def bytes_of(features: ImageFeatures | WindowFeatures) -> int:
    """How many bytes features take."""
    return sum(one.numel() * one.element_size() for one in _to_tensors(features).values())
