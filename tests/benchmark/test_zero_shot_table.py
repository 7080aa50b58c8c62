"""The zero-shot table: every product line, scikit-learn's figures, and what cannot be measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from promptad_tutorial.benchmark.zero_shot_table import FIGURES, evaluate_zero_shot, zero_shot_table
from promptad_tutorial.datasets import load_folder, mask_at, open_dataset
from promptad_tutorial.detectors.zero_shot import ZeroShot
from promptad_tutorial.minifactory.build import BuildPlan, build_benchmark
from promptad_tutorial.minifactory.product_lines import LINES

TWO_LINES = tuple(line for line in LINES if line.name in ("wood", "capsule"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    plan = BuildPlan(size=48, train_good=1, test_good=3, each_defect=1)
    return build_benchmark(tmp_path_factory.mktemp("data"), plan, TWO_LINES, jobs=1)


def test_the_table_has_every_line_and_their_mean(small_backbone, folder):
    backbone = small_backbone()
    table = zero_shot_table(backbone, open_dataset(folder), map_size=24)
    assert table["product_line"].tolist() == ["capsule", "wood", "mean"]
    assert table["good"].tolist() == [3, 3, 6] and table["anomalous"].tolist() == [4, 4, 8]
    assert set(table["backbone"]) == {backbone.label}
    assert set(table["checksum"]) == {backbone.checksum}
    figures = table[list(FIGURES)].to_numpy(dtype=float)
    np.testing.assert_allclose(figures[2], figures[:2].mean(axis=0))
    assert ((figures >= 0) & (figures <= 100)).all()


def test_the_figures_are_scikit_learns(small_backbone, folder):
    backbone, line = small_backbone(), open_dataset(folder).load("wood")
    found, good, bad = evaluate_zero_shot(backbone, line, map_size=24)
    scores = ZeroShot(backbone, "wood", map_size=24).score([s.image for s in line.test])
    labels = [s.label for s in line.test]
    assert (good, bad) == (labels.count(0), labels.count(1))
    assert found.image_auroc == pytest.approx(roc_auc_score(labels, scores.image_scores))
    assert found.average_precision == pytest.approx(
        average_precision_score(labels, scores.image_scores)
    )
    masks = np.stack([mask_at(s, (24, 24)) for s in line.test])
    assert found.pixel_auroc == pytest.approx(
        roc_auc_score(masks.ravel(), scores.anomaly_maps.ravel())
    )


def test_without_masks_only_the_image_level_is_measured(small_backbone, folder):
    test = folder / "wood" / "test"
    line = load_folder(folder / "wood" / "train" / "good", test, name="wood", require_masks=False)
    found, _, bad = evaluate_zero_shot(small_backbone(), line, map_size=24)
    assert bad == 4 and 0 <= found.image_auroc <= 1
    assert np.isnan(found.pixel_auroc) and np.isnan(found.aupro)


def test_a_line_without_anomalous_pictures_is_refused(small_backbone, folder):
    good = folder / "wood" / "train" / "good"
    with pytest.raises(ValueError, match="expected good and anomalous test pictures of 'wood'"):
        evaluate_zero_shot(small_backbone(), load_folder(good, name="wood", require_masks=False))
