"""The released way of computing: the same numbers as ours, and really at the price it claims."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from promptad_tutorial.detectors.promptad import PromptAD
from promptad_tutorial.learning.config import preset, with_trap
from promptad_tutorial.prompts.learner import text_to_learn_through
from workshop.speed.compare import arrays, largest_difference, write_row
from workshop.speed.released_way import PaddedPrompts, fit_and_score

ROOT = Path(__file__).resolve().parents[3]
STEPS = 3
# large steps and an active margin, so that agreement is about something
CONFIG = replace(
    preset("paper"), steps=STEPS, learning_rate=0.05, margin=0.5, alignment_weight=0.1, map_size=32
)
N_PROMPTS = {"image": 3 + 3 * 8 + 3 * 4, "pixel": 1 + 8 + 4}  # NP + MAP + LAP


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def pictures(count: int, seed: int) -> list[np.ndarray]:
    values = np.random.default_rng(seed).integers(0, 256, (count, 40, 40, 3), dtype=np.uint8)
    return list(values)


SHOTS, TEST = pictures(2, seed=0), pictures(3, seed=1)


@pytest.fixture
def backbone(small_backbone):
    return small_backbone("small-plain")


def released(backbone, config=CONFIG, after_step=None) -> dict[str, np.ndarray]:
    found = fit_and_score(backbone, "nut", SHOTS, TEST, config, generator(), after_step)
    return arrays(found.state, found.scores)


def ours(backbone, config=CONFIG) -> dict[str, np.ndarray]:
    detector = PromptAD(backbone, "nut", config).fit(SHOTS, generator())
    return arrays(detector.state(), detector.score(TEST))


def test_tokens_prototypes_and_scores_are_ours(backbone):
    found, expected = released(backbone), ours(backbone)
    assert {"image.contexts", "pixel.suffixes", "image.normal", "pixel.anomaly"} < set(found)
    assert largest_difference(found, expected) < 1e-4
    # not because nothing happened
    start = ours(backbone, replace(CONFIG, steps=0))
    for key in ("image.contexts", "image.suffixes", "pixel.contexts", "pixel.suffixes"):
        assert np.abs(start[key] - found[key]).max() > 1e-2
    for key in ("image.normal", "pixel.anomaly", "image_scores", "anomaly_maps"):
        assert np.abs(start[key] - found[key]).max() > 5e-4


def test_another_first_token_does_not_give_our_numbers(backbone):
    other = fit_and_score(backbone, "nut", SHOTS, TEST, CONFIG, torch.Generator().manual_seed(4))
    assert largest_difference(arrays(other.state, other.scores), ours(backbone)) > 1e-2


@pytest.mark.parametrize("n_anomaly_tokens, n_anomaly_suffixes", [(2, 2), (1, 0)])
def test_it_is_ours_with_other_numbers_of_tokens_and_suffixes(
    backbone, n_anomaly_tokens, n_anomaly_suffixes
):
    config = replace(
        CONFIG, n_anomaly_tokens=n_anomaly_tokens, n_anomaly_suffixes=n_anomaly_suffixes, steps=1
    )
    assert largest_difference(released(backbone, config), ours(backbone, config)) < 1e-4


def test_every_prompt_is_padded_to_the_whole_context(backbone):
    learner = PromptAD(backbone, "metal nut", CONFIG).learners(generator())["image"]
    prompts = PaddedPrompts(backbone, learner)
    with torch.no_grad():
        written, (short, eot) = prompts(), learner.assemble()
    assert written.shape == (N_PROMPTS["image"], backbone.context_length, backbone.text_width)
    assert torch.equal(prompts.eot, eot)
    for row, expected, end in zip(written, short, eot.tolist(), strict=True):
        assert torch.equal(row[: end + 1], expected[: end + 1].float())
        padding = backbone.embed_tokens(torch.zeros(1, 1, dtype=torch.long))[0]
        assert torch.equal(row[end + 1 :], padding.expand(len(row) - end - 1, -1))


def text_inputs(text, work) -> list[tuple[int, ...]]:
    """The shapes that enter the text tower's first block while `work` runs."""
    seen = []
    block = text.blocks[0].ln_1

    def note(module, inputs):
        seen.append(tuple(inputs[0].shape))

    handle = block.register_forward_pre_hook(note)
    try:
        work()
    finally:
        handle.remove()
    return seen


def test_the_text_tower_computes_the_whole_context_of_every_prompt_twice_a_step(backbone):
    shapes = text_inputs(backbone.text, lambda: released(backbone))
    expected = [
        (N_PROMPTS[level], backbone.context_length, backbone.text_width)
        for level in ("image", "pixel")
        for _ in range(2 * STEPS)  # the step, and the prototypes after it
    ]
    assert shapes == expected
    # ours: each shared beginning once, in every step and at the end
    text = text_to_learn_through(backbone)
    shapes = text_inputs(text, lambda: PromptAD(backbone, "nut", CONFIG).fit(SHOTS, generator()))
    positions = sum(prompts * length for prompts, length, _ in shapes)
    written_out = sum(N_PROMPTS.values()) * backbone.context_length
    assert 0 < positions < (STEPS + 1) * written_out / 4


