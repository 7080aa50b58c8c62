"""A tiny render set and an untrained TinyCLIP, made once for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import open_clip
import pytest

from promptad_tutorial.clip.tinyclip.weights import new_model
from workshop.minifactory.captions import HELD_OUT_DEFECTS
from workshop.minifactory.catalogue import KINDS
from workshop.minifactory.palette import COLOURS
from workshop.pretraining.render_set import (
    MASK_GRID,
    PIECES_A_STYLE,
    RenderPlan,
    RenderSet,
    all_defects,
    render_set,
)

FOUND = 4  # surfaces cut from photographs at the end of the rendered set


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four small pictures of every kind and some found surfaces, held-out defects among them."""
    pictures = 4 * len(KINDS)
    plan = RenderPlan(pictures, found=FOUND, size=60, held_out_defects=True)
    return render_set(plan, tmp_path_factory.mktemp("rendered"), jobs=1)


@pytest.fixture(scope="session")
def model() -> open_clip.CLIP:
    return new_model(seed=3).eval().requires_grad_(False)


@pytest.fixture(scope="session")
def noise_set() -> RenderSet:
    """64 pictures of noise with random masks and labels of the first eight kinds."""
    draw = np.random.default_rng(0)
    kinds, defects = list(KINDS)[:8], all_defects()
    trained = [code for code, name in enumerate(defects) if name not in HELD_OUT_DEFECTS]
    defect = draw.choice([-1, -1, *trained], 64)
    masks = draw.random((64, MASK_GRID, MASK_GRID)) < 0.2
    masks[defect < 0] = False
    strength = np.where(defect < 0, 0, draw.integers(35, 101, 64))  # in %
    looks = np.arange(64) // PIECES_A_STYLE  # as in a real set, pieces of one look are neighbours
    labels = [looks % 8, draw.integers(0, len(COLOURS), 64), defect, strength]
    return RenderSet(
        images=draw.integers(0, 256, (64, 120, 120, 3), dtype=np.uint8),
        masks=masks,
        labels=np.stack(labels, axis=1).astype(np.int16),
        kinds=kinds,
        colours=list(COLOURS),
        defects=defects,
    )
