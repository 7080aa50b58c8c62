"""The fusion explorer over the whole range of every control, against the package's numbers."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from promptad_tutorial.explorers import BranchScores, FusionExplorer
from promptad_tutorial.scoring.fusion import FUSIONS
from promptad_tutorial.scoring.threshold import threshold_from_normal_scores


def branches(seed: int) -> BranchScores:
    generator = np.random.default_rng(seed)
    labels = np.array([0] * 12 + [1] * 8)
    text = 0.3 + 0.1 * labels + generator.uniform(0, 0.2, 20)
    visual = 0.05 + 0.01 * labels + generator.uniform(0, 0.04, 20)
    text[3] = visual[4] = 0.0
    normal = generator.uniform(0.3, 0.45, 4), generator.uniform(0.05, 0.08, 4)
    return BranchScores(text, visual, labels, *normal)


@pytest.fixture
def explorer() -> FusionExplorer:
    return FusionExplorer({"metal_plate": branches(1), "capsule": branches(2)})


@pytest.mark.slow  # the corners are in the next test
def test_each_control_over_its_whole_range(explorer) -> None:
    steps = [np.arange(c.min, c.max + c.step / 2, c.step) for c in (explorer.weight, explorer.rate)]
    ranges = (
        (explorer.product_line, ["metal_plate", "capsule"]),
        (explorer.fusion, list(FUSIONS)),
        (explorer.weight, steps[0].round(2).tolist()),
        (explorer.rate, steps[1].round(2).tolist()),
    )
    assert [control for control, _ in ranges] == list(explorer.controls)
    assert (len(ranges[2][1]), len(ranges[3][1])) == (21, 50)
    for control, values in ranges:
        told = []
        for value in values:
            control.value = value
            assert control.value == value
            assert explorer.answer.png and "no answer" not in explorer.status.value
            assert explorer.answer.alt in explorer._repr_mimebundle_()["text/plain"]
            told.append(explorer.status.value)
        assert len(set(told)) == len(values)


def test_every_corner_has_an_answer(explorer) -> None:
    for kind in FUSIONS:
        explorer.fusion.value = kind
        for weight in (0, 1):
            explorer.weight.value = weight
            for rate in (0.01, 0.5):
                explorer.rate.value = rate
                assert explorer.status.value.startswith("Image AUROC")


def test_controls_are_named_and_answer_when_let_go(explorer) -> None:
    names = [control.description for control in explorer.controls]
    assert all(names) and len(set(names)) == len(names)
    assert not any(getattr(c, "continuous_update", False) for c in explorer.controls)


def test_the_status_counts_what_the_threshold_does(explorer) -> None:
    explorer.rate.value = 0.2
    line = explorer.lines["metal_plate"]
    with np.errstate(divide="ignore"):
        scores, normal = (
            1 / (1 / a + 1 / b)
            for a, b in ((line.text, line.visual), (line.normal_text, line.normal_visual))
        )
    threshold = threshold_from_normal_scores(normal, 0.2)
    alarms = sum(s > threshold for s in scores[:12])
    found = sum(s > threshold for s in scores[12:])
    auroc = roc_auc_score(line.labels, scores)
    assert explorer.status.value.replace("&gt;", ">") == (
        f"Image AUROC {auroc + 1e-7:.2f} for metal plate with harmonic, weight 0.50. The threshold "
        f"{threshold + 1e-7:.3f}, set for 20 % false alarms, calls {alarms} of 12 good "
        f"pictures anomalous and finds {found} of 8 anomalous ones."
    )
    assert f"threshold {threshold + 1e-7:.2f}" in explorer.answer.alt


@pytest.mark.parametrize("kind", FUSIONS)
def test_the_ends_of_the_weight_are_single_branches(explorer, kind) -> None:
    line = explorer.lines["metal_plate"]
    explorer.fusion.value = kind
    for weight, alone in ((0.0, line.text), (1.0, line.visual)):
        explorer.weight.value = weight
        auroc = roc_auc_score(line.labels, alone)
        assert explorer.status.value.startswith(f"Image AUROC {auroc + 1e-7:.2f} for metal plate")


def test_what_cannot_be_shown_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one product line"):
        FusionExplorer({})
    one = branches(1)
    with pytest.raises(ValueError, match="for two or more left-out pictures"):
        BranchScores(one.text, one.visual, one.labels, one.normal_text[:1], one.normal_visual[:1])
    with pytest.raises(ValueError, match="found 19, 20"):
        BranchScores(one.text[1:], one.visual, one.labels, one.normal_text, one.normal_visual)
    with pytest.raises(ValueError, match="good and anomalous"):
        BranchScores(one.text, one.visual, 0 * one.labels, one.normal_text, one.normal_visual)


def test_a_change_costs_one_picture(explorer, work) -> None:
    for control, value in ((explorer.weight, 0.1), (explorer.rate, 0.2)):
        control.value = value
    assert work == {"pictures drawn": 2}
