"""The zero-shot detector end to end against open_clip's own encode functions."""

from __future__ import annotations

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from promptad_tutorial.clip.loading import Backbone, load_backbone
from promptad_tutorial.detectors import Detector, ZeroShot
from promptad_tutorial.prompts.words import PromptPair, ensemble, single_pair


@pytest.fixture(scope="module")
def backbone(small_configs) -> Backbone:
    return load_backbone("small-plain", pretrained="random", device="cpu", seed=1)


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return list(np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3), dtype=np.uint8))


def slow_scores(backbone, pictures, sides: PromptPair) -> tuple[np.ndarray, np.ndarray]:
    """Anomaly probability of every picture and of every patch, (B,) and (B, n), step by step."""
    model, tokenize = backbone.model, open_clip.get_tokenizer("small-plain")
    prototypes = []
    with torch.no_grad():
        for prompts in (sides.normal, sides.anomalous):
            features = [model.encode_text(tokenize([text]), normalize=True)[0] for text in prompts]
            mean = torch.stack(features).mean(dim=0)
            prototypes.append(mean / mean.norm())
        images, patches = [], []
        for picture in pictures:
            small = Image.fromarray(picture).resize((32, 32), Image.Resampling.BICUBIC)
            pixels = torch.from_numpy(np.array(small)).permute(2, 0, 1) / 255
            mean, std = (torch.tensor(v).view(3, 1, 1) for v in (backbone.mean, backbone.std))
            z = model.encode_image(((pixels - mean) / std)[None], normalize=True)[0]
            logits = model.logit_scale.exp() * torch.stack([z @ w for w in prototypes])
            images.append(float(logits.softmax(dim=0)[1]))
            found = backbone.encode_images([picture]).patches[0]  # tested in test_backbone
            logits = model.logit_scale.exp() * found @ torch.stack(prototypes).T
            patches.append(logits.softmax(dim=1)[:, 1].numpy())
    return np.array(images), np.stack(patches)


@pytest.mark.parametrize("single", [True, False], ids=["single pair", "ensemble"])
def test_scores_are_those_of_open_clips_own_functions(backbone, pictures, single):
    sides = single_pair("nut") if single else ensemble("nut")
    # a map of as many pixels as patches, so that patch scores can be read from it
    detector = ZeroShot(backbone, "nut", sides, map_size=4).fit()
    found = detector.score(pictures)
    images, patches = slow_scores(backbone, pictures, sides)
    np.testing.assert_allclose(found.image_scores, images, atol=1e-5)
    assert found.image_scores.std() > 1e-4
    # 4 / 400 of four pixels is a Gaussian too narrow to reach the next one
    np.testing.assert_allclose(found.anomaly_maps.reshape(3, 16), patches, atol=1e-4)


def test_scores_of_features_are_those_of_their_pictures(small_backbone, pictures):
    backbone = small_backbone()
    detector = ZeroShot(backbone, "metal_plate")
    found = detector.score(pictures)
    again = detector.score_features(backbone.encode_images(pictures, blocks=()))
    np.testing.assert_allclose(found.image_scores, again.image_scores, atol=1e-6)
    np.testing.assert_allclose(found.anomaly_maps, again.anomaly_maps, atol=1e-6)
    assert found.anomaly_maps.shape == (3, 240, 240) and len(found) == 3
    assert found.anomaly_maps.min() >= 0 and found.anomaly_maps.max() <= 1


def test_the_default_prompts_are_the_ensemble_of_the_products_name(small_backbone):
    detector = ZeroShot(small_backbone(), "metal_plate")
    assert detector.name == "metal plate"
    assert detector.prompts == ensemble("metal plate")


def test_pictures_that_are_scored_together_do_not_change_each_other(small_backbone, pictures):
    detector = ZeroShot(small_backbone(), "nut")
    alone = [detector.score([picture]).image_scores[0] for picture in pictures]
    np.testing.assert_allclose(detector.score(pictures).image_scores, alone, atol=1e-5)


def test_swapped_sides_give_the_complement(small_backbone, pictures):
    backbone, sides = small_backbone(), single_pair("nut")
    swapped = PromptPair(sides.anomalous, sides.normal)
    one, other = (ZeroShot(backbone, "nut", p).score(pictures) for p in (sides, swapped))
    np.testing.assert_allclose(one.image_scores + other.image_scores, 1, atol=1e-5)
    np.testing.assert_allclose(one.anomaly_maps + other.anomaly_maps, 1, atol=1e-5)


def test_it_is_a_detector_that_learns_nothing(small_backbone, pictures):
    detector = ZeroShot(small_backbone(), "nut", single_pair("nut", "fine {}"), map_size=10)
    assert isinstance(detector, Detector)
    before = detector.score(pictures)
    assert detector.fit() is detector and detector.fit(pictures) is detector
    for one in (detector, detector.fresh(), detector.fit_features(detector.encode(pictures))):
        found = one.score(pictures)
        np.testing.assert_array_equal(found.image_scores, before.image_scores)
        np.testing.assert_array_equal(found.anomaly_maps, before.anomaly_maps)
    assert detector.encode(pictures).blocks.shape[0] == 0  # there is no memory to fill
