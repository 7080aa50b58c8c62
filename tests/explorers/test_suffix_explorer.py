"""The suffix explorer over the whole range of every control, against PromptAD's own numbers."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.clip.image_tower import ImageFeatures
from promptad_tutorial.clip.text_tower import UnknownWordWarning
from promptad_tutorial.datasets import ProductLine, Sample, draw_shots
from promptad_tutorial.detectors import PromptAD
from promptad_tutorial.explorers import (
    ShotFeatures,
    SuffixExplorer,
    encode_shots,
    suffix_explorer,
)
from promptad_tutorial.explorers.suffix_explorer import split_states
from promptad_tutorial.learning.config import PromptADConfig
from promptad_tutorial.scoring.metrics import image_auroc
from tests.explorers import conftest
from tests.explorers.conftest import random_shots

QUICK = replace(conftest.QUICK, margin_weight=0.0, alignment_weight=0.0)


@pytest.fixture
def explorer(backbone: Backbone) -> SuffixExplorer:
    lines = {"metal_plate": random_shots(backbone, 1), "capsule": random_shots(backbone, 2)}
    return SuffixExplorer(backbone, lines, QUICK)


def test_each_control_over_its_whole_range(explorer) -> None:
    ranges = (
        (explorer.product_line, ["metal_plate", "capsule"]),
        (explorer.states, [*explorer.states.options, "", " ; ", "with rust", "a {}\nb {};"]),
        (explorer.suffixes, list(range(7))),
        (explorer.shots, [0, 1, 2]),
    )
    assert [control for control, _ in ranges] == list(explorer.controls)
    assert (explorer.suffixes.min, explorer.suffixes.max) == (0, 6)
    assert (explorer.shots.min, explorer.shots.max) == (0, 2)
    for control, values in ranges:
        told = []
        for value in values:
            control.value = value
            assert control.value == value
            assert explorer.answer.png and "no answer" not in explorer.status.value
            assert explorer.answer.alt in explorer._repr_mimebundle_()["text/plain"]
            told.append(explorer.status.value + explorer.answer.alt)
        # "" and " ; " are the same: no states
        assert len(set(told)) == len(values) - (control is explorer.states)


def test_controls_are_named_and_answer_when_let_go(explorer) -> None:
    names = [control.description for control in explorer.controls]
    assert all(names) and len(set(names)) == len(names)
    assert not any(getattr(c, "continuous_update", False) for c in explorer.controls)


@pytest.mark.parametrize("seed", [0, 2])
@pytest.mark.parametrize("states, suffixes", [(QUICK.states, 2), (QUICK.states, 0), ((), 3)])
def test_the_status_is_the_auroc_of_promptad(backbone, explorer, seed, states, suffixes) -> None:
    explorer.states.value = "; ".join(states)
    explorer.suffixes.value = suffixes
    explorer.shots.value = seed
    line = explorer.lines["metal_plate"]
    config = replace(QUICK, states=states, n_anomaly_suffixes=suffixes, use_memory=False)

    def as_images(z: torch.Tensor) -> ImageFeatures:
        grid = backbone.grid[0] * backbone.grid[1]
        return ImageFeatures(z, z[:, None].expand(-1, grid, -1), torch.zeros(0, len(z), grid, 1))

    detector = PromptAD(backbone, "metal_plate", config)
    generator = torch.Generator().manual_seed(seed)
    detector.fit_features(as_images(line.draws[seed]), generator)
    scores = detector.score_features(as_images(line.test.cls)).image_scores
    auroc = image_auroc(line.test.labels, scores)
    assert explorer.status.value.startswith(
        f"Image AUROC {auroc + 1e-7:.2f} for metal plate with draw {seed}: "
        f"{2 * (len(states) + suffixes)} negatives from 2 contexts, "
    )
    median = np.median(scores[line.test.labels == 1])
    assert f"median {median + 1e-7:.2f}. AUROC" in explorer.answer.alt


def test_without_negatives_the_distance_is_the_score(explorer) -> None:
    explorer.states.value = ""
    explorer.suffixes.value = 0
    assert ": 0 negatives from 2 contexts, 0 states and 0 learnt suffixes. Without negatives" in (
        explorer.status.value
    )


def test_the_words_of_one_suffix_and_one_state(explorer) -> None:
    explorer.states.value = "with rust"
    explorer.suffixes.value = 1
    assert "4 negatives from 2 contexts, 1 state and 1 learnt suffix." in explorer.status.value


def test_a_setting_that_returns_is_not_learnt_again(explorer, monkeypatch) -> None:
    first = explorer.answer
    explorer.suffixes.value = 3

    def never(*args: object, **how: object) -> None:
        raise AssertionError("learnt again")

    monkeypatch.setattr(suffix_explorer, "train", never)
    explorer.suffixes.value = QUICK.n_anomaly_suffixes
    assert explorer.answer == first


def test_bad_words_are_told_of(explorer) -> None:
    with pytest.raises(ValueError, match="exactly one {}"):
        explorer.states.value = "{} on {}"
    assert "exactly one {}" in explorer.status.value and not explorer.answer.png
    with pytest.raises(ValueError, match="at most 24 tokens"):
        explorer.states.value = "word " * 50
    explorer.states.value = "with word"
    assert explorer.status.value.startswith("Image AUROC")


def test_unknown_words_are_named_and_other_warnings_pass(backbone, explorer, monkeypatch) -> None:
    def unknown(prompt: str) -> list[str]:
        if "odd" in prompt:
            warnings.warn("something else", DeprecationWarning, stacklevel=1)
        return [word for word in prompt.replace(".", "").split() if word.startswith("zz")]

    for tower in (backbone.text, backbone.text_in(torch.float64)):  # small towers learn in double
        monkeypatch.setattr(tower, "unknown_words", unknown)
    explorer.states.value = "with zzy"
    assert "never trained on these words: zzy" in explorer.status.value
    with pytest.warns(DeprecationWarning, match="something else") as caught:
        explorer.states.value = "odd {}"
    assert not any(issubclass(one.category, UnknownWordWarning) for one in caught)


def test_split_states() -> None:
    assert split_states("with flaw; damaged {} ;\n{} with flaw;") == ("{} with flaw", "damaged {}")
    assert split_states(" ; ") == ()


def test_encode_shots_takes_the_drawn_pictures(backbone, tmp_path: Path) -> None:
    colours = np.random.default_rng(1).integers(0, 256, (8, 1, 1, 3), dtype=np.uint8)
    paths = []
    for i, colour in enumerate(np.broadcast_to(colours, (8, 32, 32, 3))):
        paths.append(tmp_path / f"{i}.png")
        Image.fromarray(np.ascontiguousarray(colour)).save(paths[-1])
    train = tuple(Sample(path, 0, "good") for path in paths[:6])
    test = (Sample(paths[6], 0, "good"), Sample(paths[7], 1, "hole"))
    found = encode_shots(backbone, ProductLine("nut", tmp_path, train, test), 2, 3)
    assert found.test.labels.tolist() == [0, 1] and len(found.draws) == 3
    for seed, z in enumerate(found.draws):
        drawn = [sample.image for sample in draw_shots(train, 2, seed)]
        torch.testing.assert_close(z, backbone.encode_images(drawn).cls)


def test_what_cannot_be_shown_is_refused(backbone) -> None:
    one, two = random_shots(backbone, 1, 2), random_shots(backbone, 1, 3)
    with pytest.raises(ValueError, match="at least one product line"):
        SuffixExplorer(backbone, {})
    with pytest.raises(ValueError, match=r"as many draws of shots in each line, found \[2, 3\]"):
        SuffixExplorer(backbone, {"a": one, "b": two})
    with pytest.raises(ValueError, match="at most 6 learnt suffixes, found 7"):
        SuffixExplorer(backbone, {"a": one}, PromptADConfig(n_anomaly_suffixes=7))
    with pytest.raises(ValueError, match="at least one draw"):
        ShotFeatures((), one.test)


def test_a_change_costs_one_training(backbone, work) -> None:
    """And one picture; those of the product line are encoded already."""
    explorer = SuffixExplorer(backbone, {"capsule": random_shots(backbone, 2)})
    work.clear()
    explorer.shots.value = 1
    assert work == {"pictures drawn": 1, "steps": explorer.config.steps}
