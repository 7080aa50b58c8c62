"""Half precision: scores and maps near those of float32, said beside every result, or an error."""

from __future__ import annotations

import json
import logging
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from promptad_tutorial.benchmark.encoding import CachedEncoder, Request
from promptad_tutorial.clip.loading import BackboneError, backbone_from_environment, load_backbone
from promptad_tutorial.clip.out_of_memory import TooLittleMemoryError
from promptad_tutorial.clip.precision import HALF, check_precision
from promptad_tutorial.datasets import dataset_from_environment, draw_shots
from promptad_tutorial.detectors import PromptAD, WinCLIP
from promptad_tutorial.learning.config import preset
from tests.commands.test_cli import failure, run

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
# of image scores and maps, both in [0, 1], as `load_backbone` promises
TOLERANCE = {torch.bfloat16: 0.01, torch.float16: 0.001}
HALVES = [pytest.param(dtype, id=str(dtype)[6:]) for dtype in HALF]


def scores(name: str, kind: type, device: str, dtype: torch.dtype, pictures: int = 4):
    """Image scores and maps of a fresh detector that has learnt for two steps."""
    line = dataset_from_environment({}).load("wood")
    given = {} if name == "tiny" else {"pretrained": "random"}
    backbone = load_backbone(name, **given, device=device, dtype=dtype)
    more = (replace(preset("paper"), steps=2),) if kind is PromptAD else ()
    detector = kind(backbone, "wood", *more)
    detector.fit([s.image for s in draw_shots(line.train, 1, 0)])
    return detector.score([s.image for s in line.test[::6]][:pictures])


def check_near(found, expected, dtype: torch.dtype) -> None:
    for mine, single in (
        (found.image_scores, expected.image_scores),
        (found.anomaly_maps, expected.anomaly_maps),
    ):
        difference = np.abs(mine - single).max()
        assert 0 < difference < TOLERANCE[dtype]  # 0: it was not computed in half precision
        assert np.ptp(single) > TOLERANCE[torch.float16]


@pytest.mark.parametrize("kind", [PromptAD, WinCLIP])
@pytest.mark.parametrize("dtype", HALVES)
def test_scores_and_maps_of_tinyclip_stay_within_the_tolerance(kind, dtype):
    pictures = 4 if kind is PromptAD else 1  # windows are slow in float16 on a CPU
    expected = scores("tiny", kind, "cpu", torch.float32, pictures)
    found = scores("tiny", kind, "cpu", dtype, pictures)
    if pictures == 1:  # an image alone has no spread
        difference = np.abs(found.anomaly_maps - expected.anomaly_maps).max()
        assert 0 < difference < TOLERANCE[dtype]
        assert np.abs(found.image_scores - expected.image_scores).max() < TOLERANCE[dtype]
    else:
        check_near(found, expected, dtype)


@pytest.mark.slow
def test_scores_and_maps_of_a_full_size_vit_stay_within_the_tolerance():
    expected = scores("ViT-B-32", PromptAD, "cpu", torch.float32)
    for dtype in HALF:
        check_near(scores("ViT-B-32", PromptAD, "cpu", dtype), expected, dtype)


@GPU
@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("name", ["tiny", "ViT-B-32"])
def test_scores_and_maps_on_a_gpu_stay_within_the_tolerance(name, dtype):
    expected = scores(name, PromptAD, "cpu", torch.float32)
    check_near(scores(name, PromptAD, "cuda", dtype), expected, dtype)


def test_a_precision_that_a_device_lacks_is_one_error(monkeypatch):
    cpu, cuda, mps = map(torch.device, ("cpu", "cuda", "mps"))
    for dtype in (torch.float32, torch.float64, *HALF):
        check_precision(cpu, dtype)
    for dtype in (torch.int32, torch.float8_e4m3fn):
        with pytest.raises(BackboneError, match="expected dtype float32, bfloat16"):
            load_backbone("tiny", device="cpu", dtype=dtype)
    with pytest.raises(ValueError, match="mps cannot compute in float64: use float32"):
        check_precision(mps, torch.float64)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    with pytest.raises(ValueError, match="cuda cannot compute in bfloat16: use float16"):
        check_precision(cuda, torch.bfloat16)
    check_precision(cuda, torch.float16)
    monkeypatch.setattr(torch.amp, "is_autocast_available", lambda kind: False)
    with pytest.raises(BackboneError, match="cpu cannot compute in float16: use float32"):
        load_backbone("tiny", device="cpu", dtype=torch.float16)


def test_the_environment_names_a_precision():
    assert backbone_from_environment({}).dtype == torch.float32
    assert backbone_from_environment({"PROMPTAD_PRECISION": "bf16"}).dtype == torch.bfloat16
    with pytest.raises(BackboneError, match="PROMPTAD_PRECISION to be one of .* found 'int8'"):
        backbone_from_environment({"PROMPTAD_PRECISION": "int8"})


