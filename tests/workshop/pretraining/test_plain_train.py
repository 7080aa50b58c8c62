"""The plain world: batches without a label of a defect, and training that goes on when killed."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import open_clip
import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.clip.image_tower import encode_pixels
from promptad_tutorial.clip.tinyclip.weights import load_tiny, new_model, register
from workshop.minifactory.catalogue import KINDS
from workshop.pretraining import plain_train as training
from workshop.pretraining.batches import BatchPlan
from workshop.pretraining.export import export, plain_vocabulary
from workshop.pretraining.held_out_memory import LookPlan, LookSet
from workshop.pretraining.likeness import likeness, own_and_other_cosines
from workshop.pretraining.plain_batches import PlainBatch, PlainData, plain_batch
from workshop.pretraining.plain_measure import backbone_of_run
from workshop.pretraining.plain_recipe import PlainRecipe, memory_blocks, new_tower
from workshop.pretraining.plain_train import PlainRun, faster_in_bf16, losses, train_plain
from workshop.pretraining.render_set import RenderSet
from workshop.pretraining.taught_features import TaughtSet
from workshop.pretraining.towers import picture_features, picture_tokens

TINY = PlainRecipe(
    steps=3,
    captioned=BatchPlan(hard_kinds=2, hard_each=1, spread=2, grey_share=0.5),
    crops=2,
    warm_up=1,
    averaging=0.9,
    save_every=1,
    measure_every=2,
)
WIDER = replace(TINY, captioned=BatchPlan(2, 2, spread=4, grey_share=0.5), crops=4)
TERMS = ("contrast", "regression", "cosines", "distances")


@pytest.fixture(scope="module")
def data(noise_set: RenderSet) -> PlainData:
    draw = np.random.default_rng(5)

    def taught(images: np.ndarray) -> TaughtSet:
        features = draw.standard_normal((len(images), 2, 225, 16))
        features /= np.linalg.norm(features, axis=-1, keepdims=True)
        return TaughtSet(images, features.astype(np.float16))

    crops = draw.integers(0, 256, (12, 120, 120, 3), dtype=np.uint8)
    return PlainData(noise_set, taught(noise_set.images), taught(crops))


@pytest.fixture(scope="module")
def looks() -> dict[str, LookSet]:
    plan = LookPlan(shots=4, good=2, bad=2, size=120)
    draw = np.random.default_rng(6)
    images = draw.integers(0, 256, (1, 8, 120, 120, 3), dtype=np.uint8)
    masks = np.zeros((1, 8, 60, 60), bool)
    masks[:, 6:, :30] = True
    return {"noise": LookSet(plan, ["bolt"], images, masks)}


@pytest.fixture(scope="module")
def tokenize():
    return open_clip.get_tokenizer(register())


# --- the tower ------------------------------------------------------------------------------


@pytest.mark.parametrize("layers", [6, 9, 12])
def test_the_blocks_are_those_that_the_package_s_memory_reads(layers):
    recipe = replace(TINY, layers=layers)
    assert len(new_tower(recipe).visual.transformer.resblocks) == layers
    backbone = object.__new__(Backbone)
    backbone.depth = layers
    assert memory_blocks(layers) == Backbone.memory_blocks.fget(backbone)


def test_six_layers_are_tinyclip_s_own_architecture():
    mine, theirs = new_tower(TINY).state_dict(), new_model(TINY.seed).state_dict()
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[k], theirs[k]) for k in mine)


@torch.no_grad()
def test_tokens_are_those_of_the_package_and_the_embedding_that_of_open_clip(model):
    images = torch.rand(2, 3, 120, 120, generator=torch.Generator().manual_seed(0))
    embedding, tokens = picture_tokens(model, images, (2, 4))
    torch.testing.assert_close(embedding, picture_features(model, images)[0], atol=1e-5, rtol=0)
    expected = encode_pixels(model.visual, (images - 0.45) / 0.25, (2, 4), "plain").blocks
    unit = torch.nn.functional.normalize(tokens, dim=-1)
    torch.testing.assert_close(unit, expected, atol=1e-5, rtol=0)


# --- batches --------------------------------------------------------------------------------


def test_a_batch_has_no_label_of_a_defect(data, tokenize):
    """What reaches the losses: pictures, captions, which are true of which, the teacher's word."""
    assert {f.name for f in fields(PlainBatch)} == {
        "images", "tokens", "ends", "true", "taught", "features",
    }  # fmt: skip
    weights = {"contrast", "regression", "cosines", "distances"}
    assert weights <= {f.name for f in fields(PlainRecipe)}
    assert PlainRecipe().captioned.weakest == 0 and not PlainRecipe().captioned.whole_styles


