"""PromptAD against method section 3 written out in loops; one seed, one result; interruptions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch.nn import functional as F

from promptad_tutorial.detectors import CoOp, PromptAD, VisualMemory
from promptad_tutorial.detectors.detector import in_fixed_order
from promptad_tutorial.files.pictures import ImageError
from promptad_tutorial.learning import loop as training
from promptad_tutorial.learning.config import preset
from tests.detectors.conftest import (
    KINDS,
    LEARNING,
    MAP,
    assert_same_scores,
    quick,
    seeded,
    slow_sides,
    slow_training,
)


class Untouchable:
    """Stands in for the text tower where nobody may need it."""

    def __getattribute__(self, name: str):
        raise AssertionError(f"the text tower was asked for {name}")


def slow_memory_distance(backbone, shots, picture) -> np.ndarray:
    """(1 - largest cosine to a stored token) / 2 of each patch, mean over blocks, by loops."""
    known = backbone.encode_images(shots).blocks.double().numpy()  # tested in test_backbone
    asked = backbone.encode_images([picture]).blocks.double().numpy()
    n_blocks, n_shots, n_patches, _ = known.shape
    found = np.zeros(n_patches)
    for block in range(n_blocks):
        for patch in range(n_patches):
            token = asked[block, 0, patch]
            cosines = [
                token @ other / np.linalg.norm(token) / np.linalg.norm(other)
                for shot in range(n_shots)
                for other in known[block, shot]
            ]
            found[patch] += (1 - max(cosines)) / 2 / n_blocks
    return found


def slow_scores(detector, shots, picture) -> tuple[float, np.ndarray]:
    """The image score and the map of one picture: method section 3, step by step."""
    backbone = detector.backbone
    found = backbone.encode_images([picture])

    def probability(feature, level) -> float:
        sides = detector.normal_prototypes[level], detector.anomaly_prototypes[level]
        logits = torch.stack(
            [backbone.temperature * (feature.double() @ w.double()) for w in sides]
        )
        return float(logits.softmax(dim=0)[1])

    image = probability(found.cls[0], "image")
    patches = np.array([probability(patch, "pixel") for patch in found.patches[0]])

    def upsampled(values):
        coarse = torch.from_numpy(values).reshape(1, 1, *backbone.grid)
        return F.interpolate(coarse, (MAP, MAP), mode="bilinear", align_corners=False)[0, 0].numpy()

    if detector.config.use_memory:
        distances = slow_memory_distance(backbone, shots, picture)
        highest = upsampled(distances).max()  # of the visual map alone, before any smoothing
        patches = 1 / (1 / patches + 1 / distances)
    fine = upsampled(patches)
    smooth = gaussian_filter(fine, detector.config.sigma * MAP)
    if detector.config.use_memory:
        image = 1 / (1 / image + 1 / highest)
    return image, smooth


@pytest.mark.parametrize("use_memory", [True, False], ids=["memory", "text alone"])
@pytest.mark.parametrize("build", ["small-plain", "small-layer-scale"])
def test_scores_are_those_of_the_method_written_out(
    small_backbone, shots, pictures, use_memory, build
):
    # a wide Gaussian, so that it has something to do on a small map
    detector = PromptAD(small_backbone(build), "nut", quick(use_memory=use_memory, sigma=0.1))
    found = detector.fit(shots).score(pictures)
    for i, picture in enumerate(pictures):
        image, pixels = slow_scores(detector, shots, picture)
        assert found.image_scores[i] == pytest.approx(image, abs=1e-6)
        np.testing.assert_allclose(found.anomaly_maps[i], pixels, atol=1e-6)
    assert found.image_scores.std() > 1e-3 and found.anomaly_maps.std() > 1e-3
    assert found.image_scores.min() >= 0 and found.anomaly_maps.max() <= 1


def test_the_prototypes_are_those_of_the_tokens_that_were_learnt(small_backbone, shots):
    detector = PromptAD(small_backbone(), "nut", quick()).fit(shots)
    start = {}
    for level, learner in detector.learners(seeded(9)).items():
        start[level] = slow_sides(learner)
        tokens = {name: detector.tokens[f"{level}.{name}"] for name in ("contexts", "suffixes")}
        learner.load_state_dict(tokens)
        with torch.no_grad():
            normal, anomalous = (side.float() for side in slow_sides(learner))
        torch.testing.assert_close(detector.normal_prototypes[level], normal, atol=1e-6, rtol=0)
        torch.testing.assert_close(detector.anomaly_prototypes[level], anomalous, atol=1e-6, rtol=0)
        assert (start[level][0].float() - normal).abs().max() > 1e-3
    counts = [len(detector.tokens[f"{level}.contexts"]) for level in ("image", "pixel")]
    assert counts == [2, 1]  # N differs between the levels


def test_scoring_does_not_need_the_text_tower(
    small_backbone, shots, pictures, monkeypatch, tmp_path
):
    backbone = small_backbone()
    detector = PromptAD(backbone, "nut", quick()).fit(shots)
    expected = detector.score(pictures)
    path = detector.save(tmp_path / "nut.safetensors")
    monkeypatch.setattr(backbone, "text", Untouchable())
    assert_same_scores(detector.score(pictures), expected)
    assert_same_scores(PromptAD.load(path, backbone).score(pictures), expected)
    with pytest.raises(AssertionError, match="text tower"):
        PromptAD(backbone, "nut", quick()).fit(shots)


# --- pictures of all kinds ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_paths_pil_arrays_and_ready_tensors_give_the_same(
    small_backbone, shots, pictures, tmp_path, kind
):
    backbone = small_backbone()
    expected = KINDS[kind](backbone).fit(shots).score(pictures)

    def paths(arrays):
        for i, array in enumerate(arrays):
            Image.fromarray(array).save(tmp_path / f"{len(arrays)}-{i}.png")
        return [tmp_path / f"{len(arrays)}-{i}.png" for i in range(len(arrays))]

    forms = {
        "paths": paths,
        "PIL": lambda arrays: [Image.fromarray(array) for array in arrays],
        "one array": np.stack,
        "ready": lambda arrays: torch.stack([backbone.preprocess(array) for array in arrays]),
    }
    for form in forms.values():
        assert_same_scores(KINDS[kind](backbone).fit(form(shots)).score(form(pictures)), expected)
    alone = KINDS[kind](backbone).fit(shots).score(pictures[2])
    assert len(alone) == 1 and alone.anomaly_maps.shape == (1, MAP, MAP)
    assert alone.image_scores[0] == pytest.approx(expected.image_scores[2], abs=1e-6)


@pytest.mark.parametrize("kind", LEARNING)
def test_what_is_no_picture_is_an_image_error(small_backbone, shots, tmp_path, kind):
    (tmp_path / "broken.png").write_bytes(b"\x89PNG no picture")
    wrong = [[], np.zeros((0, 40, 40, 3)), 7, tmp_path / "none.png", tmp_path / "broken.png"]
    wrong += [tmp_path, np.full((40, 40), 300.0), torch.zeros(3, 8, 8), [shots[0], None]]
    fitted = KINDS[kind](small_backbone()).fit(shots[0])
    for images in wrong:
        with pytest.raises(ImageError):
            KINDS[kind](small_backbone()).fit(images)
        with pytest.raises(ImageError):
            fitted.score(images)


@pytest.mark.parametrize("kind", LEARNING)
def test_before_fit_there_is_nothing_to_score_or_save(small_backbone, pictures, tmp_path, kind):
    detector = KINDS[kind](small_backbone())
    for use in (lambda: detector.score(pictures), lambda: detector.save(tmp_path / "nothing")):
        with pytest.raises(RuntimeError, match=r"call fit\(images\) first"):
            use()
    assert not list(tmp_path.iterdir())


# --- one seed, one result -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", LEARNING)
def test_the_order_of_the_shots_and_the_batch_size_do_not_matter(
    small_backbone, shots, pictures, kind
):
    backbone = small_backbone()
    first = KINDS[kind](backbone).fit(shots, seeded(5))
    expected = first.score(pictures)
    for order in ([2, 0, 1], [1, 2, 0], [2, 1, 0]):
        detector = KINDS[kind](backbone).fit([shots[i] for i in order], seeded(5))
        assert_same_scores(detector.score(pictures), expected)
        for name, tensor in first.state().items():  # the memory in the same order, too
            torch.testing.assert_close(detector.state()[name], tensor, atol=1e-5, rtol=0)
    for batch_size in (1, 2):
        features = backbone.encode_images(shots, batch_size)
        detector = KINDS[kind](backbone).fit_features(in_fixed_order(features), seeded(5))
        found = detector.score_features(backbone.encode_images(pictures, batch_size))
        assert_same_scores(found, expected)


def test_the_fixed_order_is_that_of_the_values(small_backbone, shots):
    features = small_backbone().encode_images([*shots, shots[1]])
    expected = in_fixed_order(features)
    rows = [tuple(row) for row in expected.cls.tolist()]
    assert rows == sorted(rows) and len(expected) == 4
    for order in ([3, 2, 1, 0], [1, 3, 0, 2]):
        found = in_fixed_order(features[order])
        for one, other in ((found.cls, expected.cls), (found.patches, expected.patches)):
            assert torch.equal(one, other)
        assert torch.equal(found.blocks, expected.blocks)


@pytest.mark.parametrize("kind", ["pull-only", "two-class", "promptad"])
def test_the_generator_draws_the_first_tokens(small_backbone, shots, pictures, kind):
    first, same, other = (
        KINDS[kind](small_backbone()).fit(shots, generator).score(pictures)
        for generator in (None, seeded(0), seeded(1))
    )
    np.testing.assert_array_equal(first.image_scores, same.image_scores)
    assert np.abs(first.anomaly_maps - other.anomaly_maps).max() > 1e-3
    used = seeded(1)
    again = KINDS[kind](small_backbone()).fit(shots, used)
    np.testing.assert_array_equal(again.score(pictures).image_scores, other.image_scores)
    assert not torch.equal(used.get_state(), seeded(1).get_state())


# --- interruption ---------------------------------------------------------------------------------


@pytest.mark.parametrize("done", [0, 2])
def test_an_interrupted_training_keeps_what_has_been_learnt(
    small_backbone, shots, pictures, monkeypatch, done
):
    calls = []
    of_one_level = training.objective

    def impatient(*arguments):
        calls.append(1)
        if len(calls) > 2 * done:  # two levels a step
            raise KeyboardInterrupt
        return of_one_level(*arguments)

    monkeypatch.setattr(training, "objective", impatient)
    detector = PromptAD(small_backbone(), "nut", quick(steps=4)).fit(shots)
    assert detector.history.interrupted and detector.history.steps == done
    assert np.isfinite(detector.score(pictures).image_scores).all()
    # the tokens of a training that was written out, after as many steps of the same schedule
    expected = slow_training(PromptAD(small_backbone(), "nut", quick(steps=4)), shots, until=done)
    for level, tokens in expected.items():
        for name, tensor in tokens.items():
            found = detector.tokens[f"{level}.{name}"]
            torch.testing.assert_close(found, tensor, atol=1e-6, rtol=0)


# --- the paper's backbone -------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["paper", "released", "pull-only", "two-class", "memory"])
def test_every_detector_runs_on_the_papers_architecture(plus_240, kind):
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    if kind == "memory":
        detector = VisualMemory(plus_240, "nut")
    elif kind in ("paper", "released"):
        detector = PromptAD(plus_240, "nut", replace(preset(kind), steps=1))
    else:
        detector = CoOp(plus_240, "nut", replace(preset(), steps=1), kind)
    found = detector.fit(images[0]).score(images[1])
    assert found.image_scores.shape == (1,) and found.anomaly_maps.shape == (1, 240, 240)
    assert 0 < found.image_scores[0] < 1 and found.anomaly_maps.std() > 0


@pytest.mark.parametrize("failure", ["loss", "last step", "interrupted while reading"])
def test_a_fit_that_fails_leaves_what_was_learnt_before(
    small_backbone, shots, pictures, monkeypatch, failure
):
    detector = PromptAD(small_backbone(), "nut", quick()).fit(shots[:1])
    before, threshold = detector.score(pictures), detector.calibrate(shots[:1]).threshold
    expected = {
        "loss": (ValueError, "the loss is nan"),
        "last step": (ValueError, "no longer finite after the last step: .* than 0.01"),
        "interrupted while reading": (KeyboardInterrupt, None),
    }[failure]
    if failure == "loss":
        monkeypatch.setattr(training.losses, "pull", lambda *_: torch.tensor(float("nan")))
        monkeypatch.setattr(training.losses, "contrastive", lambda *_: torch.tensor(float("nan")))
    else:

        def broken(levels, *rest):
            if failure == "interrupted while reading":
                raise KeyboardInterrupt
            with torch.no_grad():
                levels[1].learner.contexts.fill_(float("nan"))
            return training.History()

        monkeypatch.setattr("promptad_tutorial.detectors.promptad.train", broken)
    with pytest.raises(expected[0], match=expected[1]):
        detector.fit(shots[1:])
    assert_same_scores(detector.score(pictures), before, atol=0)
    assert detector.threshold == threshold
    assert detector.history.steps == 3


def test_after_every_step_the_detector_holds_what_it_has_learnt(small_backbone, shots, pictures):
    backbone, seen = small_backbone(), []
    detector = PromptAD(backbone, "nut", quick())
    features, test = detector.encode(shots), detector.encode(pictures)
    detector.fit_features(
        features,
        seeded(),
        after_step=lambda step: seen.append((step, detector.score_features(test))),
    )
    assert [step for step, _ in seen] == [1, 2, 3]
    assert_same_scores(seen[-1][1], detector.score_features(test), atol=0)
    assert np.abs(seen[0][1].image_scores - seen[-1][1].image_scores).max() > 1e-4
    alone = PromptAD(backbone, "nut", quick()).fit_features(features, seeded())
    assert_same_scores(alone.score_features(test), detector.score_features(test), atol=0)


def test_a_visual_score_that_is_there_already_gives_the_same(small_backbone, shots, pictures):
    detector = PromptAD(small_backbone(), "nut", quick()).fit(shots)
    test = detector.encode(pictures)
    visual = detector.visual_score(test)
    assert_same_scores(detector.score_features(test, visual), detector.score_features(test), atol=0)
    other = detector.score_features(test, 1 - visual)
    assert np.abs(other.anomaly_maps - detector.score_features(test).anomaly_maps).max() > 1e-2
    assert detector.without_memory().visual_score(test) is None
