"""The image score in closed form, for detectors made by hand; and files of the first edition."""

from __future__ import annotations

import logging
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from torch.nn import functional as F

from promptad_tutorial.clip.image_tower import ImageFeatures
from promptad_tutorial.clip.loading import load_backbone
from promptad_tutorial.datasets import open_dataset
from promptad_tutorial.detectors import PromptAD, VisualMemory, open_detector
from promptad_tutorial.detectors.promptad import FUSED_MAXIMUM, VISUAL_MAXIMUM
from promptad_tutorial.detectors.visual_memory import SMOOTHED_MAXIMUM
from promptad_tutorial.learning.config import PromptADConfig, Traps, preset

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(__file__).with_name("data")
TEXT = 0.75  # image-level text score at the temperature t
VISUAL = 0.2  # of the one patch that is unlike the memory; all others are stored


def unit(size: int, at: int) -> torch.Tensor:
    return F.one_hot(torch.tensor(at), size).float()


def by_hand(backbone, config: PromptADConfig) -> tuple[PromptAD, ImageFeatures]:
    """Prototypes and memory along the axes, and a picture whose scores are TEXT and VISUAL."""
    dim, width, blocks = backbone.embed_dim, backbone.width, len(backbone.memory_blocks)
    detector = PromptAD(backbone, "nut", config)
    state = {}
    for level in ("image", "pixel"):
        s = detector.structure(level)
        tokens = backbone.text_width
        state[f"{level}.contexts"] = torch.zeros(s.n_contexts, s.n_context_tokens, tokens)
        state[f"{level}.suffixes"] = torch.zeros(s.n_suffixes, s.n_suffix_tokens, tokens)
        state[f"{level}.normal"], state[f"{level}.anomaly"] = unit(dim, 0), unit(dim, 1)
    detector.restore(state | {"memory": unit(width, 0).expand(blocks, 3, width).clone()})
    # <f, w_a - w_n> = log(3) / t, so that the softmax of t times it is 3/4
    gap = math.log(3) / backbone.temperature
    rest = math.sqrt(1 - gap**2 / 2)
    cls = (-gap / 2) * unit(dim, 0) + (gap / 2) * unit(dim, 1) + rest * unit(dim, 2)
    patches = backbone.grid[0] * backbone.grid[1]
    tokens = unit(width, 0).repeat(blocks, 1, patches, 1)
    cosine = 1 - 2 * VISUAL
    tokens[:, 0, 1] = cosine * unit(width, 0) + math.sqrt(1 - cosine**2) * unit(width, 1)
    return detector, ImageFeatures(cls[None], cls.expand(1, patches, dim).clone(), tokens)


@pytest.mark.parametrize("trap", [None, *Traps.names(), "all"])
def test_the_image_score_fuses_text_with_the_highest_visual_score(small_backbone, trap):
    backbone = small_backbone()
    traps = Traps.all() if trap == "all" else Traps(**({trap: True} if trap else {}))
    # maps of the grid's own size: upsampling changes nothing; a Gaussian that would change much
    config = PromptADConfig(map_size=backbone.grid[0], sigma=0.5, traps=traps)
    detector, features = by_hand(backbone, config)
    text = TEXT
    if traps.log_temperature:  # the only quirk that is about scores of given features
        t = backbone.temperature
        text = 1 / (1 + math.exp(-math.log(t) * math.log(3) / t))
    expected = 1 / (1 / text + 1 / VISUAL)
    assert detector.score_features(features).image_scores == pytest.approx([expected], abs=1e-6)
    # prompts of the pixel level have no part in it, only in the maps
    before = detector.score_features(features)
    detector.learnt["pixel.normal"] = unit(backbone.embed_dim, 3)
    after = detector.score_features(features)
    np.testing.assert_array_equal(before.image_scores, after.image_scores)
    assert np.abs(before.anomaly_maps - after.anomaly_maps).max() > 1e-4
    # without memory: the text alone
    assert detector.without_memory().score_features(features).image_scores == pytest.approx(text)