def test_shapes_and_what_is_shown_without_colour_is_not_taught(data, tokenize):
    batch = plain_batch(data, WIDER, tokenize, step=0)
    assert batch.images.shape == (12, 3, 120, 120)
    assert batch.true.shape == (8, 8) and batch.true.diagonal().all()
    assert len(batch.tokens) == len(batch.ends) == 8
    colourless = (batch.images.std(dim=1) < 0.04).flatten(1).all(dim=1)  # but for noise
    assert 0 < colourless.sum() < 8
    assert set(batch.taught.tolist()) == set(range(12)) - set(torch.where(colourless)[0].tolist())
    assert batch.features.shape == (2, len(batch.taught), 225, 16)


def test_a_batch_depends_on_the_step_alone(data, tokenize):
    one, same, other = (plain_batch(data, TINY, tokenize, step) for step in (1, 1, 2))
    assert torch.equal(one.images, same.images) and torch.equal(one.features, same.features)
    assert not torch.equal(one.images, other.images)


def test_features_of_another_set_are_refused(data):
    few = TaughtSet(data.crops.images[:3], data.crops.features[:3])
    with pytest.raises(ValueError, match="features of 64 renders, found 3"):
        replace(data, taught_renders=few)


# --- training -------------------------------------------------------------------------------


def test_the_rate_rises_stays_and_comes_down():
    recipe = PlainRecipe(steps=1000, warm_up=100, flat_until=0.4)
    rates = [recipe.rate(step) for step in range(1000)]
    assert rates[0] == 0.01 and rates[99] == 1.0 and rates[400] == 1.0
    assert rates[700] == pytest.approx(0.5) and 0 < rates[999] < 0.002


@pytest.mark.parametrize("term", TERMS)
def test_each_loss_falls_on_a_batch_that_is_learnt_again(data, tokenize, term):
    alone = {name: float(name == term) for name in TERMS}
    recipe = replace(TINY, steps=8, muon_rate=0.005, **alone)
    batch = plain_batch(data, recipe, tokenize, 0)
    run = PlainRun(recipe, taught=16)
    rows = [training.plain_step(run, recipe, batch, False) for _ in range(8)]
    assert rows[-1][term] < rows[0][term]


