"""CoOp with one class: closed forms of its scores, training written out, and what it leaves out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from promptad_tutorial.detectors import CoOp, PromptAD
from promptad_tutorial.detectors.coop import FORMS
from promptad_tutorial.learning.config import PromptADConfig
from tests.detectors.conftest import (
    MAP,
    assert_same_scores,
    prompt_texts,
    quick,
    seeded,
    slow_features,
    slow_training,
)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("build", ["small-plain", "small-layer-scale"])
def test_training_is_the_loop_written_out(small_backbone, shots, form, build):
    detector = CoOp(small_backbone(build), "nut", quick(), form).fit(shots)
    start = detector.learners(seeded())
    for level, tokens in slow_training(detector, shots).items():
        found = detector.tokens[f"{level}.contexts"]
        torch.testing.assert_close(found, tokens["contexts"], atol=2e-6, rtol=0)
        moved = (found - start[level].contexts).abs().amax(dim=(1, 2))
        assert (moved > 1e-3).all()  # every context, those of the second class too
        assert detector.tokens[f"{level}.suffixes"].numel() == 0


def test_pull_only_scores_are_distances(small_backbone, shots, pictures):
    backbone = small_backbone()
    detector = CoOp(backbone, "nut", quick(map_size=4, sigma=0), "pull-only").fit(shots)
    found, features = detector.score(pictures), backbone.encode_images(pictures)
    z, patches = features.cls.double().numpy(), features.patches.double().numpy()
    w = {level: side.double().numpy() for level, side in detector.normal_prototypes.items()}
    assert not detector.anomaly_prototypes
    # half the squared distance of two unit vectors is 1 - their cosine
    image = ((z - w["image"]) ** 2).sum(axis=-1) / 4
    pixel = ((patches - w["pixel"]) ** 2).sum(axis=-1) / 4
    np.testing.assert_allclose(found.image_scores, image, atol=1e-6)
    np.testing.assert_allclose(found.anomaly_maps.reshape(4, 16), pixel, atol=1e-6)
    assert image.std() > 1e-3 and pixel.std() > 1e-3


def test_two_class_scores_are_a_softmax_over_both_sides(small_backbone, shots, pictures):
    backbone = small_backbone()
    detector = CoOp(backbone, "nut", quick(map_size=4, sigma=0), "two-class").fit(shots)
    found, features = detector.score(pictures), backbone.encode_images(pictures)
    asked = {"image": features.cls, "pixel": features.patches}
    scores = {"image": found.image_scores, "pixel": found.anomaly_maps.reshape(4, 16)}
    for level, learner in detector.learners(seeded()).items():
        learner.load_state_dict(
            {name: detector.tokens[f"{level}.{name}"] for name in ("contexts", "suffixes")}
        )
        with torch.no_grad():
            normal, _, _, own = slow_features(learner)
        sides = torch.stack([side.mean(dim=0) / side.mean(dim=0).norm() for side in (normal, own)])
        logits = backbone.temperature * asked[level].double() @ sides.T.double()
        np.testing.assert_allclose(scores[level], logits.softmax(dim=-1)[..., 1], atol=1e-5)


def test_pull_only_pulls_the_normal_side_to_the_shots(small_backbone, shots):
    backbone = small_backbone()
    z = backbone.encode_images(shots).cls
    cosines = [
        float((z @ CoOp(backbone, "nut", quick(steps=n), "pull-only").fit(shots)
               .normal_prototypes["image"]).mean())
        for n in (0, 3, 30)
    ]  # fmt: skip
    assert cosines[0] < cosines[1] < cosines[2]


def test_two_classes_push_the_other_side_away(small_backbone, shots):
    detector = CoOp(small_backbone(), "nut", quick(steps=10), "two-class").fit(shots)
    table = detector.history.table()
    assert list(table.columns) == ["step", "level", "contrastive", "margin", "alignment", "total"]
    for level in ("image", "pixel"):
        losses = table[table.level == level]["contrastive"].to_numpy()
        assert len(losses) == 10 and losses[-1] < 0.5 * losses[0]
    # what it is: the shots themselves are found normal, whatever the other side has become
    assert detector.score(shots).image_scores.max() < 0.1


def test_the_prompts_of_both_forms(small_backbone):
    pull, two = (CoOp(small_backbone(), "metal_nut", quick(), form) for form in FORMS)
    assert prompt_texts(pull, "image") == ["[P1] metal nut.", "[P2] metal nut."]
    assert prompt_texts(pull, "pixel") == ["[P1] metal nut."]
    assert prompt_texts(two, "image") == [f"[P{i}] metal nut." for i in (1, 2, 3, 4)]
    assert prompt_texts(two, "pixel") == ["[P1] metal nut.", "[P2] metal nut."]


@pytest.mark.parametrize("form", FORMS)
def test_what_is_not_coops_is_switched_off(small_backbone, shots, pictures, form):
    # a config full of PromptAD's parts, and one without any
    full = quick(use_memory=True, margin_weight=3.0, alignment_weight=3.0)
    bare = quick(states=(), n_anomaly_suffixes=0, margin_weight=0.0, alignment_weight=0.0)
    one, other = (CoOp(small_backbone(), "nut", c, form).fit(shots) for c in (full, bare))
    assert one.config.states == () and not one.config.use_memory and one.memory is None
    assert_same_scores(one.score(pictures), other.score(pictures), atol=0)
    assert one.encode(pictures).blocks.shape[0] == 0  # nothing is kept for a memory
    assert one.config.map_size == MAP and one.config.learning_rate == full.learning_rate


def test_fresh_and_the_text_branch_keep_the_form(small_backbone, shots, pictures):
    detector = CoOp(small_backbone(), "nut", quick(), "pull-only").fit(shots)
    assert detector.fresh().form == "pull-only" and not detector.fresh().normal_prototypes
    assert_same_scores(detector.without_memory().score(pictures), detector.score(pictures), 0)
    assert isinstance(detector, PromptAD) and CoOp(small_backbone(), "nut").form == "two-class"
    assert CoOp(small_backbone(), "nut").config.steps == PromptADConfig().steps


@pytest.mark.parametrize(
    ("form", "start", "message"),
    [
        ("pull-only", {"normal_start": "a photo of"}, r"2 texts of 4 tokens .* 2 of \[3, 3\]"),
        ("two-class", {"normal_start": "a photo of a"}, "go together"),
        ("two-class", {"own_start": "a photo of a"}, "go together"),
        (
            "two-class",
            {"normal_start": "a photo of a", "own_start": "a damaged photo of a"},
            r"4 texts of 4 tokens .* 4 of \[4, 4, 5, 5\]",
        ),
    ],
)
def test_words_to_start_from_must_fit(small_backbone, shots, form, start, message):
    with pytest.raises(ValueError, match=message):
        CoOp(small_backbone(), "nut", quick(**start), form).fit(shots)


def test_there_are_two_forms(small_backbone):
    with pytest.raises(ValueError, match="pull-only, two-class; got 'one-class'"):
        CoOp(small_backbone(), "nut", quick(), "one-class")