def test_demo_and_score_say_their_precision(capsys, two_lines, tmp_path):
    half = ("--precision", "bf16", "--device", "cpu")
    data = ("--data", two_lines.root, "--line", "wood")
    code, said, _ = run(capsys, "demo", *data, "--shots", 1, "--out", tmp_path / "d", *half)
    assert code == 0 and ", bfloat16:" in said
    labels = pd.read_csv(tmp_path / "d" / "scores.csv")["backbone"]
    assert labels.str.endswith(", bfloat16").all()
    pictures = two_lines.root / "wood" / "test" / "good"
    given = ["score", "--detector", tmp_path / "d" / "detector.safetensors", "--no-maps"]
    given += ["--images", pictures, "--out", tmp_path / "s"]
    assert ", bfloat16" in run(capsys, *given, *half)[1]
    in_half = pd.read_csv(tmp_path / "s" / "scores.csv")
    assert in_half["backbone"].str.endswith(", bfloat16").all()
    assert "choose another --out" in failure(capsys, *given, "--resume")  # float32: other numbers
    assert ", bfloat16" not in run(capsys, *given, "--overwrite")[1]
    single = pd.read_csv(tmp_path / "s" / "scores.csv")
    difference = np.abs(in_half["score"] - single["score"]).max()
    assert 0 < difference < TOLERANCE[torch.bfloat16]
    for command in (given, ["demo", *data], ["benchmark"]):
        with pytest.raises(SystemExit):
            run(capsys, *command, "--precision", "int8")
        assert "invalid choice: 'int8'" in capsys.readouterr().err
        assert "found 'warp'" in failure(capsys, *command, "--device", "warp")


def test_a_benchmarks_rows_and_cache_hold_their_precision(capsys, two_lines, tmp_path):
    given = ["benchmark", "--dataset", "mvtec", "--root", two_lines.root, "--jobs", 1]
    given += ["--methods", "zero-shot", "--seeds", 1, "--categories", "wood", "--map-size", 24]
    given += ["--cache", tmp_path / "cache", "--device", "cpu"]
    full, half = ("--out", tmp_path / "full"), ("--out", tmp_path / "half")
    sizes = []
    for more in (full, (*half, "--precision", "bf16"), (*half, "--dtype", "bfloat16")):
        assert run(capsys, *given, *more)[0] == 0
        sizes.append(len(list((tmp_path / "cache").rglob("*.safetensors"))))
    assert sizes[1] == 2 * sizes[0] == sizes[2]
    rows = [json.loads(path.read_text()) for path in tmp_path.glob("*/rows/*.json")]
    assert sorted(row["dtype"] for row in rows) == ["bfloat16", "float32"]
    assert {row["device"] for row in rows} == {"cpu"}
    assert sum("bfloat16" in row["backbone"] for row in rows) == 1
    (tmp_path / "run.yaml").write_text("precision: bf16\n")
    assert "all 1 tasks" in run(capsys, *given, *half, "--config", tmp_path / "run.yaml")[1]
    assert "other settings" in failure(capsys, *given, *full, "--precision", "bf16")


# --- too little memory ----------------------------------------------------------------------


@pytest.fixture
def small_device(small_backbone, monkeypatch):
    """A backbone whose image tower holds two pictures at most; the batches that it ran."""
    backbone, seen = small_backbone(), []
    monkeypatch.setattr(backbone, "largest_batch", np.inf)

    def hook(module, inputs):
        if len(inputs[0]) > 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        seen.append(len(inputs[0]))

    handle = backbone.model.visual.conv1.register_forward_pre_hook(hook)
    yield backbone, seen
    handle.remove()


@pytest.mark.parametrize("windows", [False, True], ids=["v-v", "windows"])
def test_the_runners_encoder_halves_its_batch_says_so_and_remembers(
    small_device, tmp_path, caplog, windows
):
    backbone, seen = small_device
    paths = [tmp_path / f"{n}.png" for n in range(5)]
    draw = np.random.default_rng(0)
    for path in paths:
        Image.fromarray(draw.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(path)
    one = CachedEncoder(backbone, None)
    expected = one.features(paths, Request(windows))  # on a CPU, one by one
    many = CachedEncoder(backbone, None)
    many.batch_size = 16  # as on a GPU
    with caplog.at_level(logging.WARNING):
        found = many.features(paths, Request(windows))
        many.features(paths, Request(windows))
    torch.testing.assert_close(found.cls, expected.cls, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.patches, expected.patches, atol=1e-5, rtol=0)
    said = [record.getMessage() for record in caplog.records]
    assert said == ["out of memory with a batch of 5: going on with 2"]  # once
    assert max(seen) == 2 == backbone.largest_batch


def test_a_picture_that_does_not_fit_alone_is_an_error(small_device):
    backbone, _ = small_device
    handle = backbone.model.visual.ln_pre.register_forward_pre_hook(
        lambda module, inputs: (_ for _ in ()).throw(MemoryError())
    )
    with pytest.raises(TooLittleMemoryError, match="single picture"):
        backbone.encode_images(np.zeros((2, 32, 32, 3), np.uint8))
    handle.remove()