@pytest.fixture(scope="module")
def trained(data, looks, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    train_plain(folder, data, TINY, looks, bf16=False)
    return folder


def test_a_killed_run_ends_as_one_that_was_not(data, looks, trained, tmp_path: Path, monkeypatch):
    step = training.plain_step

    def dies(run, *given):
        if run.step == 2:
            raise KeyboardInterrupt
        return step(run, *given)

    monkeypatch.setattr(training, "plain_step", dies)
    with pytest.raises(KeyboardInterrupt):
        train_plain(tmp_path / "killed", data, TINY, looks, bf16=False)
    monkeypatch.setattr(training, "plain_step", step)
    killed = train_plain(tmp_path / "killed", data, TINY, looks, bf16=False)
    one, other = load_file(trained / "checkpoint.safetensors"), load_file(killed)
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name
    with (tmp_path / "killed/log.csv").open() as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["1", "2", "3"]
    memory = pd.read_csv(tmp_path / "killed/memory.csv")
    assert memory["step"].tolist() == [2, 3] and memory["looks"].tolist() == ["noise"] * 2
    said = json.loads((tmp_path / "killed/recipe.json").read_text())
    assert said["world"] == "plain" and said["recipe"] == asdict(TINY)
    with pytest.raises(ValueError, match="another recipe"):
        train_plain(tmp_path / "killed", data, replace(TINY, steps=4), looks, bf16=False)


def test_the_running_mean_is_what_its_formula_says():
    recipe = replace(TINY, averaging=0.5)
    run = PlainRun(recipe, taught=16)
    name = "visual.proj"
    expected = run.average[name].clone()
    assert expected.data_ptr() != run.model.visual.proj.data_ptr()
    for step in range(1, 4):
        run.step = step
        with torch.no_grad():
            run.model.visual.proj += 1.0
        run.follow(0.5)
        kept = min(0.5, (step + 1) / (step + 10))
        expected = kept * expected + (1 - kept) * run.model.visual.proj.detach()
        torch.testing.assert_close(run.average[name], expected)


def test_measuring_the_precision_moves_nothing(data, tokenize):
    run = PlainRun(TINY, taught=16)
    before = {k: v.clone() for k, v in run.model.state_dict().items()}
    assert faster_in_bf16(run, TINY, data, tokenize) in (True, False)
    assert all(torch.equal(v, before[k]) for k, v in run.model.state_dict().items())
    assert all(p.grad is None for p in run.model.parameters()) and run.step == 0


def test_no_gradient_of_the_captions_reaches_the_crops(data, tokenize):
    """Crops have no caption: with the teacher's losses off they change nothing."""
    batch = plain_batch(data, TINY, tokenize, 0)
    other = replace(batch, images=torch.cat([batch.images[:4], 1 - batch.images[4:]]))
    run = PlainRun(TINY, taught=16)
    with torch.no_grad():
        found = [losses(run, TINY, one, False)["contrast"] for one in (batch, other)]
    torch.testing.assert_close(*found)


# --- what comes out -------------------------------------------------------------------------


def test_a_run_s_backbone_has_the_weights_of_the_running_mean(trained):
    flat = load_file(trained / "checkpoint.safetensors")
    backbone = backbone_of_run(trained)
    assert torch.equal(backbone.model.visual.proj, flat["average.visual.proj"])
    assert not torch.equal(backbone.model.visual.proj, flat["model.visual.proj"])
    with pytest.raises(FileNotFoundError, match="--world plain"):
        backbone_of_run(trained / "nowhere")


def test_the_export_is_the_running_mean_with_the_words_of_the_web(trained, tmp_path):
    out = export(trained / "checkpoint.safetensors", tmp_path / "plain.safetensors")
    flat = load_file(trained / "checkpoint.safetensors")
    model, _, _ = load_tiny(out)
    torch.testing.assert_close(
        model.visual.proj.detach(), flat["average.visual.proj"], atol=1e-3, rtol=1e-3
    )
    with safe_open(out, framework="pt") as file:
        assert json.loads(file.metadata()["vocabulary"]) == plain_vocabulary()


# --- how like CLIP is it? -------------------------------------------------------------------


def test_cosines_with_own_and_other_captions():
    images = torch.nn.functional.normalize(torch.tensor([[3.0, 4.0], [1.0, 0.0]]), dim=-1)
    own, other = own_and_other_cosines(images, torch.eye(2), np.array([1, 0]))
    assert own == pytest.approx((0.8 + 1.0) / 2) and other == pytest.approx((0.6 + 0.0) / 2)


def test_likeness_says_what_the_card_shows(trained, noise_set, looks):
    few = replace(noise_set, images=noise_set.images[:16], labels=noise_set.labels[:16].copy())
    few.labels[:2, 0] = -1  # found surfaces have no name and do not count
    backbone = backbone_of_run(trained)
    table = likeness(backbone, few, looks["noise"], 0.25).set_index("figure")["value"]
    assert table["temperature"] == pytest.approx(backbone.temperature)
    assert table["captions about the condition"] == 0.25
    kinds = few.labels[2:, 0].astype(int)
    images = backbone.encode_images([np.array(x) for x in few.images[2:]]).cls
    texts = backbone.encode_text([f"a photo of a {name}" for name in few.kinds])
    expected = np.mean([float(z @ texts[k]) for z, k in zip(images, kinds, strict=True)])
    assert table["cosine with own caption"] == pytest.approx(expected, abs=1e-5)
    assert -1 <= table["cosine of w_n and w_a"] <= 1
    assert table["spread of text scores"] >= 0 and table["spread of visual scores, 4 shots"] > 0
    assert list(KINDS)[:8] == few.kinds