def test_clips_own_weights_get_gradients_that_nobody_uses(backbone):
    weights = dict(backbone.model.named_parameters())
    before = {name: weight.detach().clone() for name, weight in weights.items()}
    sums: dict[tuple[str, int], torch.Tensor] = {}

    def spy(level: str, step: int) -> None:
        assert all(weight.requires_grad for weight in weights.values())
        reached = {name for name, weight in weights.items() if weight.grad is not None}
        if (level, step) != ("image", 0):
            assert {"positional_embedding", "text_projection", "ln_final.weight"} <= reached
            blocks = {name for name in weights if name.startswith("transformer.resblocks.")}
            assert blocks and blocks <= reached
            assert not any(name.startswith("visual.") for name in reached)  # as released
            sums[level, step] = weights["text_projection"].grad.clone()

    released(backbone, after_step=spy)
    assert set(sums) == {("pixel", 0), *((x, s) for x in ("image", "pixel") for s in (1, 2, 3))}
    assert not torch.equal(sums["image", 1], sums["image", 2])  # they pile up
    assert torch.equal(sums["image", 3], sums["pixel", 0])
    for name, weight in weights.items():  # the backbone is as it was: frozen and unchanged
        assert torch.equal(weight, before[name])
        assert weight.grad is None and not weight.requires_grad


def test_every_step_reads_and_encodes_the_shots_and_the_test_set_again(backbone, monkeypatch):
    passes, read = [], []
    preprocess = backbone.preprocess
    monkeypatch.setattr(backbone, "preprocess", lambda *args: read.append(1) or preprocess(*args))
    handle = backbone.model.visual.conv1.register_forward_hook(
        lambda module, inputs, output: passes.append(len(output))
    )
    try:
        released(backbone)
        one_level = [len(SHOTS), *[len(SHOTS), len(TEST)] * STEPS]  # the memory, then the steps
        assert passes == one_level * 2
        assert len(read) == sum(passes)
        passes.clear()
        ours(backbone)
        assert passes == [len(SHOTS), len(TEST)]
    finally:
        handle.remove()


@pytest.mark.parametrize(
    "config",
    [
        with_trap(CONFIG, "log_temperature"),
        replace(CONFIG, use_memory=False),
        replace(CONFIG, steps=0),
    ],
    ids=["trap", "no memory", "no step"],
)
def test_what_it_does_not_compare_is_refused(backbone, config):
    with pytest.raises(ValueError, match="without traps, with the memory and a step"):
        released(backbone, config)
    assert not any(weight.requires_grad for weight in backbone.model.parameters())


def test_the_largest_difference_is_found_wherever_it_is():
    one = {"a": np.zeros((2, 3)), "b": np.ones(4), "empty": np.zeros((0, 1))}
    other = {"a": np.zeros((2, 3)), "b": np.array([1, 1, 1, 0.75]), "empty": np.zeros((0, 1))}
    assert largest_difference(one, one) == 0
    assert largest_difference(one, other) == 0.25
    assert np.isnan(largest_difference(one, one | {"a": np.full((2, 3), np.nan)}))
    with pytest.raises(ValueError, match="expected the results"):
        largest_difference(one, {"a": one["a"]})
    with pytest.raises(ValueError, match="shapes"):
        largest_difference(one, other | {"b": np.ones((4, 1))})


def test_a_table_has_one_row_a_backbone_and_keeps_the_others(tmp_path):
    path = tmp_path / "new" / "speed.csv"
    write_row(path, {"backbone": "small", "ratio": 20.123456, "checksum": "12e4"})
    write_row(path, {"backbone": "large", "ratio": 30.0, "checksum": "0077"})
    write_row(path, {"backbone": "small", "ratio": 25.0, "checksum": "12e4"})
    table = pd.read_csv(path, dtype=str)
    assert table.to_dict("list") == {
        "backbone": ["large", "small"],
        "ratio": ["30", "25"],
        "checksum": ["0077", "12e4"],
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "module, options, expected",
    [
        (
            "compare",
            ["--steps", "4", "--steps-released", "2", "--test-images", "2"],
            {"steps": 4, "released_steps_measured": 2, "released_extrapolated": True},
        ),
        (
            "scoring",
            ["--steps", "1", "--shots", "2", "--test-images", "2", "--repeats", "1"],
            {"steps": 1, "shots": 2, "images": 2},
        ),
    ],
)
def test_the_commands_write_their_row(tmp_path, module, options, expected):
    out = tmp_path / "table.csv"
    command = [sys.executable, "-m", f"workshop.speed.{module}", *options, "--out", str(out)]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert printed.startswith("tiny (") and printed.count("\n") == 1
    (row,) = pd.read_csv(out).to_dict("records")
    assert row | expected == row
    assert row["command"].startswith(f"python -m workshop.speed.{module} --steps")
    if module == "compare":
        assert 10 * row["largest_difference"] < row["tokens_moved"]
        faster = row["released_seconds"] / row["our_seconds"]
        assert row["times_faster"] == pytest.approx(faster, rel=1e-2)
    else:
        assert row["forward_ms_an_image"] > 0 and row["fit_seconds"] > 0
