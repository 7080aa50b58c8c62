"""Towers against open_clip's own forward pass, and training that continues where it was killed."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

from promptad_tutorial.clip.tinyclip.weights import IMAGE_MEAN, IMAGE_STD, new_model
from workshop.pretraining import train as training
from workshop.pretraining.batches import NOISE_TOKEN, BatchPlan, draw_batch
from workshop.pretraining.objective import multi_positive_contrastive
from workshop.pretraining.recipe import Recipe, rate, scheduled
from workshop.pretraining.towers import picture_features, text_features
from workshop.pretraining.train import split_parameters, train, written_out_attention

TINY = BatchPlan(hard_kinds=2, hard_each=2, spread=4)
SHORT = Recipe(
    steps=2,
    sizes=((0, 80), (1, 96)),
    patch_weights=((0, 0.5),),
    state_weights=((0, 0.0), (1, 1.0)),
    batches=((0, TINY), (1, replace(TINY, window=True))),
    muon_decay=((0, 0.0), (1, 0.1)),
    rates=((0, 0.0), (1, 1.0), (3, 0.0)),
    save_every=1,
)
TEXTS = ["a photo of a flawless washer", "washer", "a close-up photo of the damaged metal plate"]


def noise() -> torch.Generator:
    return torch.Generator().manual_seed(0)


# --- towers ---------------------------------------------------------------------------------


def test_pictures_of_full_size_go_the_way_of_open_clip(model):
    images = torch.rand(2, 3, 120, 120, generator=torch.Generator().manual_seed(0))
    found, tokens = picture_features(model, images)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (IMAGE_MEAN, IMAGE_STD))
    expected = model.encode_image((images - mean) / std, normalize=False)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert tokens.shape == (2, 15 * 15, 192)
    assert model.visual.output_tokens is False  # as it was


def test_smaller_pictures_read_interpolated_positions(model):
    images = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    small = open_clip.create_model("TinyCLIP-8-120", pretrained=None, force_image_size=96)
    state = model.state_dict()
    open_clip.model.resize_pos_embed(state, small)
    small.load_state_dict(state)
    found, tokens = picture_features(model, images)
    expected = small.eval().encode_image((images - 0.45) / 0.25)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert tokens.shape == (1, 12 * 12, 192)


@pytest.mark.parametrize("corner", [(0, 0), (1, 3), (3, 2)])
def test_a_window_reads_the_positions_that_it_has_in_the_whole_picture(model, corner):
    images = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    small = open_clip.create_model("TinyCLIP-8-120", pretrained=None, force_image_size=96)
    state = model.state_dict()
    rows, columns = (range(first, first + 12) for first in corner)
    seen = [0] + [1 + 15 * row + column for row in rows for column in columns]  # 0: the class token
    state["visual.positional_embedding"] = state["visual.positional_embedding"][seen]
    small.load_state_dict(state)
    small.eval().visual.output_tokens = True
    expected, last = small.visual((images - 0.45) / 0.25)
    found, tokens = picture_features(model, images, corner)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(tokens, last, atol=1e-5, rtol=0)
    for other in (None, corner[::-1] if corner[0] != corner[1] else (1, 1)):
        assert not torch.allclose(found, picture_features(model, images, other)[0], atol=1e-4)


def test_the_only_window_of_full_size_is_the_whole_picture(model):
    images = torch.rand(1, 3, 120, 120, generator=torch.Generator().manual_seed(0))
    for window, whole in zip(
        picture_features(model, images, (0, 0)), picture_features(model, images), strict=True
    ):
        torch.testing.assert_close(window, whole, atol=0, rtol=0)


def test_a_window_teaches_the_positions_that_it_shows_and_no_others():
    trained = new_model(seed=3)
    trained.visual.requires_grad_(False)
    trained.visual.positional_embedding.requires_grad_(True)
    images = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    picture_features(trained, images, (1, 3))[0].square().sum().backward()
    taught = trained.visual.positional_embedding.grad.abs().sum(dim=1) > 0
    expected = torch.zeros(15, 15, dtype=torch.bool)
    expected[1:13, 3:15] = True
    assert taught[0] and torch.equal(taught[1:].reshape(15, 15), expected)


def test_short_texts_go_the_way_of_open_clip(model):
    tokens = open_clip.get_tokenizer("TinyCLIP-8-120")(TEXTS)
    ends = tokens.argmax(dim=-1)
    found = text_features(model, tokens[:, : int(ends.max()) + 1], ends, torch.Generator())
    torch.testing.assert_close(found, model.encode_text(tokens), atol=1e-5, rtol=0)


def test_unknown_words_are_small_noise_from_the_generator(model):
    tokens = open_clip.get_tokenizer("TinyCLIP-8-120")(TEXTS)
    ends = tokens.argmax(dim=-1)
    tokens[0, 1] = NOISE_TOKEN
    first, again, other = (
        text_features(model, tokens, ends, torch.Generator().manual_seed(seed))
        for seed in (0, 0, 1)
    )
    torch.testing.assert_close(first, again, atol=0, rtol=0)
    assert not torch.allclose(first[0], other[0], atol=1e-4)
    torch.testing.assert_close(first[1:], other[1:], atol=0, rtol=0)


def test_the_seed_decides_the_first_weights():
    before = torch.random.get_rng_state()
    one, again, other = (new_model(seed).visual.conv1.weight for seed in (0, 0, 1))
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert torch.equal(before, torch.random.get_rng_state())


# --- attention ------------------------------------------------------------------------------


def attention_switches() -> dict[str, bool]:
    """What torch may use for attention now."""
    cuda = torch.backends.cuda
    names = ("flash_sdp", "mem_efficient_sdp", "math_sdp", "cudnn_sdp")
    found = {name: getattr(cuda, f"{name}_enabled")() for name in names}
    return found | {"sums in bf16": cuda.fp16_bf16_reduction_math_sdp_allowed()}


def test_written_out_attention_is_the_attention_of_torch():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer = nn.MultiheadAttention(24, 3, batch_first=True)
    tokens = torch.randn(2, 9, 24, generator=noise())
    hidden = torch.full((9, 9), float("-inf")).triu(1)  # later tokens, as in the text tower
    results = []
    for written_out in (False, True):
        x = tokens.clone().requires_grad_()
        if written_out:
            with written_out_attention():
                y, _ = layer(x, x, x, attn_mask=hidden, need_weights=False)
        else:
            y, _ = layer(x, x, x, attn_mask=hidden, need_weights=False)
        gradients = torch.autograd.grad(y.square().sum(), [x, *layer.parameters()])
        results.append((y, *gradients))
    for found, expected in zip(*results[::-1], strict=True):
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_towers_with_written_out_attention_give_the_same_features():
    trained = new_model(seed=3)
    images = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    tokens = open_clip.get_tokenizer("TinyCLIP-8-120")(TEXTS)
    ends = tokens.argmax(dim=-1)
    expected = *picture_features(trained, images), text_features(trained, tokens, ends, noise())
    with written_out_attention():
        found = *picture_features(trained, images), text_features(trained, tokens, ends, noise())
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


def test_attention_is_fused_but_where_it_is_written_out():
    q = torch.randn(1, 2, 5, 8, generator=torch.Generator().manual_seed(0)).requires_grad_()

    def way() -> str:
        return F.scaled_dot_product_attention(q, q, q).grad_fn.name()

    assert "ScaledDotProduct" in way()
    with written_out_attention():
        assert "ScaledDotProduct" not in way()
    assert "ScaledDotProduct" in way()


@pytest.mark.parametrize("sums", [False, True])
def test_written_out_attention_restores_the_switches_even_after_an_error(sums):
    cuda = torch.backends.cuda
    first = cuda.fp16_bf16_reduction_math_sdp_allowed()
    try:
        cuda.allow_fp16_bf16_reduction_math_sdp(sums)
        before = attention_switches()
        with written_out_attention():
            inside = attention_switches()
        assert attention_switches() == before
        with pytest.raises(KeyError), written_out_attention():
            raise KeyError
        assert attention_switches() == before
    finally:
        cuda.allow_fp16_bf16_reduction_math_sdp(first)
    assert [name for name, on in inside.items() if on] == ["math_sdp", "sums in bf16"]


# --- the recipe -----------------------------------------------------------------------------


def test_the_rate_rises_stays_and_falls_linearly():
    recipe = Recipe(steps=1000, rates=((0, 0.0), (100, 1.0), (400, 1.0), (1000, 0.0)))
    for step, expected in (
        *((0, 0.01), (49, 0.5), (99, 1.0), (250, 1.0), (399, 1.0)),
        *((699, 0.5), (939, 0.1), (998, 1 / 600), (999, 0.0)),
    ):
        assert rate(recipe, step) == pytest.approx(expected), step


def test_schedules_hold_a_value_until_the_next_one():
    schedule = ((0, 80), (3, 96), (5, 120))
    assert [scheduled(schedule, step) for step in range(7)] == [80, 80, 80, 96, 96, 120, 120]


def test_a_scaled_recipe_keeps_the_shares_of_its_schedules():
    recipe = Recipe(
        steps=100,
        sizes=((0, 80), (40, 96)),
        patch_weights=((0, 0.5), (90, 0.0)),
        state_weights=((0, 0.0), (35, 1.0)),
        batches=((0, TINY), (20, BatchPlan())),
        muon_decay=((0, 0.0), (50, 0.1)),
        rates=((0, 0.0), (10, 1.0), (100, 0.0)),
        seed=4,
    )
    longer = recipe.scaled(200)
    assert longer.steps == 200 and longer.seed == 4
    assert longer.sizes == ((0, 80), (80, 96))
    assert longer.patch_weights == ((0, 0.5), (180, 0.0))
    assert longer.state_weights == ((0, 0.0), (70, 1.0))
    assert longer.batches == ((0, TINY), (40, BatchPlan()))
    assert longer.muon_decay == ((0, 0.0), (100, 0.1))
    assert longer.rates == ((0, 0.0), (20, 1.0), (200, 0.0))
    assert recipe.scaled(100) == recipe


def test_every_weight_has_one_optimiser(model):
    matrices, others = split_parameters(model)
    assert {id(p) for p in (*matrices, *others)} == {id(p) for p in model.parameters()}
    assert len(matrices) + len(others) == len(list(model.parameters()))
    # two towers of 6 and 4 blocks: queries-keys-values, output, and the two of the MLP
    assert len(matrices) == 4 * (6 + 4) and all(p.ndim == 2 for p in matrices)
    assert id(model.token_embedding.weight) in {id(p) for p in others}


# --- runs -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory, noise_set) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    train(folder, noise_set, SHORT)
    return folder


def test_a_killed_run_continues_to_the_same_weights(whole_run, noise_set, tmp_path, monkeypatch):
    step = training.train_step

    def killed(run, *rest):
        if run.step == 1:
            raise KeyboardInterrupt
        return step(run, *rest)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(training, "train_step", killed)
        train(tmp_path, noise_set, SHORT)
    assert int(load_file(tmp_path / "checkpoint.safetensors")["step"]) == 1
    train(tmp_path, noise_set, SHORT)
    found, expected = (
        load_file(folder / "checkpoint.safetensors") for folder in (tmp_path, whole_run)
    )
    assert found.keys() == expected.keys() and int(found["step"]) == 2
    # bfloat16 sums in the same order on the same CPU: equal to the last bit
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, atol=0, rtol=0, msg=name)


def test_training_changes_every_block_and_writes_its_log(whole_run):
    trained = load_file(whole_run / "checkpoint.safetensors")
    start = new_model(SHORT.seed).state_dict()
    still = [n for n, p in start.items() if torch.equal(p, trained[f"model.{n}"])]
    assert still == []
    with (whole_run / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["1", "2"]
    assert [row["pixels"] for row in rows] == ["80", "96"]
    assert all(0 < float(row["contrastive"]) < 20 for row in rows)
    states = [float(row["states"]) for row in rows]  # the second step turns this loss on
    assert states[0] == 0.0 and 0 < states[1] < 20


@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_a_step_reads_and_weighs_the_counters_where_they_count(noise_set, monkeypatch, weight):
    read, corners = [], []

    def spy_on_texts(model, tokens, *rest):
        read.append(len(tokens))
        return text_features(model, tokens, *rest)

    def spy_on_pictures(model, images, corner=None):
        corners.append(corner)
        return picture_features(model, images, corner)

    monkeypatch.setattr(training, "text_features", spy_on_texts)
    monkeypatch.setattr(training, "picture_features", spy_on_pictures)
    plan = replace(TINY, window=True, unknown_share=0.0)
    recipe = replace(SHORT, state_weights=((0, weight),), batches=((0, plan),))
    run = training.Run(recipe, len(noise_set.defects))
    tokenize = open_clip.get_tokenizer("TinyCLIP-8-120")
    batch = draw_batch(noise_set, plan, tokenize, recipe.seed, 0, 80)
    with torch.no_grad():
        pictures, _ = picture_features(run.model, batch.images, batch.corner)
        texts, counters = text_features(run.model, batch.tokens, batch.ends, noise()).chunk(2)
    near, far = (F.cosine_similarity(pictures, x)[batch.countered] for x in (texts, counters))
    scale = run.model.logit_scale.detach().clone().requires_grad_()
    states = -F.logsigmoid(scale.exp() * (near - far)).mean()
    contrastive = multi_positive_contrastive(pictures, texts, batch.true, scale.exp())
    # what the temperature learns from both losses
    pulls = [float(torch.autograd.grad(loss, scale)[0]) for loss in (contrastive, states)]
    assert abs(float(states.detach()) - np.log(2)) > 0.04 and abs(pulls[1]) > 0.02
    row = training.train_step(run, recipe, noise_set, tokenize)
    assert read == [8 * (2 if weight else 1)] and 0 < len(near) < 8
    assert corners == [batch.corner] and batch.corner is not None
    # bfloat16 takes away far less than the tolerance; the log's figure is without its weight
    expected = float(states.detach()) if weight else 0.0
    assert row["states"] == pytest.approx(expected, abs=0.01)
    pull = float(run.model.logit_scale.grad)
    assert pull == pytest.approx(pulls[0] + weight * pulls[1], abs=0.01)
    assert list(row)[:5] == ["step", "pixels", "contrastive", "states", "naming"]


def test_a_finished_run_is_left_as_it_is(whole_run, noise_set):
    before = (whole_run / "checkpoint.safetensors").read_bytes()
    train(whole_run, noise_set, SHORT)
    assert (whole_run / "checkpoint.safetensors").read_bytes() == before


def test_another_recipe_in_the_same_folder_is_refused(whole_run, noise_set):
    with pytest.raises(ValueError, match="another recipe: choose another folder"):
        train(whole_run, noise_set, replace(SHORT, seed=1))
    with pytest.raises(ValueError, match="another recipe"):
        train(whole_run, noise_set, replace(SHORT, batches=((0, replace(TINY, spread=5)),)))


def test_a_run_leaves_no_pickle_and_no_half_written_file(whole_run):
    assert {path.name for path in whole_run.iterdir()} == {
        *("checkpoint.safetensors", "recipe.json", "log.csv"),
    }
    for path in whole_run.iterdir():
        assert path.read_bytes()[:2] not in (b"\x80\x02", b"\x80\x04", b"PK"), path.name


def test_an_empty_log_of_a_run_that_was_killed_early_is_no_obstacle(tmp_path):
    (tmp_path / "log.csv").write_text("")
    training._forget_after(tmp_path / "log.csv", 0)
    assert (tmp_path / "log.csv").read_text() == ""


def test_weights_to_average_stay_beside_the_checkpoint(noise_set, tmp_path):
    train(tmp_path, noise_set, replace(SHORT, averaged_with=(1,)))
    kept = load_file(tmp_path / "step_1.safetensors")
    assert int(kept["step"]) == 1 and not list(tmp_path.glob("*.part"))
