"""The model card's figures against slow readings."""

from __future__ import annotations

import json
import warnings

import numpy as np
import open_clip
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from promptad_tutorial.clip.loading import Backbone
from promptad_tutorial.clip.tinyclip.weights import IMAGE_MEAN, IMAGE_STD
from promptad_tutorial.clip.weights.pretrained import LoadedModel
from promptad_tutorial.prompts.words import ensemble
from tests.workshop.pretraining.conftest import FOUND
from workshop.minifactory.captions import HELD_OUT_DEFECTS
from workshop.pretraining import held_out as evaluate
from workshop.pretraining.held_out import (
    anomaly_table,
    auroc,
    held_out_figures,
    image_embeddings,
    retrieval,
    save_figures,
    zero_shot_scores,
)
from workshop.pretraining.render_set import RenderSet


@pytest.fixture(scope="module")
def backbone(model) -> Backbone:
    loaded = LoadedModel(model, "untrained", IMAGE_MEAN, IMAGE_STD, "bicubic")
    tokenizer = open_clip.SimpleTokenizer(context_length=77)
    return Backbone("tiny", loaded, tokenizer, torch.device("cpu"), torch.float32)


@pytest.fixture(scope="module")
def data(rendered) -> RenderSet:
    """The rendered pictures of three kinds, and those without a kind."""
    whole = RenderSet.open(rendered)
    few = whole.labels[:, 0] < 3
    arrays = whole.images[few], whole.masks[few], whole.labels[few]
    return RenderSet(*arrays, whole.kinds[:3], whole.colours, whole.defects)


@pytest.fixture(scope="module")
def cls(backbone, data) -> torch.Tensor:
    return image_embeddings(backbone, data)


def test_embeddings_in_chunks_are_those_of_all_pictures(backbone, data, cls, monkeypatch):
    assert len(cls) == len(data.images)
    first = backbone.encode_images([np.array(image) for image in data.images[:5]]).cls
    torch.testing.assert_close(cls[:5], first, atol=1e-6, rtol=0)
    monkeypatch.setattr(evaluate, "CHUNK", 5)
    torch.testing.assert_close(image_embeddings(backbone, data), cls, atol=1e-5, rtol=0)


def test_a_name_is_right_if_its_text_is_the_nearest(backbone):
    names = ["washer", "gear", "wood"]
    texts = backbone.encode_text([f"a photo of a {name}" for name in names])
    found = retrieval(backbone, texts[[2, 0, 1, 1]], np.array([2, 0, 1, 0]), names)
    assert found.tolist() == [1, 1, 1, 0]


def test_zero_shot_scores_use_each_pictures_own_kind(backbone, data, cls):
    found = zero_shot_scores(backbone, cls, data)
    for index in (0, 9, len(cls) - FOUND - 1):
        sides = ensemble(data.kinds[data.labels[index, 0]])
        means = []
        for prompts in (sides.normal, sides.anomalous):
            mean = backbone.encode_text(list(prompts)).mean(dim=0)
            means.append(mean / mean.norm())
        logits = backbone.temperature * cls[index] @ torch.stack(means).T
        assert found[index] == pytest.approx(float(logits.softmax(dim=0)[1]), abs=1e-5)


def test_auroc_is_a_percentage_and_undefined_without_both():
    good, bad = np.array([0.1, 0.4, 0.35]), np.array([0.8, 0.38])
    assert auroc(good, bad) == pytest.approx(100 * roc_auc_score([0, 0, 0, 1, 1], [*good, *bad]))
    assert np.isnan(auroc(good, bad[:0])) and np.isnan(auroc(good[:0], bad))


def small_table() -> tuple[RenderSet, np.ndarray]:
    """Two kinds: one with seen and held-out defects, one with seen defects only."""
    defects = ["burn", "dent", "stain"]
    labels = [
        *[(0, 0, -1)] * 4, *[(0, 0, 0)] * 2, *[(0, 0, 1)] * 3, *[(0, 0, 2)] * 1,
        *[(1, 0, -1)] * 3, *[(1, 0, 1)] * 2,
    ]  # fmt: skip
    nothing = np.zeros((len(labels), 1))
    data = RenderSet(
        nothing, nothing, np.array(labels, np.int16), ["gear", "wood", "key"], ["red"], defects
    )
    return data, np.random.default_rng(0).random(len(labels))


def test_the_table_by_kind_compares_good_pictures_with_seen_and_with_held_out_defects():
    data, scores = small_table()
    table = anomaly_table(data, scores, "kind").set_index("kind")
    assert list(table.index) == ["gear", "wood"]  # no pictures of a key
    good = scores[:4]
    assert table.loc["gear", "seen_defects"] == auroc(good, scores[6:10])
    assert table.loc["gear", "held_out_defects"] == auroc(good, scores[4:6])
    assert np.isnan(table.loc["wood", "held_out_defects"])
    assert table["pictures"].tolist() == [10, 5]


def test_the_table_by_defect_is_a_mean_over_kinds():
    data, scores = small_table()
    table = anomaly_table(data, scores, "defect").set_index("defect")
    assert table["held_out"].to_dict() == {"burn": True, "dent": False, "stain": False}
    gear, wood = auroc(scores[:4], scores[6:9]), auroc(scores[10:13], scores[13:])
    assert table.loc["dent", "auroc"] == pytest.approx((gear + wood) / 2)
    assert table["pictures"].to_dict() == {"burn": 2, "dent": 5, "stain": 1}
    with pytest.raises(ValueError, match="by must be 'kind' or 'defect', got 'colour'"):
        anomaly_table(data, scores, "colour")


def test_the_figures_are_written_with_what_made_them(backbone, data, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures = held_out_figures(backbone, data)
    by_kind = figures["by_kind"]
    assert by_kind["name_top1"].between(0, 100).all()
    path = save_figures(figures, tmp_path / "new", backbone, "python -m promptad_tutorial x")
    summary = json.loads(path.read_text())
    assert summary["checksum"] == backbone.checksum and summary["backbone"] == backbone.label
    assert summary["command"] == "python -m promptad_tutorial x"
    assert summary["versions"]["torch"] == torch.__version__.split("+")[0]
    assert summary["pictures"] == len(data.images) - FOUND  # found surfaces have no kind
    assert summary["seen_defects"] == pytest.approx(figures["seen_defects"], abs=0.005)
    read = pd.read_csv(tmp_path / "new" / "by_kind.csv")
    np.testing.assert_allclose(read["seen_defects"], by_kind["seen_defects"], atol=0.005)
    by_defect = pd.read_csv(tmp_path / "new" / "by_defect.csv")
    assert set(by_defect["defect"]) == set(figures["by_defect"]["defect"])
    assert (by_defect["held_out"] == by_defect["defect"].isin(HELD_OUT_DEFECTS)).all()
