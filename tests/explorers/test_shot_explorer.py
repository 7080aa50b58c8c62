"""The shot explorer over the whole range of every control, against the detectors' own numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.clip.image_tower import ImageFeatures
from promptad_tutorial.datasets import ProductLine, Sample, draw_shots
from promptad_tutorial.detectors import Detector, PromptAD, VisualMemory
from promptad_tutorial.explorers import DrawnLine, ShotExplorer, encode_draws, shot_explorer
from promptad_tutorial.explorers.shot_explorer import METHODS
from promptad_tutorial.learning.config import PromptADConfig
from promptad_tutorial.scoring.metrics import image_auroc, pixel_auroc
from tests.explorers.conftest import QUICK, unit

SIZE = QUICK.map_size


def features(backbone: Backbone, seed: int, n: int) -> ImageFeatures:
    generator = torch.Generator().manual_seed(seed)
    patches, blocks = backbone.grid[0] * backbone.grid[1], len(backbone.memory_blocks)
    return ImageFeatures(
        unit(generator, n, backbone.embed_dim),
        unit(generator, n, patches, backbone.embed_dim),
        unit(generator, blocks, n, patches, backbone.width),
    )


def line(backbone: Backbone, seed: int, shots=(1, 2, 4, 8), size: int = SIZE) -> DrawnLine:
    labels = np.array([0] * 7 + [1] * 5)
    masks = np.random.default_rng(seed).random((12, size, size)) < 0.3
    masks[:7] = False
    picture = np.full((16, 16, 3), 10 * seed, dtype=np.uint8)
    draws = {(k, s): tuple((s + i) % 10 for i in range(k)) for k in shots for s in range(3)}
    return DrawnLine(
        features(backbone, seed, 10),
        draws,
        features(backbone, seed + 5, 12),
        labels,
        masks,
        (picture,) * 12,
    )


@pytest.fixture
def explorer(backbone: Backbone) -> ShotExplorer:
    lines = {"metal_plate": line(backbone, 1), "capsule": line(backbone, 2)}
    return ShotExplorer(backbone, lines, QUICK)


@pytest.mark.parametrize(  # the range of `method` has every method once
    "method",
    ["PromptAD", *(pytest.param(m, marks=pytest.mark.slow) for m in METHODS if m != "PromptAD")],
)
def test_each_control_over_its_whole_range(explorer, method) -> None:
    ranges = (
        (explorer.product_line, ["metal_plate", "capsule"]),
        (explorer.method, list(METHODS)),
        (explorer.shots, [1, 2, 4, 8]),
        (explorer.seed, [0, 1, 2]),
    )
    assert [control for control, _ in ranges] == list(explorer.controls)
    assert list(explorer.shots.options) == [1, 2, 4, 8]
    assert (explorer.seed.min, explorer.seed.max) == (0, 2)
    for control, values in ranges:
        explorer.method.value = method
        told = []
        for value in values:
            control.value = value
            assert control.value == value
            assert explorer.answer.png and "no answer" not in explorer.status.value
            assert explorer.answer.alt in explorer._repr_mimebundle_()["text/plain"]
            told.append(explorer.status.value + explorer.answer.alt)
        assert len(set(told)) == len(values)


def test_controls_are_named_and_answer_when_let_go(explorer) -> None:
    names = [control.description for control in explorer.controls]
    assert all(names) and len(set(names)) == len(names)
    assert not any(getattr(c, "continuous_update", False) for c in explorer.controls)


def expected(detector: Detector, one: DrawnLine, shots: int, seed: int) -> str:
    drawn = one.pool[list(one.draws[shots, seed])]
    order = np.lexsort(drawn.cls.numpy().T[::-1])  # the order of files must not matter
    detector.fit_features(drawn[order.copy()], torch.Generator().manual_seed(seed))
    scores = detector.score_features(one.test)
    image = image_auroc(one.labels, scores.image_scores)
    pixel = pixel_auroc(one.masks, scores.anomaly_maps)
    return f"image AUROC {image + 1e-7:.2f}, pixel AUROC {pixel + 1e-7:.2f}"


@pytest.mark.parametrize("shots, seed", [(2, 0), (8, 2)])
def test_the_status_holds_the_detectors_own_figures(backbone, explorer, shots, seed) -> None:
    one = explorer.lines["metal_plate"]
    explorer.shots.value, explorer.seed.value = shots, seed
    assert expected(PromptAD(backbone, "metal plate", QUICK), one, shots, seed) in (
        explorer.status.value
    )
    explorer.method.value = "text branch of PromptAD"
    detector = PromptAD(backbone, "metal plate", QUICK)
    expected(detector, one, shots, seed)
    text = detector.without_memory().score_features(one.test)
    auroc = image_auroc(one.labels, text.image_scores)
    assert f"image AUROC {auroc + 1e-7:.2f}," in explorer.status.value
    explorer.method.value = "memory"
    memory = VisualMemory(backbone, "metal plate", SIZE)
    assert expected(memory, one, shots, seed) in explorer.status.value


def test_the_spread_grows_with_the_seeds_seen_and_stays_when_one_returns(explorer) -> None:
    assert "Over the" not in explorer.status.value
    explorer.seed.value = 1
    explorer.seed.value = 2
    assert "Over the 3 seeds seen so far image AUROC goes from" in explorer.status.value
    explorer.seed.value = 0  # a fit that is kept, but the seeds seen since are told
    assert "seed 0: " in explorer.status.value and "Over the 3 seeds" in explorer.status.value
    explorer.shots.value = 2  # a spread of its own
    assert "Over the" not in explorer.status.value
    explorer.shots.value = 4
    assert "Over the 3 seeds" in explorer.status.value


def test_a_setting_that_returns_is_not_fitted_again(explorer, monkeypatch) -> None:
    first = explorer.status.value
    explorer.shots.value = 1

    def never(*args: object) -> None:
        raise AssertionError("fitted again")

    monkeypatch.setattr(shot_explorer, "image_auroc", never)
    explorer.shots.value = 4
    assert explorer.status.value == first


def test_zero_shot_is_the_same_for_every_draw(explorer) -> None:
    explorer.method.value = "zero-shot"
    explorer.seed.value = 1
    low, high = explorer.status.value.rstrip(".").split("goes from ")[1].split(" to ")
    assert low == high


def test_the_examples_are_a_defect_of_middle_size_and_a_good_picture(backbone) -> None:
    one = line(backbone, 1)
    anomalous, good = one.examples
    areas = sorted(int(mask.sum()) for mask in one.masks[7:])
    assert int(one.masks[anomalous].sum()) == areas[2] and one.labels[anomalous] == 1
    assert good == 0


def pictures(folder: Path, n: int) -> list[Path]:
    colours = np.random.default_rng(1).integers(0, 256, (n, 1, 1, 3), dtype=np.uint8)
    paths = []
    for i, colour in enumerate(np.broadcast_to(colours, (n, 32, 32, 3))):
        paths.append(folder / f"{i}.png")
        Image.fromarray(np.ascontiguousarray(colour)).save(paths[-1])
    return paths


def test_encode_draws_takes_the_drawn_pictures_each_once(backbone, tmp_path) -> None:
    paths = pictures(tmp_path, 8)
    mask = tmp_path / "mask.png"
    Image.fromarray(np.eye(32, dtype=np.uint8) * 255).save(mask)
    train = tuple(Sample(path, 0, "good") for path in paths[:6])
    test = (Sample(paths[6], 0, "good"), Sample(paths[7], 1, "hole", mask))
    product = ProductLine("nut", tmp_path, train, test)
    found = encode_draws(backbone, product, seeds=2, map_size=SIZE)
    assert {k for k, _ in found.draws} == {1, 2, 4}  # there are no 8 pictures
    for (k, seed), places in found.draws.items():
        drawn = [sample.image for sample in draw_shots(train, k, seed)]
        torch.testing.assert_close(found.pool[list(places)].cls, backbone.encode_images(drawn).cls)
    assert len(found.pool) <= 6
    assert found.labels.tolist() == [0, 1] and found.masks.any(axis=(1, 2)).tolist() == [
        False,
        True,
    ]
    again = encode_draws(backbone, product, seeds=1, test=found.test, map_size=SIZE)
    assert again.test is found.test
    with pytest.raises(ValueError, match="at least 7 training pictures of 'nut', found 6"):
        encode_draws(backbone, product, shots=(7, 8))


def test_what_cannot_be_shown_is_refused(backbone) -> None:
    one = line(backbone, 1)
    with pytest.raises(ValueError, match="at least one product line"):
        ShotExplorer(backbone, {})
    with pytest.raises(ValueError, match="found 2 different sets"):
        ShotExplorer(backbone, {"a": one, "b": line(backbone, 1, (1, 2))}, QUICK)
    with pytest.raises(ValueError, match=r"masks of 120 px, as map_size in the config.*\[8\]"):
        ShotExplorer(backbone, {"a": one})
    with pytest.raises(ValueError, match="'magic' and 4"):
        ShotExplorer(backbone, {"a": one}, QUICK, method="magic")
    with pytest.raises(ValueError, match="'memory' and 3"):
        ShotExplorer(backbone, {"a": one}, QUICK, "memory", 3)
    with pytest.raises(ValueError, match=r"labels \[0, 1\]"):
        DrawnLine(one.pool, {}, one.test, one.labels, one.masks, one.pictures)


def test_errors_go_into_the_status_line(explorer, monkeypatch) -> None:
    def broken(*args: object) -> None:
        raise ValueError("no such fit")

    monkeypatch.setattr(shot_explorer, "image_auroc", broken)
    with pytest.raises(ValueError, match="no such fit"):
        explorer.seed.value = 1
    assert explorer.status.value == "This setting has no answer: no such fit"


def test_a_change_costs_one_fit(backbone, work) -> None:
    """Both levels learn in the same steps; the product line is encoded already."""
    config = PromptADConfig(map_size=SIZE)  # with the paper's number of steps and prompts
    explorer = ShotExplorer(backbone, {"capsule": line(backbone, 2)}, config)
    work.clear()
    explorer.seed.value = 1
    assert work == {"pictures drawn": 1, "steps": config.steps}
