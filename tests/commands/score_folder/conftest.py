"""A saved detector of the small random backbone, and a folder of pictures as they really come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from promptad_tutorial.detectors import VisualMemory


def noise(seed: int, size: tuple[int, int] = (40, 48)) -> Image.Image:
    """A picture of noise whose mean depends on the seed, so that scores differ."""
    draw = np.random.default_rng(seed)
    low = 20 * (seed % 8)
    return Image.fromarray(draw.integers(low, low + 90, (*size, 3), dtype=np.uint8))


@pytest.fixture(scope="session")
def detector(small_backbone) -> VisualMemory:
    """Fitted on two pictures; its threshold lies between the scores of `pictures`."""
    shots = [noise(1), noise(2)]
    fitted = VisualMemory(small_backbone(), "nut", 24).fit(shots)
    fitted.threshold, fitted.false_positive_rate = 0.004, 0.1
    return fitted


@pytest.fixture(scope="session")
def saved(detector, tmp_path_factory) -> Path:
    return detector.save(tmp_path_factory.mktemp("detector") / "nut.safetensors")


@pytest.fixture
def pictures(tmp_path) -> Path:
    """Six pictures: equal names in two folders and with two suffixes, a shot, a grey TIFF."""
    folder = tmp_path / "pictures"
    for name, seed in (
        ("10.png", 1),  # a shot: it scores lowest
        ("2.png", 3),
        ("2.jpg", 4),
        ("line a/2.png", 5),
        ("line b/2.png", 6),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        noise(seed).save(folder / name)
    noise(7, (30, 90)).convert("L").save(folder / "line b" / "wide.TIFF")
    (folder / ".hidden.png").touch()
    (folder / "notes.txt").write_text("not a picture")
    return folder
