"""What a threshold promises goes with it; shots that are one picture count once."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

from promptad_tutorial.clip.loading import load_backbone
from promptad_tutorial.datasets import dataset_from_environment
from promptad_tutorial.detectors import VisualMemory, ZeroShot
from promptad_tutorial.detectors.saving import read_note
from promptad_tutorial.scoring.threshold import Promise


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("tiny")


@pytest.fixture(scope="module")
def pictures():
    line = dataset_from_environment({}).load("hexagon_nut")
    return [Image.open(s.image).convert("RGB") for s in line.train[:5]]


def resaved(picture: Image.Image) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, format="JPEG", quality=90)
    return Image.open(file)


def test_equal_and_nearly_equal_shots_count_once(backbone, pictures):
    expected = VisualMemory(backbone, "nut", 24).fit(pictures[:3]).calibrate(pictures[:3])
    twice = [*pictures[:3], pictures[1], resaved(pictures[0])]
    found = VisualMemory(backbone, "nut", 24).fit(pictures[:3]).calibrate(twice)
    assert len(found.promise.scores) == 3
    assert found.threshold == pytest.approx(expected.threshold, rel=0.05)  # which copy may differ
    # two times the same: one shot, whose variations are scored
    alone = VisualMemory(backbone, "nut", 24).fit(pictures[:1]).calibrate(pictures[:1])
    both = VisualMemory(backbone, "nut", 24).fit(pictures[:1]).calibrate([pictures[0]] * 2)
    assert both.promise.variations and both.threshold == alone.threshold > 1e-3


@pytest.mark.parametrize("kind", [VisualMemory, ZeroShot])
def test_conformal_takes_the_rank_and_keeps_the_promise_in_the_file(
    backbone, pictures, kind, tmp_path
):
    detector = kind(backbone, "hexagon nut", map_size=24).fit(pictures)
    detector.calibrate(pictures, 0.2, method="conformal")
    if kind is ZeroShot:
        left_out = detector.score(pictures).image_scores
    else:
        left_out = [
            kind(backbone, "hexagon nut", map_size=24)
            .fit(pictures[:i] + pictures[i + 1 :])
            .score(pictures[i])
            .image_scores[0]
            for i in range(5)
        ]
    assert detector.threshold == pytest.approx(np.sort(left_out)[4], abs=1e-6)  # of 5: ceil(4.8)
    path = detector.save(tmp_path / "nut.safetensors")
    again = kind.load(path, backbone)
    assert again.promise == detector.promise and isinstance(again.promise, Promise)
    assert read_note(path)["promise"]["method"] == "conformal"
    assert "at most a share 0.2" in str(again.promise)
    assert detector.fit(pictures[:2]).promise is None


def test_a_rate_that_cannot_be_promised_changes_nothing(backbone, pictures):
    detector = VisualMemory(backbone, "nut", 24).fit(pictures).calibrate(pictures, 0.3)
    before = detector.threshold, detector.promise
    with pytest.raises(ValueError, match=r"than 0\.17, asked for 0\.1: .* use 9 pictures or more"):
        detector.calibrate(pictures, 0.1, method="conformal")
    with pytest.raises(ValueError, match="several different good pictures, found one: use 9"):
        detector.calibrate([pictures[0]] * 3, 0.1, method="conformal")
    with pytest.raises(ValueError, match="scores lie between 0 and 1: 2 good pictures are too few"):
        detector.calibrate(pictures[:2], 1e-4)
    assert (detector.threshold, detector.promise) == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": "bayes"},
        {"rate": 2},
        {"scores": [0.1]},
        {"scores": "many"},
        {"scores": [0.1, float("nan")]},
        {"more": 1},
    ],
    ids=str,
)
def test_a_damaged_promise_is_refused(backbone, pictures, tmp_path, wrong):
    detector = VisualMemory(backbone, "nut", 24).fit(pictures[:2]).calibrate(pictures[:2], 0.4)
    path = detector.save(tmp_path / "nut.safetensors")
    note = read_note(path)
    note["promise"] |= wrong
    metadata = {"format": "promptad-tutorial detector 1", "detector": json.dumps(note)}
    save_file(load_file(path), path, metadata=metadata)
    told = "promise|Promise|scores|float|keyword argument 'more'"
    with pytest.raises(ValueError, match=f"damaged: .*({told})"):
        VisualMemory.load(path, backbone)
