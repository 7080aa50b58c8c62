"""`demo`: what it writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from promptad_tutorial.clip.loading import load_backbone
from promptad_tutorial.datasets import draw_shots, open_dataset
from promptad_tutorial.detectors import PromptAD
from tests.commands.test_cli import failure, run

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_demo_writes_a_picture_a_table_and_a_detector(capsys, tmp_path):
    code, out, _ = run(capsys, "demo", "--line", "capsule", "--shots", 2, "--out", tmp_path)
    assert code == 0 and out.startswith("capsule, 2 shots, tiny (")
    table = pd.read_csv(tmp_path / "scores.csv")
    line = open_dataset(ROOT / "data" / "minifactory").load("capsule")
    assert table["defect"].tolist() == [s.defect for s in line.test]
    backbone = load_backbone("tiny")
    detector = PromptAD.load(tmp_path / "detector.safetensors", backbone)
    again = detector.score([s.image for s in line.test[:3]])
    np.testing.assert_allclose(table["score"][:3], again.image_scores, atol=1e-6)
    assert table["anomalous"].tolist() == (table["score"] > detector.threshold).tolist()
    shots = [s.image for s in draw_shots(line.train, 2, 0)]
    fitted = PromptAD(backbone, "capsule").fit(shots).score([s.image for s in line.test[:3]])
    np.testing.assert_allclose(fitted.image_scores, again.image_scores, atol=1e-6)
    with Image.open(tmp_path / "demo.png") as picture:
        assert min(picture.size) > 300


def test_mistakes_in_a_demo_are_one_line(capsys, tmp_path):
    assert "nonsense" in failure(capsys, "demo", "--line", "nonsense", "--out", tmp_path)
    assert "shots must be between 1" in failure(
        capsys, "demo", "--line", "wood", "--shots", 0, "--out", tmp_path
    )
