"""The margin explorer over the whole range of every control, against PromptAD's own numbers."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch

from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.clip.image_tower import ImageFeatures
from promptad_tutorial.detectors import PromptAD
from promptad_tutorial.explorers import (
    MarginExplorer,
    margin_explorer,
)
from promptad_tutorial.learning.config import PromptADConfig
from promptad_tutorial.learning.losses import alignment, explicit_anomaly_margin, prototypes
from promptad_tutorial.scoring.metrics import image_auroc
from tests.explorers import conftest
from tests.explorers.conftest import random_shots

QUICK = replace(conftest.QUICK, use_memory=False)


@pytest.fixture
def explorer(backbone: Backbone) -> MarginExplorer:
    lines = {"metal_plate": random_shots(backbone, 1, 1), "capsule": random_shots(backbone, 2, 1)}
    return MarginExplorer(backbone, lines, QUICK)


def test_each_control_over_its_whole_range(explorer) -> None:
    ranges = (
        (explorer.product_line, ["metal_plate", "capsule"]),
        (explorer.margin, [i / 10 for i in range(11)]),
        (explorer.weight, [0.0, 1.0, 10.0, 100.0]),
        (explorer.alignment, [0.0, 0.001, 0.1, 1.0, 10.0, 100.0]),
    )
    assert [control for control, _ in ranges] == list(explorer.controls)
    assert (explorer.margin.min, explorer.margin.max, explorer.margin.step) == (0, 1, 0.1)
    assert explorer.weight.options == (0.0, 1.0, 10.0, 100.0)
    assert explorer.alignment.options == (0.0, 0.001, 0.1, 1.0, 10.0, 100.0)
    for control, values in ranges:
        told = []
        for value in values:
            control.value = value
            assert control.value == value
            assert explorer.answer.png and "no answer" not in explorer.status.value
            bundle = explorer._repr_mimebundle_()
            assert bundle["text/plain"].startswith(explorer.answer.alt) and "image/png" in bundle
            told.append(explorer.status.value + explorer.answer.alt)
        assert len(set(told)) == len(values)


def test_controls_are_named_and_answer_when_let_go(explorer) -> None:
    names = [control.description for control in explorer.controls]
    assert names == ["product line", "margin", "EAM weight", "lambda"]
    assert not any(getattr(c, "continuous_update", False) for c in explorer.controls)


@pytest.mark.parametrize("setting", [(0.0, 1.0, 0.001), (0.5, 10.0, 0.0), (0.9, 0.0, 10.0)])
def test_the_status_is_what_promptad_comes_to(backbone, explorer, setting) -> None:
    explorer.margin.value, explorer.weight.value, explorer.alignment.value = setting
    line = explorer.lines["metal_plate"]
    config = replace(QUICK, margin=setting[0], margin_weight=setting[1])
    config = replace(config, alignment_weight=setting[2])

    def as_images(z: torch.Tensor) -> ImageFeatures:
        grid = backbone.grid[0] * backbone.grid[1]
        return ImageFeatures(z, z[:, None].expand(-1, grid, -1), torch.zeros(0, len(z), grid, 1))

    detector = PromptAD(backbone, "metal_plate", config)
    before = detector.learners(torch.Generator().manual_seed(0))["image"]
    detector.fit_features(as_images(line.draws[0]), torch.Generator().manual_seed(0))
    scores = detector.score_features(as_images(line.test.cls)).image_scores
    normal, pulled = (
        side["image"] for side in (detector.normal_prototypes, detector.anomaly_prototypes)
    )

    def acting(w_n: torch.Tensor, w_a: torch.Tensor) -> int:
        each = [explicit_anomaly_margin(z[None], w_n, w_a, setting[0]) for z in line.draws[0]]
        return sum(float(one) > 0 for one in each)

    with torch.no_grad():
        start = before()
        before.contexts.copy_(detector.tokens["image.contexts"])
        before.suffixes.copy_(detector.tokens["image.suffixes"])
        end = before()
    counts = acting(*prototypes(start)), acting(normal, pulled)
    idle = "" if setting[1] else ", but it has no weight"
    auroc = image_auroc(line.test.labels, scores)
    expected = (
        f"Image AUROC {auroc + 1e-7:.2f} for metal plate with margin {setting[0]:g}, weight "
        f"{setting[1]:g} and lambda {setting[2]:g}. The hinge acts on {counts[0]} of 4 shots "
        f"before learning, {counts[1]} after{idle}. The cosine of w_n and w_a is "
    )
    assert explorer.status.value.startswith(expected)
    cosine, aligned = re.findall(r"[\d.]*\d", explorer.status.value.removeprefix(expected))
    assert float(cosine) == pytest.approx(float(normal @ pulled), abs=0.006)
    expected_alignment = float(alignment(end.manual, end.learnt))
    assert float(aligned) == pytest.approx(expected_alignment, abs=0.0006)


def test_without_weight_the_margin_changes_no_score(explorer) -> None:
    explorer.weight.value = 0.0
    told = []
    for margin in (0.0, 1.0):
        explorer.margin.value = margin
        told.append(explorer.answer.alt.split("Median score")[1])
    assert told[0] == told[1]
    assert "but it has no weight" in explorer.status.value


def test_a_setting_that_returns_is_not_learnt_again(explorer, monkeypatch) -> None:
    first = explorer.answer
    explorer.margin.value = 0.5

    def never(*args: object, **how: object) -> None:
        raise AssertionError("learnt again")

    monkeypatch.setattr(margin_explorer, "train", never)
    explorer.margin.value = 0.0
    assert explorer.answer == first


def test_an_error_is_told_in_the_status(explorer, monkeypatch) -> None:
    def broken(*args: object, **how: object) -> None:
        raise ValueError("the loss is nan")

    monkeypatch.setattr(margin_explorer, "train", broken)
    with pytest.raises(ValueError, match="the loss is nan"):
        explorer.weight.value = 100.0
    assert "the loss is nan" in explorer.status.value and not explorer.answer.png
    explorer.weight.value = 1.0
    assert explorer.status.value.startswith("Image AUROC")


def test_what_cannot_be_shown_is_refused(backbone) -> None:
    with pytest.raises(ValueError, match="at least one product line"):
        MarginExplorer(backbone, {})
    with pytest.raises(ValueError, match="expected states or learnt suffixes"):
        config = PromptADConfig(states=(), n_anomaly_suffixes=0)
        MarginExplorer(backbone, {"a": random_shots(backbone, 1, 1)}, config)


def test_a_change_costs_one_training(backbone, work) -> None:
    """And one picture; those of the product line are encoded already."""
    explorer = MarginExplorer(backbone, {"capsule": random_shots(backbone, 2, 1)})
    work.clear()
    explorer.margin.value = 0.3
    assert work == {"pictures drawn": 1, "steps": explorer.config.steps}
