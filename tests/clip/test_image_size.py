"""Another image size by one argument, in every command, interpolated as open_clip does it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import open_clip
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file

from promptad_tutorial.clip.loading import BackboneError, backbone_from_environment, load_backbone
from promptad_tutorial.clip.weights.checkpoints import fitting
from promptad_tutorial.clip.weights.pretrained import choose
from promptad_tutorial.commands.score_folder.stream import inspect
from promptad_tutorial.detectors import VisualMemory
from tests.commands.test_cli import failure, run
from tests.workshop.test_commands import run as run_workshop


@pytest.fixture(scope="module")
def weights(small_backbone, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    save_file(small_backbone().model.state_dict(), path)
    return path


@pytest.mark.parametrize("size", [24, 64])
def test_positions_are_those_of_open_clips_own_force_image_size(weights, size):
    theirs = open_clip.create_model(
        "small-plain", pretrained=str(weights), force_image_size=size, load_weights=True
    ).eval()
    ours = load_backbone("small-plain", weights, "cpu", image_size=size)
    assert (ours.image_size, ours.grid) == (size, (size // 8, size // 8))
    assert torch.equal(ours.model.visual.positional_embedding, theirs.visual.positional_embedding)
    pixels = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = F.normalize(theirs.encode_image(pixels), dim=-1)
    torch.testing.assert_close(ours.encode_images(pixels).cls, expected, atol=1e-5, rtol=0)


def test_the_papers_architecture_at_twice_its_size(plus_240):
    with torch.device("meta"):
        larger = choose("ViT-B-16-plus-240", "random", 480).new_model()
    own = plus_240.model.state_dict()["visual.positional_embedding"]
    state = fitting(larger, dict(plus_240.model.state_dict()), "x", "y", interpolate=True)
    square = own[1:].T.reshape(1, -1, 15, 15)
    grid = F.interpolate(square, (30, 30), mode="bicubic", antialias=True, align_corners=False)
    expected = torch.cat([own[:1], grid.reshape(-1, 900).T])
    torch.testing.assert_close(state["visual.positional_embedding"], expected)
    with pytest.raises(BackboneError, match="another shape"):
        fitting(larger, dict(plus_240.model.state_dict()), "x", "y")


def test_label_and_checksum_say_the_size_unless_it_is_the_models_own(weights):
    own = load_backbone("small-plain", weights, "cpu")
    same = load_backbone("small-plain", weights, "cpu", image_size=32)
    other = load_backbone("small-plain", weights, "cpu", image_size=48)
    assert (own.label, own.checksum) == (same.label, same.checksum)
    assert other.label == "small-plain (weights from w.safetensors, at 48 pixels)"
    assert other.checksum != own.checksum
    random = load_backbone("small-plain", "random", "cpu", image_size=48)
    assert random.label.endswith("(RANDOM WEIGHTS, not a trained model, at 48 pixels)")


def test_weights_saved_at_another_size_fit_when_the_size_is_given(small_configs, tmp_path):
    large = load_backbone("small-plain", "random", "cpu", image_size=48)
    save_file(large.model.state_dict(), tmp_path / "large.safetensors")
    with pytest.raises(BackboneError, match="another shape .*positional_embedding"):
        load_backbone("small-plain", tmp_path / "large.safetensors", "cpu")
    again = load_backbone("small-plain", tmp_path / "large.safetensors", "cpu", image_size=48)
    assert again.checksum == large.checksum


@pytest.mark.parametrize("size", [36, 4, 0, -8])
def test_a_size_that_the_patches_do_not_divide_is_refused_with_one_that_fits(small_configs, size):
    with pytest.raises(BackboneError, match=r"Use \d+ or \d+"):
        load_backbone("small-plain", "random", "cpu", image_size=size)


def test_the_shipped_backbone_takes_a_size_and_the_environment_names_it():
    found = backbone_from_environment(
        {"PROMPTAD_IMAGE_SIZE": "160", "PROMPTAD_RESIZE": "crop", "PROMPTAD_DEVICE": "cpu"}
    )
    assert (found.image_size, found.grid, found.resize) == (160, (20, 20), "crop")
    assert found.label.endswith("at 160 pixels, central squares)")
    with pytest.raises(BackboneError, match="PROMPTAD_IMAGE_SIZE"):
        backbone_from_environment({"PROMPTAD_IMAGE_SIZE": "big"})
    with pytest.raises(ValueError, match="resize must be one of squash, crop"):
        backbone_from_environment({"PROMPTAD_RESIZE": "pad"})


# --- in the commands ------------------------------------------------------------------------


def wide(seed: int) -> Image.Image:
    """A picture whose ends differ from its middle."""
    pixels = np.random.default_rng(seed).integers(0, 90, (64, 160, 3), dtype=np.uint8)
    pixels[:, :40] += 120
    return Image.fromarray(pixels)


@pytest.fixture
def line(tmp_path) -> Path:
    for i, place in enumerate(("train/good", "train/good", "test/good", "test/dent")):
        folder = tmp_path / "data" / "part" / place
        folder.mkdir(parents=True, exist_ok=True)
        wide(i).save(folder / f"{i}.png")
    mask = np.zeros((64, 160), np.uint8)
    mask[20:40, 60:100] = 255
    truth = tmp_path / "data" / "part" / "ground_truth" / "dent"
    truth.mkdir(parents=True)
    Image.fromarray(mask).save(truth / "3_mask.png")
    return tmp_path / "data"


def test_size_and_aspect_are_in_what_every_command_writes(capsys, line, weights, tmp_path):
    one = ("--backbone", f"small-plain:{weights}", "--image-size", 48)
    said = "small-plain (weights from w.safetensors, at 48 pixels, central squares)"
    table = tmp_path / "zero.csv"
    words = ("zero-shot", "--data", line, *one, "--resize", "crop", "--out", table)
    assert run_workshop(capsys, *words)[0] == 0
    assert set(pd.read_csv(table)["backbone"]) == {said}
    out = tmp_path / "bench"
    words = ["benchmark", "--dataset", "mvtec", "--root", line, *one, "--resize", "crop"]
    words += ["--methods", "memory", "--shots", 1, "--seeds", 1, "--map-size", 24, "--jobs", 1]
    assert run(capsys, *words, "--out", out, "--cache", out / "c")[0] == 0
    (row,) = [json.loads(path.read_text()) for path in (out / "rows").iterdir()]
    assert (row["image_size"], row["resize"]) == (48, "crop") and "at 48 pixels" in row["backbone"]
    assert "Use 48 or 56" in failure(capsys, *words, "--out", out, "--image-size", 50)


def test_a_saved_detector_says_how_pictures_are_read_and_score_does_as_it_says(
    capsys, line, weights, tmp_path
):
    backbone = load_backbone("small-plain", weights, "cpu", image_size=48, resize="crop")
    detector = VisualMemory(backbone, "part", 24).fit([wide(0), wide(1)])
    detector.threshold, detector.false_positive_rate = 0.5, 0.1
    path = detector.save(tmp_path / "part.safetensors")
    images = line / "part" / "test"
    words = ("score", "--detector", path, "--images", images, "--out", tmp_path / "out")
    assert run(capsys, *words, "--backbone", f"small-plain:{weights}")[0] == 0
    table = pd.read_csv(tmp_path / "out" / "scores.csv", index_col="image")
    expected = detector.score([images / "good/2.png"]).image_scores[0]
    assert table.loc["good/2.png", "score"] == pytest.approx(float(expected), abs=1e-6)
    assert table["backbone"].str.contains("at 48 pixels, central squares").all()
    squashed = load_backbone("small-plain", weights, "cpu", image_size=48)
    with pytest.raises(ValueError, match="load the backbone with resize='crop'"):
        VisualMemory.load(path, squashed)
    with pytest.raises(ValueError, match="weights"):
        VisualMemory.load(path, load_backbone("small-plain", weights, "cpu", resize="crop"))
    # the picture under a map is the part that the tower saw
    (one,) = inspect(detector, [images / "good/2.png"])
    assert one.picture is not None and one.picture.size == (64, 64)
    middle = np.asarray(wide(2))[:, 48:112]
    np.testing.assert_array_equal(np.asarray(one.picture), middle)
