"""What a benchmark run is made of, each part timed alone: pictures, towers, fits, evaluation.

Pictures are noise: neither a forward pass nor a metric takes less or more time for what it sees.
Weights are random, but for TinyCLIP's own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image

from promptad_tutorial.benchmark.encoding import bytes_of
from promptad_tutorial.clip.loading import Backbone, load_backbone
from promptad_tutorial.clip.windows import encode_images_and_windows
from promptad_tutorial.detectors import PromptAD
from promptad_tutorial.learning.config import preset
from promptad_tutorial.scoring.metrics import evaluate

EVALUATED = 40  # pictures: as many as a small category's test set


def load(name: str, device: str = "cpu", precision: str = "float32") -> Backbone:
    """TinyCLIP, or an architecture of open_clip with random weights."""
    given = {} if name == "tiny" else {"pretrained": "random"}
    return load_backbone(name, **given, device=device, dtype=getattr(torch, precision))


def pixels(backbone: Backbone, count: int) -> torch.Tensor:
    """Noise, ready for the image tower."""
    size = backbone.image_size
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(0))


def seconds(work: Callable[[], object], device: str = "cpu", repeats: int = 3) -> float:
    """How long `work` takes: the median of some runs after one that warms up."""
    found = []
    for run in range(repeats + 1):
        begun = time.perf_counter()
        work()
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        if run:
            found.append(time.perf_counter() - begun)
    return median(found)


def bare_tower(backbone: Backbone, ready: torch.Tensor) -> Callable[[], object]:
    """open_clip's own forward pass of the image tower, in the backbone's precision."""
    placed = ready.to(backbone.device, backbone.pixel_dtype)

    @torch.no_grad()
    def work() -> torch.Tensor:
        with backbone.image_precision():
            return backbone.model.encode_image(placed)

    return work


def measured_parts(name: str, steps: int = 100, repeats: int = 1) -> tuple[str, dict[str, float]]:
    """Seconds of every part of a run, on one thread of a CPU, and bytes of cached features.

    `read`: a 1024 x 1024 JPEG, read and squashed. `encode`: image embedding, V-V patches and block
    tokens of a picture. `windows`: WinCLIP's windows of one. `fit`: PromptAD on 4 shots, from three
    of its `steps`. `score`: a picture through PromptAD's scoring. `evaluate`: its share of the
    figures, at 240 x 240 pixels. Windows are slow, and timed once, when the tower is warm.

    Returns the backbone's label with them.
    """
    torch.set_num_threads(1)
    backbone = load(name)
    ready = pixels(backbone, 4)
    short = replace(preset("paper"), steps=3)
    detector = PromptAD(backbone, "part", short)
    features = detector.encode(ready)
    one = features[[0]]
    found = {
        "read": _read(backbone),
        "encode": seconds(lambda: detector.encode(ready[:1]), repeats=repeats),
        "fit": seconds(lambda: detector.fit_features(features), repeats=repeats) * steps / 3,
        "score": seconds(lambda: detector.score_features(one), repeats=repeats),
        "evaluate": _evaluate(repeats) / EVALUATED,
    }
    begun = time.perf_counter()
    windows = encode_images_and_windows(backbone, ready[:1])
    found["windows"] = time.perf_counter() - begun
    found["cached_bytes"] = float(bytes_of(one) + bytes_of(windows))
    return backbone.label, found


def _read(backbone: Backbone) -> float:
    noise = np.random.default_rng(0).integers(0, 256, (1024, 1024, 3), dtype=np.uint8)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "picture.jpg"
        Image.fromarray(noise).save(path)
        return seconds(lambda: backbone.preprocess(path))


def _evaluate(repeats: int) -> float:
    draw = np.random.default_rng(0)
    masks = np.zeros((EVALUATED, 240, 240), dtype=bool)
    masks[::2, 60:100, 80:140] = True
    maps = draw.random(masks.shape, dtype=np.float32)
    labels = masks.any(axis=(1, 2)).astype(int)
    return seconds(lambda: evaluate(labels, draw.random(len(labels)), masks, maps), repeats=repeats)
