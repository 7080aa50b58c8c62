"""WinCLIP and WinCLIP+ against plain loops over open_clip's own functions."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from scipy.ndimage import gaussian_filter
from torch.nn import functional as F

from promptad_tutorial.clip.loading import Backbone, load_backbone
from promptad_tutorial.detectors.winclip import Reading, WinCLIP
from promptad_tutorial.detectors.zero_shot import ZeroShot
from promptad_tutorial.prompts.words import PromptPair, ensemble, single_pair
from promptad_tutorial.scoring.threshold import threshold_from_normal_scores
from tests.clip.test_backbone import block_outputs
from tests.clip.test_window_tower import slow_window

PAIR = single_pair("nut")


def make_pictures(count: int, seed: int = 0) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return list(generator.integers(0, 256, (count, 40, 40, 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return make_pictures(3)


@pytest.fixture(scope="module")
def shots() -> list[np.ndarray]:
    return make_pictures(3, seed=1)


@pytest.fixture(scope="module")
def backbone(small_backbone) -> Backbone:
    return small_backbone("small-plain")


@pytest.fixture(scope="module")
def fitted(backbone, shots) -> WinCLIP:
    return WinCLIP(backbone, "nut", PAIR, map_size=4).fit(shots)


# --- a second implementation, in plain loops --------------------------------------------------


def slow_pixels(backbone: Backbone, picture: np.ndarray) -> torch.Tensor:
    side = backbone.image_size
    small = Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC)
    pixels = torch.from_numpy(np.array(small)).permute(2, 0, 1) / 255
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (backbone.mean, backbone.std))
    return ((pixels - mean) / std)[None]


def slow_harmonic(values: list[float]) -> float:
    return 0.0 if min(values) <= 0 else len(values) / sum(1 / value for value in values)


class SlowWinCLIP:
    """The scores of one picture at a time, with the tower run once a window, masked."""

    def __init__(self, backbone: Backbone, name: str, sides: PromptPair, shots: list) -> None:
        self.backbone, self.model = backbone, backbone.model
        tokenize = open_clip.get_tokenizer(name)
        self.sides = []
        for prompts in (sides.normal, sides.anomalous):
            found = [self.model.encode_text(tokenize([t]), normalize=True)[0] for t in prompts]
            mean = sum(found) / len(found)
            self.sides.append(mean / mean.norm())
        self.memory = [self.features(shot) for shot in shots]

    def features(self, picture: np.ndarray) -> dict:
        """{"whole": z, 1: {(0, 0): token}, 2: {(row, column): z_w}, 3: ...}"""
        pixels = slow_pixels(self.backbone, picture)
        rows, columns = self.backbone.grid
        tokens = block_outputs(self.backbone, pixels)[self.backbone.depth - 1][0, 1:]
        found: dict = {"whole": self.model.encode_image(pixels, normalize=True)[0], 1: {}}
        for row in range(rows):
            for column in range(columns):
                token = tokens[row * columns + column]
                found[1][row, column] = token / token.norm()
        for k in (2, 3):
            found[k] = {}
            for row in range(rows - k + 1):
                for column in range(columns - k + 1):
                    cells = [(row + i, column + j) for i in range(k) for j in range(k)]
                    patches = [r * columns + c for r, c in cells]
                    found[k][row, column] = slow_window(self.backbone, pixels, patches)[0]
        return found

    def text(self, feature: torch.Tensor) -> float:
        # not model.logit_scale, which the fixture moved after the backbone had read it
        cosines = torch.stack([feature @ w for w in self.sides]).double()
        return float((self.backbone.temperature * cosines).softmax(dim=0)[1])

    def distance(self, feature: torch.Tensor, k: int) -> float:
        cosines = [float(feature @ known) for shot in self.memory for known in shot[k].values()]
        return max(0.0, (1 - max(cosines)) / 2)

    def at(self, row: int, column: int, scores: dict, k: int) -> float:
        """The score of a patch from those of the windows that cover it."""
        return slow_harmonic(
            [
                score
                for (top, left), score in scores.items()
                if top <= row < top + k and left <= column < left + k
            ]
        )

    def scores(self, picture: np.ndarray) -> tuple[float, np.ndarray]:
        rows, columns = self.backbone.grid
        features = self.features(picture)
        whole = self.text(features["whole"])
        texts = {k: {w: self.text(z) for w, z in features[k].items()} for k in (2, 3)}
        distances = {
            k: {w: self.distance(z, k) for w, z in features[k].items()} if self.memory else {}
            for k in (1, 2, 3)
        }
        zero_shot, association = np.zeros((rows, columns)), np.zeros((rows, columns))
        for row in range(rows):
            for column in range(columns):
                spread = [self.at(row, column, texts[k], k) for k in (2, 3)]
                zero_shot[row, column] = slow_harmonic([whole, *spread])
                if self.memory:
                    spread = [self.at(row, column, distances[k], k) for k in (1, 2, 3)]
                    association[row, column] = sum(spread) / 3
        if not self.memory:
            return whole, zero_shot
        return (whole + association.max()) / 2, (zero_shot + association) / 2


@pytest.mark.parametrize("sides", [PAIR, ensemble("nut")], ids=["single pair", "ensemble"])
def test_zero_shot_scores_are_those_of_open_clips_own_functions(backbone, pictures, sides):
    found = WinCLIP(backbone, "nut", sides, map_size=4).score(pictures)
    slow = SlowWinCLIP(backbone, "small-plain", sides, [])
    for i, picture in enumerate(pictures):
        image_score, patch_scores = slow.scores(picture)
        assert found.image_scores[i] == pytest.approx(image_score, abs=1e-5)
        np.testing.assert_allclose(found.anomaly_maps[i], patch_scores, atol=1e-5)
    assert found.anomaly_maps.std(axis=(1, 2)).min() > 1e-4  # patches differ


@pytest.mark.parametrize("name", ["small-plain", "small-layer-scale"])
@pytest.mark.parametrize("count", [1, 2])
def test_scores_with_shots_are_those_of_a_second_implementation_in_plain_loops(
    small_backbone, pictures, shots, name, count
):
    backbone = small_backbone(name)
    found = WinCLIP(backbone, "nut", PAIR, map_size=4).fit(shots[:count]).score(pictures[:2])
    slow = SlowWinCLIP(backbone, name, PAIR, shots[:count])
    for i, picture in enumerate(pictures[:2]):
        image_score, patch_scores = slow.scores(picture)
        assert found.image_scores[i] == pytest.approx(image_score, abs=1e-5)
        np.testing.assert_allclose(found.anomaly_maps[i], patch_scores, atol=1e-5)


# --- what the memory promises -----------------------------------------------------------------


def test_the_shots_themselves_are_at_distance_zero(fitted, backbone, shots, pictures):
    on_shots = fitted.encode(shots)
    assert fitted.association_map(on_shots).max() < 1e-6
    assert fitted.association_map(on_shots).dtype == torch.float64
    assert fitted.association_map(fitted.encode(pictures)).amax(dim=1).min() > 1e-3
    found = fitted.score_features(on_shots)
    words = WinCLIP(backbone, "nut", PAIR, map_size=4).score_features(on_shots)
    np.testing.assert_allclose(found.image_scores, words.image_scores / 2, atol=1e-6)
    np.testing.assert_allclose(found.anomaly_maps, words.anomaly_maps / 2, atol=1e-6)


def test_a_changed_corner_is_the_only_place_where_windows_are_new(backbone, shots):
    detector = WinCLIP(backbone, "nut", PAIR).fit(shots[:1])
    pixels = torch.stack([backbone.preprocess(shots[0])])
    pixels[:, :, -8:, :8] *= -1  # patch (3, 0): every other patch has a window without it
    features = detector.encode(pixels)
    # with the shot's own tokens for the patches, there is no map but those of the windows
    known = detector.memory[1].reshape(1, 16, 64)
    windows = detector.association_map(replace(features, patches=known))[0]
    assert windows[12] > 1e-3 and windows[:12].max() < 1e-6 and windows[13:].max() < 1e-6
    # and patches saw the change through attention, but it is largest in its place
    assert int(detector.association_map(features)[0].argmax()) == 12


def test_more_shots_leave_no_patch_farther_away(backbone, shots, pictures):
    detector = WinCLIP(backbone, "nut", PAIR)
    features, known = detector.encode(pictures), detector.encode(shots)
    maps = [
        detector.fit_features(known[list(range(k))]).association_map(features) for k in (1, 2, 3)
    ]
    for fewer, more in pairwise(maps):
        assert (more <= fewer + 1e-7).all() and (more < fewer - 1e-5).any()


def test_the_order_of_the_shots_does_not_matter(fitted, backbone, shots, pictures):
    other = WinCLIP(backbone, "nut", PAIR, map_size=4).fit(shots[::-1])
    for side in (1, 2, 3):
        torch.testing.assert_close(other.memory[side], fitted.memory[side], atol=1e-6, rtol=0)
    found, expected = other.score(pictures), fitted.score(pictures)
    np.testing.assert_allclose(found.image_scores, expected.image_scores, atol=1e-6)
    np.testing.assert_allclose(found.anomaly_maps, expected.anomaly_maps, atol=1e-6)


def test_there_is_no_association_without_shots(backbone, pictures):
    detector = WinCLIP(backbone, "nut", PAIR)
    with pytest.raises(RuntimeError, match="no memory yet: call fit"):
        detector.association_map(detector.encode(pictures[:1]))


# --- scores and maps --------------------------------------------------------------------------


def test_pictures_that_are_scored_together_do_not_change_each_other(fitted, pictures):
    together = fitted.score(pictures)
    for i, picture in enumerate(pictures):
        alone = fitted.score([picture])
        assert alone.image_scores[0] == pytest.approx(together.image_scores[i], abs=1e-6)
        np.testing.assert_allclose(alone.anomaly_maps[0], together.anomaly_maps[i], atol=1e-6)


def test_the_image_score_without_shots_is_that_of_the_zero_shot_detector(backbone, pictures):
    found = WinCLIP(backbone, "nut").score(pictures)
    expected = ZeroShot(backbone, "nut").score(pictures)
    np.testing.assert_allclose(found.image_scores, expected.image_scores, atol=1e-6)


def test_maps_are_pictures_in_double_precision_between_0_and_1(backbone, shots, pictures):
    for detector in (WinCLIP(backbone, "nut", PAIR), WinCLIP(backbone, "nut", PAIR).fit(shots)):
        found = detector.score(pictures)
        assert found.anomaly_maps.shape == (3, 240, 240)
        assert found.anomaly_maps.dtype == found.image_scores.dtype == np.float64
        for values in (found.anomaly_maps, found.image_scores):
            assert values.min() >= 0 and values.max() <= 1


def test_sigma_smooths_the_maps_and_is_off_by_default(backbone, shots, pictures):
    plain, smooth = (
        WinCLIP(backbone, "nut", PAIR, 40, *sigma).fit(shots).score(pictures[:1]).anomaly_maps[0]
        for sigma in ((), (0.05,))
    )
    np.testing.assert_allclose(smooth, gaussian_filter(plain, 2.0), atol=1e-9)
    assert np.abs(smooth - plain).max() > 1e-4


# --- words: late, and once --------------------------------------------------------------------


@pytest.fixture
def counted(backbone, monkeypatch) -> list[list[str]]:
    """What the text tower was asked to encode."""
    asked, encode = [], backbone.encode_text
    monkeypatch.setattr(backbone, "encode_text", lambda p: asked.append(p) or encode(p))
    return asked


def test_prompts_are_encoded_when_first_needed_and_once(backbone, counted, shots, pictures):
    detector = WinCLIP(backbone, "metal_plate")
    assert detector.name == "metal plate" and detector.prompts == ensemble("metal plate")
    detector.fit(shots)
    assert counted == []
    detector.score(pictures)
    detector.calibrate(shots).predict(pictures)
    assert [len(texts) for texts in counted] == [154, 88]


@pytest.mark.parametrize("count", [0, 2], ids=["zero-shot", "with shots"])
def test_a_saved_detector_scores_as_before_without_its_text_tower(
    backbone, counted, shots, pictures, tmp_path, count
):
    detector = WinCLIP(backbone, "metal_plate", PAIR, 33, 0.02)
    if count:
        detector.fit(shots[:count])
    expected = detector.calibrate(shots).score(pictures)
    path = detector.save(tmp_path / "winclip.safetensors")
    counted.clear()
    again = WinCLIP.load(path, backbone)
    found = again.score(pictures)
    np.testing.assert_array_equal(found.image_scores, expected.image_scores)
    np.testing.assert_array_equal(found.anomaly_maps, expected.anomaly_maps)
    assert (again.name, again.prompts) == ("metal plate", PAIR)
    assert again.settings() == detector.settings() and again.threshold == detector.threshold
    assert (again.memory is None) == (count == 0)
    again.calibrate(shots)
    assert counted == [] and again.threshold == pytest.approx(detector.threshold, abs=1e-6)


# --- thresholds -------------------------------------------------------------------------------


def test_with_shots_each_is_scored_by_a_detector_of_the_others(backbone, shots, pictures):
    detector = WinCLIP(backbone, "nut", PAIR).fit(shots).calibrate(shots, 0.2)
    left_out = [
        WinCLIP(backbone, "nut", PAIR)
        .fit([other for j, other in enumerate(shots) if j != i])
        .score([shots[i]])
        .image_scores[0]
        for i in range(3)
    ]
    expected = threshold_from_normal_scores(left_out, 0.2)
    assert detector.threshold == pytest.approx(expected, abs=1e-6)
    assert detector.false_positive_rate == 0.2
    above = detector.score(pictures).image_scores > detector.threshold
    assert detector.predict(pictures).tolist() == above.tolist()
    assert detector.fit(shots).threshold is None


def test_without_shots_the_threshold_is_for_zero_shot_scores(backbone, shots):
    detector = WinCLIP(backbone, "nut", PAIR).calibrate(iter(shots))
    expected = threshold_from_normal_scores(detector.score(shots).image_scores)
    assert detector.threshold == pytest.approx(expected, abs=1e-9)
    assert detector.false_positive_rate == 0.1 and detector.memory is None


@pytest.mark.parametrize("fit", [False, True], ids=["zero-shot", "with shots"])
def test_a_single_shot_gives_a_threshold_from_its_variations(backbone, shots, fit):
    detector = WinCLIP(backbone, "nut", PAIR)
    if fit:
        detector.fit(shots[:1])
    assert 0 < detector.calibrate(shots[:1]).threshold < 1.5
    assert (detector.memory is not None) == fit


# --- wrong settings and files -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"map_size": 0}, "map_size must be a whole number from 1 to 4096, got 0"),
        ({"sigma": -0.1}, "sigma must be a share of the map's side"),
        ({"sigma": float("nan")}, "sigma must be a share of the map's side"),
        ({"sigma": float("inf")}, "sigma must be a share of the map's side"),
    ],
)
def test_wrong_settings_are_errors(backbone, settings, message):
    with pytest.raises(ValueError, match=message):
        WinCLIP(backbone, "nut", PAIR, **settings)
    kept = WinCLIP(backbone, "nut", PAIR).settings() | settings
    with pytest.raises(ValueError, match=message):
        WinCLIP.from_settings(backbone, "nut", kept)


def test_a_detector_needs_a_name_and_words(backbone):
    with pytest.raises(ValueError, match="needs a name"):
        WinCLIP(backbone, "_")
    kept = WinCLIP(backbone, "nut", PAIR).settings()
    with pytest.raises(ValueError, match="at least one prompt"):
        WinCLIP.from_settings(backbone, "nut", kept | {"normal": []})
    del kept["sigma"]
    with pytest.raises(KeyError, match="sigma"):
        WinCLIP.from_settings(backbone, "nut", kept)


def test_settings_are_fit_for_json_and_make_the_same_detector(backbone):
    detector = WinCLIP(backbone, "nut", PAIR, 33, 0.02)
    kept = json.loads(json.dumps(detector.settings()))
    for other in (WinCLIP.from_settings(backbone, "nut", kept), detector.fresh()):
        assert other.settings() == detector.settings() and other.memory is None


def test_tensors_that_do_not_fit_are_errors(fitted, backbone):
    state = fitted.state()
    assert {k: tuple(v.shape) for k, v in state.items()} == {
        "normal": (32,),
        "anomaly": (32,),
        "memory.1": (3 * 16, 64),
        "memory.2": (3 * 9, 32),
        "memory.3": (3 * 4, 32),
    }
    wrong = {
        "a missing side": {k: v for k, v in state.items() if k != "memory.2"},
        "no patches": {k: v for k, v in state.items() if k != "memory.1"},
        "an unknown side": state | {"memory.4": state["memory.3"]},
        "a missing prototype": {k: v for k, v in state.items() if k != "normal"},
        "half an image": state | {"memory.1": state["memory.1"][:40]},
        "other numbers of shots": state | {"memory.3": state["memory.3"][:8]},
        "no shots": {k: v[:0] if "memory" in k else v for k, v in state.items()},
        "windows for patches": state | {"memory.1": state["memory.2"]},
        "doubles": state | {"normal": state["normal"].double()},
    }
    detector = WinCLIP(backbone, "nut", PAIR)
    for what, tensors in wrong.items():
        with pytest.raises(ValueError, match="expected"):
            detector.restore(tensors)
            pytest.fail(f"took {what}")
    assert detector.memory is None
    detector.restore(state)
    assert detector.memory is not None


def test_files_of_others_and_damaged_ones_are_errors(fitted, backbone, tmp_path):
    path = fitted.save(tmp_path / "winclip.safetensors")
    with pytest.raises(ValueError, match="expected a detector of kind 'zero-shot'"):
        ZeroShot.load(path, backbone)
    with pytest.raises(ValueError, match="was fitted with small-plain"):
        WinCLIP.load(path, load_backbone("small-plain", pretrained="random", device="cpu", seed=1))
    tensors = load_file(path)
    tensors.pop("memory.3")
    save_file(tensors, path)
    with pytest.raises(ValueError, match="expected a saved detector"):
        WinCLIP.load(path, backbone)


# --- larger models ----------------------------------------------------------------------------


def test_the_shipped_model_scores_with_and_without_shots(pictures, shots):
    detector = WinCLIP(load_backbone("tiny", device="cpu"), "washer", map_size=60)
    for _ in range(2):
        found = detector.score(pictures[:1])
        assert found.anomaly_maps.shape == (1, 60, 60) and found.anomaly_maps.std() > 0
        detector.fit(shots[:1])


@pytest.mark.slow
def test_the_architecture_of_the_paper_runs_end_to_end(plus_240, pictures, shots):
    detector = WinCLIP(plus_240, "nut", PAIR)
    features = detector.encode([shots[0], pictures[0]])
    assert features.windows[2].shape == (2, 196, 640)
    assert features.windows[3].shape == (2, 169, 640)
    assert features.patches.shape == (2, 225, 896)
    # the last window of 3 x 3, against the whole tower with a mask
    patches = [row * 15 + column for row in (12, 13, 14) for column in (12, 13, 14)]
    expected = slow_window(plus_240, slow_pixels(plus_240, pictures[0]), patches)[0]
    torch.testing.assert_close(features.windows[3][1, -1], expected, atol=1e-5, rtol=0)
    detector.fit_features(features[[0]])
    found = detector.score_features(features)
    association = detector.association_map(features)
    assert association[0].max() < 1e-6 < 1e-4 < association[1].max()
    assert found.anomaly_maps.shape == (2, 240, 240)
    assert found.anomaly_maps.min() >= 0 and found.anomaly_maps.max() <= 1


# --- what the paper leaves open -------------------------------------------------------------------


def test_each_reading_changes_its_one_thing(backbone, pictures):
    tokenize = open_clip.get_tokenizer("small-plain")
    ours = WinCLIP(backbone, "nut", PAIR)
    # full stop: another prompt
    stopped = WinCLIP(backbone, "nut", PAIR, reading=Reading(full_stop=True))
    found = backbone.encode_text([f"{PAIR.normal[0]}."])[0]
    torch.testing.assert_close(stopped.prototypes[0], found, atol=1e-6, rtol=0)
    # raw means: features as the tower gives them, averaged before the norm
    two = PromptPair(("a nut", "a photo of a very large perfect nut"), ("a bad nut",))
    with torch.no_grad():
        raw = backbone.model.encode_text(tokenize(list(two.normal)))
    means = [
        WinCLIP(backbone, "nut", two, reading=Reading(raw_means=value)).prototypes[0]
        for value in (True, False)
    ]
    for mean, features in zip(means, (raw, raw / raw.norm(dim=1, keepdim=True)), strict=True):
        expected = features.mean(dim=0) / features.mean(dim=0).norm()
        torch.testing.assert_close(mean, expected, atol=1e-6, rtol=0)
    # temperature: of the softmax alone
    cool = WinCLIP(backbone, "nut", PAIR, reading=Reading(temperature=1 / 0.07))
    z = backbone.encode_images(pictures, blocks=()).cls.double()
    gaps = z @ (ours.prototypes[1] - ours.prototypes[0]).double()
    assert cool.score(pictures).image_scores == pytest.approx(
        (1 / (1 + torch.exp(-gaps / 0.07))).numpy(), abs=1e-6
    )
    # the last block's tokens after the final norm
    last = WinCLIP(backbone, "nut", PAIR, reading=Reading(last_tokens=True)).encode(pictures)
    outputs = block_outputs(backbone, slow_pixels(backbone, pictures[0]))[backbone.depth]
    expected = F.normalize(backbone.model.visual.ln_post(outputs[0, 1:]), dim=-1)
    torch.testing.assert_close(last.patches[0], expected, atol=1e-4, rtol=0)
    assert torch.equal(last.cls, ours.encode(pictures).cls)


def test_a_reading_comes_back_from_a_file_and_wrong_ones_are_named(backbone, tmp_path):
    reading = Reading(True, 20.0, True)
    path = WinCLIP(backbone, "nut", PAIR, reading=reading).save(tmp_path / "nut.safetensors")
    assert WinCLIP.load(path, backbone).reading == reading
    with pytest.raises(ValueError, match="temperature must be a positive number or None, got 0"):
        Reading(temperature=0)
