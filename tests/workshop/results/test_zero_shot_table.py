"""The zero-shot table: every product line, scikit-learn's figures, and what cannot be measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from promptad_tutorial.benchmark.test_set import FIGURES
from promptad_tutorial.datasets import Dataset, ProductLine, load_folder, mask_at
from promptad_tutorial.detectors.zero_shot import ZeroShot
from workshop.results.zero_shot_table import zero_shot_table


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


class OneLine(Dataset):
    """A dataset of the line that is its root's only one."""

    def load(self, name: str, **how: object) -> ProductLine:
        wood = self.root / "wood"
        test = None if self.layout == "folder" else wood / "test"
        return load_folder(wood / "train" / "good", test, name="wood", require_masks=False)


def test_the_figures_are_scikit_learns(small_backbone, two_lines):
    backbone, line = small_backbone(), two_lines.load("wood")
    table = zero_shot_table(backbone, replace(two_lines, product_lines=("wood",)), map_size=24)
    found = table.iloc[0]
    scores = ZeroShot(backbone, "wood", map_size=24).score([s.image for s in line.test])
    labels = [s.label for s in line.test]
    assert (found.good, found.anomalous) == (labels.count(0), labels.count(1))
    oracle = {
        "image_auroc": roc_auc_score(labels, scores.image_scores),
        "average_precision": average_precision_score(labels, scores.image_scores),
    }
    masks = np.stack([mask_at(s, (24, 24)) for s in line.test])
    oracle["pixel_auroc"] = roc_auc_score(masks.ravel(), scores.anomaly_maps.ravel())
    for figure, value in oracle.items():
        assert found[figure] == pytest.approx(100 * value, abs=1e-4)


def test_without_masks_only_the_image_level_is_measured(small_backbone, two_lines):
    bare = OneLine(two_lines.root, "mvtec", ("wood",))
    table = zero_shot_table(small_backbone(), bare, map_size=24)
    assert table["anomalous"].tolist() == [4, 4] and table["image_auroc"].between(0, 100).all()
    assert table[["pixel_auroc", "aupro"]].isna().all(axis=None)


def test_a_line_without_anomalous_pictures_is_refused(small_backbone, two_lines):
    with pytest.raises(ValueError, match="expected good and anomalous test pictures of 'wood'"):
        zero_shot_table(small_backbone(), OneLine(two_lines.root, "folder", ("wood",)))