def test_the_visual_maximum_is_that_of_the_upsampled_map(small_backbone):
    backbone = small_backbone()
    rows, columns = backbone.grid
    detector, features = by_hand(backbone, PromptADConfig(map_size=3 * rows + 1))
    coarse = torch.zeros(1, 1, rows, columns, dtype=torch.float64)
    coarse[0, 0, 0, 1] = VISUAL
    size = (3 * rows + 1,) * 2
    fine = F.interpolate(coarse, size, mode="bilinear", align_corners=False).max().item()
    assert fine < VISUAL  # no pixel lies at the middle of a patch
    expected = 1 / (1 / TEXT + 1 / fine)
    assert detector.score_features(features).image_scores == pytest.approx([expected], abs=1e-6)
    alone = VisualMemory(backbone, "nut", 3 * rows + 1)
    alone.restore({"memory": detector.memory})
    assert alone.score_features(features).image_scores == pytest.approx([fine], abs=1e-6)


# --- files of the first edition -----------------------------------------------------------------

# Fitted and saved by d718c8e on two shots in two steps; every 45th stored token was kept, so that
# the files are small, and the scores below are what d718c8e said with those.
PICTURES = ("burn/000.jpg", "crack/004.jpg", "good/008.jpg", "good/020.jpg", "scratch/000.jpg")
FIRST = {  # what the first edition said of them
    "first_edition": [0.1452840, 0.1198201, 0.1149948, 0.1114469, 0.1196995],
    "first_edition_memory": [0.4942060, 0.4879639, 0.4948572, 0.4922100, 0.4949753],
}
WAYS = {"first_edition": FUSED_MAXIMUM, "first_edition_memory": SMOOTHED_MAXIMUM}


@pytest.mark.parametrize("name", FIRST)
def test_a_file_of_the_first_edition_scores_as_it_did_and_says_so(name, tmp_path, caplog):
    backbone = load_backbone("tiny")
    folder = open_dataset(ROOT / "data" / "minifactory").root / "hexagon_nut" / "test"
    pictures = [folder / picture for picture in PICTURES]
    with caplog.at_level(logging.WARNING):
        detector = open_detector(DATA / f"{name}.safetensors", backbone)
    assert "saved by the first edition" in caplog.text and WAYS[name] in caplog.text
    assert detector.image_score == WAYS[name] and WAYS[name] in repr(detector)
    assert detector.score(pictures).image_scores == pytest.approx(FIRST[name], abs=2e-6)
    if name == "first_edition":
        assert detector.threshold == pytest.approx(0.06831960)
        assert detector.promise is None
    # saved again it is what it was; so is what calibrate fits, and the text branch
    again = open_detector(detector.save(tmp_path / "again.safetensors"), backbone)
    assert again.image_score == detector.fresh().image_score == WAYS[name]
    assert again.score(pictures).image_scores == pytest.approx(FIRST[name], abs=2e-6)
    # a new fit of the same settings says the other
    new = type(detector).from_settings(backbone, "hexagon_nut", detector.settings())
    assert new.image_score == VISUAL_MAXIMUM
    new.restore(detector.state())
    # the first edition's memory fixture was smoothed over a quarter of a pixel only
    least = 1e-3 if name == "first_edition" else 1e-5
    assert np.abs(new.score(pictures).image_scores - np.array(FIRST[name])).max() > least


def test_a_new_file_says_its_way_without_a_warning(small_backbone, tmp_path, caplog):
    detector, _ = by_hand(small_backbone(), preset())
    path = detector.save(tmp_path / "new.safetensors")
    with safe_open(path, framework="pt") as file:
        assert f'"image_score": "{VISUAL_MAXIMUM}"' in file.metadata()["detector"]
    assert PromptAD.load(path, small_backbone()).image_score == VISUAL_MAXIMUM
    assert not caplog.text
