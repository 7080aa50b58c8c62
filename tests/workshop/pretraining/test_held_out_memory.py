"""The memory on held-out looks against the detector of the package, on the same pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch.nn import functional as F

from promptad_tutorial.detectors.visual_memory import VisualMemory
from workshop.minifactory.catalogue import KINDS
from workshop.minifactory.product_lines import BENCHMARK_STYLES
from workshop.pretraining import held_out_memory as module
from workshop.pretraining.held_out_memory import (
    FIRST_LOOK,
    LookPlan,
    LookSet,
    as_pixels,
    means,
    memory_table,
    render_looks,
    share_of_the_way,
)
from workshop.pretraining.plain_measure import backbone_of, encoder
from workshop.pretraining.plain_recipe import PlainRecipe, new_tower
from workshop.pretraining.render_set import HELD_OUT_STYLES, PRETRAINING_STYLES

PLAN = LookPlan(shots=2, good=3, bad=3, size=120)


@pytest.fixture(scope="module")
def looks(tmp_path_factory: pytest.TempPathFactory) -> LookSet:
    kinds = [KINDS["carpet"], KINDS["washer"]]
    return LookSet.open(render_looks(tmp_path_factory.mktemp("looks"), PLAN, kinds, jobs=1))


@pytest.fixture(scope="module")
def backbone():
    recipe = PlainRecipe(seed=3)
    return backbone_of(new_tower(recipe).state_dict(), recipe, "untrained")


def test_looks_are_those_of_no_training_and_of_no_benchmark():
    mine = range(FIRST_LOOK, FIRST_LOOK + len(KINDS))
    assert mine.start in HELD_OUT_STYLES and mine.stop in HELD_OUT_STYLES
    assert mine.start not in PRETRAINING_STYLES and mine.start not in BENCHMARK_STYLES


def test_shots_and_good_pieces_come_first_and_only_the_rest_is_defective(looks):
    assert looks.kinds == ["carpet", "washer"]
    assert looks.images.shape == (2, 8, 120, 120, 3)
    defective = looks.masks.any(axis=(2, 3))
    assert not defective[:, :5].any() and defective[:, 5:].all()
    flat = looks.images.reshape(16, -1)
    assert len({one.tobytes() for one in flat}) == 16


def test_the_figure_is_that_of_the_package_s_own_memory(looks, backbone):
    table = memory_table(looks, encoder(backbone), (1, 2))
    detector = VisualMemory(backbone, "washer").fit(list(looks.images[1, :2]))
    scores = detector.score(list(looks.images[1, 2:])).image_scores
    expected = 100 * roc_auc_score([0, 0, 0, 1, 1, 1], scores)
    found = table[(table["kind"] == "washer") & (table["shots"] == 2)]["image_auroc"].item()
    assert found == pytest.approx(expected)
    assert means(table)["image_auroc"].tolist() == pytest.approx(
        [table[table["shots"] == k]["image_auroc"].mean() for k in (1, 2)]
    )


def test_an_encoder_that_sees_the_defect_finds_it_all(looks):
    """Tokens that say whether a cell is defective: the best memory that there can be."""
    calls = iter(looks.masks)

    def encode(images):
        cells = torch.from_numpy(next(calls)).reshape(len(images), -1).float()
        return torch.stack([cells, 1 - cells], dim=-1)[None]

    table = memory_table(looks, encode, (1,))
    assert (table["image_auroc"] == 100).all()
    assert (table["pixel_auroc"] > 95).all()  # maps are smoothed, so not quite 100


def test_more_shots_than_there_are_is_an_error(looks):
    with pytest.raises(ValueError, match="at most 2 shots"):
        memory_table(looks, lambda images: None, (4,))


def test_a_defect_that_cannot_be_seen_gives_way(monkeypatch):
    plain = module.render
    tried = []

    def render(kind, style, piece, size, defect=None, strength=1.0):
        if defect is not None and not tried:
            tried.append(defect)
            raise ValueError("cannot be seen")
        return plain(kind, style, piece, size, defect, strength)

    monkeypatch.setattr(module, "render", render)
    plan = LookPlan(shots=1, good=1, bad=1, size=60)
    masks = module.render_look(KINDS["carpet"], FIRST_LOOK, plan)[1]
    assert len(tried) == 1 and masks[2].any()


def test_missing_looks_are_said_with_what_to_do(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="tinyclip looks"):
        LookSet.open(tmp_path)


def test_share_of_the_way():
    assert share_of_the_way(84.0, 80.0, 88.0) == pytest.approx(50)
    with pytest.raises(ValueError, match="not above"):
        share_of_the_way(84.0, 88.0, 80.0)


def test_pictures_of_the_right_size_become_pixels_unchanged():
    images = np.random.default_rng(0).integers(0, 256, (2, 12, 12, 3), dtype=np.uint8)
    images.setflags(write=False)  # as a memory map is
    same = as_pixels(images, 12)
    np.testing.assert_allclose(same.permute(0, 2, 3, 1).numpy() * 255, images, atol=1e-4)
    small = as_pixels(images, 6)
    oracle = F.interpolate(same, size=(6, 6), mode="bicubic", antialias=True).clamp(0, 1)
    torch.testing.assert_close(small, oracle)
