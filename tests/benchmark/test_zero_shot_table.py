"""The zero-shot table: every product line, scikit-learn's figures, and what cannot be measured."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from promptad_tutorial.benchmark.test_set import FIGURES
from promptad_tutorial.benchmark.zero_shot_table import evaluate_zero_shot, zero_shot_table
from promptad_tutorial.datasets import load_folder, mask_at
from promptad_tutorial.detectors.zero_shot import ZeroShot


def test_the_table_has_every_line_and_their_mean(small_backbone, two_lines):
    backbone = small_backbone()
    table = zero_shot_table(backbone, two_lines, map_size=24)
    assert table["product_line"].tolist() == ["capsule", "wood", "mean"]
    assert table["good"].tolist() == [4, 4, 8] and table["anomalous"].tolist() == [4, 4, 8]
    assert set(table["backbone"]) == {backbone.label}
    assert set(table["checksum"]) == {backbone.checksum}
    figures = table[list(FIGURES)].to_numpy(dtype=float)
    np.testing.assert_allclose(figures[2], figures[:2].mean(axis=0))
    assert ((figures >= 0) & (figures <= 100)).all()


def test_the_figures_are_scikit_learns(small_backbone, two_lines):
    backbone, line = small_backbone(), two_lines.load("wood")
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


def test_without_masks_only_the_image_level_is_measured(small_backbone, two_lines):
    wood = two_lines.root / "wood"
    good, test = wood / "train" / "good", wood / "test"
    line = load_folder(good, test, name="wood", require_masks=False)
    found, _, bad = evaluate_zero_shot(small_backbone(), line, map_size=24)
    assert bad == 4 and 0 <= found.image_auroc <= 1
    assert np.isnan(found.pixel_auroc) and np.isnan(found.aupro)


def test_a_line_without_anomalous_pictures_is_refused(small_backbone, two_lines):
    good = two_lines.root / "wood" / "train" / "good"
    with pytest.raises(ValueError, match="expected good and anomalous test pictures of 'wood'"):
        evaluate_zero_shot(small_backbone(), load_folder(good, name="wood", require_masks=False))
