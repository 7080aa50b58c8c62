"""A small tower learns in float64: what is printed hangs on neither threads nor last digits.

Printed are AUROCs in % with one decimal. A start that is learnt in float32 can end elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch

from promptad_tutorial.benchmark.test_set import TestSet
from promptad_tutorial.clip.loading import load_backbone
from promptad_tutorial.datasets import dataset_from_environment, draw_shots
from promptad_tutorial.detectors import PromptAD
from promptad_tutorial.detectors.detector import in_fixed_order
from promptad_tutorial.learning.config import PromptADConfig
from promptad_tutorial.prompts.learner import LARGEST_IN_DOUBLE, text_to_learn_through


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("tiny")


def printed(detector: PromptAD, test: TestSet, features) -> tuple[float, float]:
    found = test.evaluate(detector.score_features(features))
    return round(100 * found.image_auroc, 1), round(100 * found.pixel_auroc, 1)


@pytest.mark.parametrize(
    "name, seed", [("capsule", 0), pytest.param("hexagon_nut", 2, marks=pytest.mark.slow)]
)
def test_what_is_printed_agrees_between_threads_and_between_precisions(backbone, name, seed):
    line = dataset_from_environment({}).load(name)
    config = PromptADConfig(map_size=60)
    test = TestSet.of(line, config.map_size)
    detector = PromptAD(backbone, name, config)
    shots = [s.image for s in draw_shots(line.train, 4, seed)]
    good, tested = in_fixed_order(detector.encode(shots)), detector.encode(test.images, test=True)
    found = {}
    for count in (1, 2):
        with threads(count):
            detector.fit_features(good, torch.Generator().manual_seed(seed))
        found[f"{count} threads"] = printed(detector, test, tested)
    # features that another machine rounds otherwise: the last digit of float32
    noise = 1 + 1e-7 * torch.randn(good.patches.shape, generator=torch.Generator().manual_seed(9))
    moved = replace(good, cls=good.cls * noise[:, 0, :1], patches=good.patches * noise)
    detector.fit_features(moved, torch.Generator().manual_seed(seed))
    found["another last digit"] = printed(detector, test, tested)
    assert len(set(found.values())) == 1, found


def test_small_towers_learn_in_float64_and_what_is_kept_is_float32(backbone, small_backbone):
    text = text_to_learn_through(backbone)
    assert text.positional_embedding.dtype == torch.float64 and text is not backbone.text
    size = sum(p.numel() for block in backbone.text.blocks for p in block.parameters())
    assert size == 793_088 < LARGEST_IN_DOUBLE
    shot = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    detector = PromptAD(backbone, "hexagon nut", PromptADConfig(steps=1)).fit(shot)
    assert all(tensor.dtype == torch.float32 for tensor in detector.state().values())
