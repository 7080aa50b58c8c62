"""Loading a backbone: names, tags, files, devices, and every way in which it must not."""

from __future__ import annotations

import logging
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import save_file

from promptad_tutorial.clip import loading
from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.clip.loading import (
    BackboneError,
    backbone_from_environment,
    load_backbone,
)
from promptad_tutorial.clip.weights import download as weights_download
from promptad_tutorial.clip.weights import pretrained as pretrained_module
from promptad_tutorial.clip.weights.model_support import supported_config
from promptad_tutorial.clip.weights.pretrained import WeightsNotFoundError
from promptad_tutorial.clip.weights.source import Source
from tests.conftest import random_pixels, write_config


def test_random_weights_are_labelled_seeded_and_leave_the_generator_alone(small_configs):
    before = torch.random.get_rng_state()
    first = load_backbone("small-plain", pretrained="random", device="cpu")
    second = load_backbone("small-plain", pretrained=None, device="cpu", seed=0)
    other = load_backbone("small-plain", pretrained="random", device="cpu", seed=1)
    assert torch.equal(before, torch.random.get_rng_state())
    assert first.label == "small-plain (RANDOM WEIGHTS, not a trained model)"
    assert first.label in repr(first)
    assert first.checksum == second.checksum != other.checksum
    assert len(first.checksum) == 64
    assert first.temperature == pytest.approx(1 / 0.07)


def test_nothing_is_logged(small_configs, caplog):
    with caplog.at_level(logging.WARNING):
        load_backbone("small-plain", pretrained="random", device="cpu")
    assert not caplog.records


def test_weights_must_be_asked_for(small_configs):
    with pytest.raises(BackboneError, match=r"laion400m_e31, laion400m_e32.*random"):
        load_backbone("ViT-B-16-plus-240")
    with pytest.raises(BackboneError, match=r"no tag of ViT-B-16-plus-240.*laion400m_e32"):
        load_backbone("ViT-B-16-plus-240", pretrained="laion500m")
    with pytest.raises(BackboneError, match="its own weights"):
        load_backbone("tiny", pretrained="random")


def test_unknown_names_are_answered_with_close_ones():
    with pytest.raises(BackboneError, match=r"Did you mean .*ViT-B-16"):
        load_backbone("ViT-B16", pretrained="random")
    with pytest.raises(BackboneError, match=r"Did you mean .*ViT-L-14"):
        load_backbone("vitl14", pretrained="random")
    with pytest.raises(BackboneError, match="Give the weights apart"):
        load_backbone("local-dir:somewhere", pretrained="random")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("RN50", "ResNet"),
        ("convnext_base", "timm"),
        ("EVA02-B-16", "timm"),
        ("ViT-B-16-SigLIP", "timm"),
        ("coca_ViT-B-32", "CoCa"),
        ("roberta-ViT-B-32", "transformers"),
        ("ViT-H-14-CLIPA", "tokenizer"),
    ],
)
def test_unsupported_models_are_refused_by_name(name, reason):
    with pytest.raises(BackboneError, match=f"{name} cannot be used here.*{reason}"):
        load_backbone(name, pretrained="random")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (({"custom_text": True}, {}, {}), "custom_text True"),
        (({}, {"attentional_pool": True}, {}), "attentional_pool True"),
        (({}, {"pool_type": "avg", "final_ln_after_pool": True}, {}), "'avg', final_ln_after_pool"),
        (({}, {"pool_type": "none"}, {}), "pool_type 'none'"),
        (({}, {"no_ln_pre": True}, {}), "no_ln_pre True"),
        (({}, {"pos_embed_type": "sin_cos_2d"}, {}), "'sin_cos_2d'"),
        (({}, {"image_size": [32, 64]}, {}), "square"),
        (({}, {"qk_norm": True}, {}), "qk_norm"),
        (({}, {}, {"block_type": "custom"}), "block_type 'custom'"),
        (({}, {}, {"embed_cls": True}), "embed_cls True"),
        (({}, {}, {"no_causal_mask": True}), "no_causal_mask True"),
        (({}, {}, {"pool_type": "last"}), "pool_type 'last'"),
        (({}, {}, {"proj_type": "none"}), "proj_type 'none'"),
    ],
)
def test_unsupported_configs_are_refused(tmp_path, monkeypatch, changes, reason):
    monkeypatch.setattr("open_clip.factory._MODEL_CONFIG_PATHS", [])
    monkeypatch.setattr("open_clip.factory._MODEL_CONFIGS", {})
    write_config(tmp_path, "odd", *changes)
    with pytest.raises(BackboneError, match=f"odd cannot be used here.*{reason}"):
        load_backbone("odd", pretrained="random")


@pytest.mark.parametrize(
    "name",
    ["ViT-B-16", "ViT-B-32", "ViT-B-32-quickgelu", "ViT-L-14", "ViT-L-14-336", "ViT-H-14",
     "ViT-g-14", "ViT-bigG-14", "ViT-B-16-plus-240"],
)  # fmt: skip
def test_plain_vits_are_supported(name):
    assert supported_config(name)["vision_cfg"]["patch_size"] in (14, 16, 32)


def test_options_that_say_what_is_usual_anyway_are_no_reason(tmp_path):
    usual = {"pool_type": "tok", "attentional_pool": False}, {"pool_type": "argmax"}
    write_config(tmp_path, "usual", {"custom_text": False, "quick_gelu": True}, *usual)
    assert load_backbone("usual", "random", "cpu").depth == 6


def test_quick_gelu_mismatch_names_the_right_model(monkeypatch):
    with pytest.raises(BackboneError, match=r"with QuickGELU.*'ViT-B-32-quickgelu'"):
        load_backbone("ViT-B-32", pretrained="openai")
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda *_: {"quick_gelu": False})
    with pytest.raises(BackboneError, match=r"without QuickGELU.*'ViT-B-16'"):
        load_backbone("ViT-B-16-quickgelu", pretrained="some_tag")


def save_forms(backbone: Backbone, folder: Path) -> list[Path]:
    state = backbone.model.state_dict()
    save_file(state, folder / "plain.safetensors")
    torch.save(state, folder / "plain.pt")
    wrapped = {"epoch": 3, "state_dict": {f"module.{name}": t for name, t in state.items()}}
    torch.save(wrapped, folder / "training.pt")
    half = {name: tensor.bfloat16() for name, tensor in state.items()}
    torch.save(half, folder / "half.bin")
    return [folder / name for name in ("plain.safetensors", "plain.pt", "training.pt", "half.bin")]


def test_local_files_give_the_same_features(small_backbone, tmp_path):
    source = small_backbone()
    pixels = random_pixels(source)
    expected = source.encode_images(pixels)
    for path in save_forms(source, tmp_path):
        for given in (path, str(path))[: 1 + (path.suffix == ".safetensors")]:
            loaded = load_backbone("small-plain", pretrained=given, device="cpu")
            assert loaded.label == f"small-plain (weights from {path.name})"
            if path.name == "half.bin":
                cosine = (loaded.encode_images(pixels).patches * expected.patches).sum(-1)
                assert cosine.min() > 0.999
            else:
                assert torch.equal(loaded.encode_images(pixels).patches, expected.patches)
                assert loaded.checksum == source.checksum


def test_files_that_do_not_fit_are_named(small_backbone, tmp_path):
    state = small_backbone().model.state_dict()
    good = tmp_path / "w.safetensors"
    save_file(state, good)
    with pytest.raises(BackboneError, match=r"missing .*resblocks"):
        load_backbone("small-12-blocks", pretrained=good)
    with pytest.raises(BackboneError, match=r"another shape .*positional_embedding .*instead of"):
        load_backbone("ViT-B-32", pretrained=good)
    for name, change in {
        "less.safetensors": lambda s: s.pop("ln_final.bias"),
        "more.safetensors": lambda s: s.update(extra=torch.zeros(1)),
        "nan.safetensors": lambda s: s.update({"ln_final.bias": s["ln_final.bias"] / 0}),
    }.items():
        changed = dict(state)
        change(changed)
        save_file(changed, tmp_path / name)
        with pytest.raises(BackboneError, match=r"ln_final.bias|extra"):
            load_backbone("small-plain", pretrained=tmp_path / name)
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(good.read_bytes()[:1000])
    with pytest.raises(BackboneError, match="could not read weights"):
        load_backbone("small-plain", pretrained=cut)
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(BackboneError, match="tensors by name"):
        load_backbone("small-plain", pretrained=tmp_path / "list.pt")
    for missing in (tmp_path / "none.safetensors", str(tmp_path / "none"), "none.pt"):
        with pytest.raises(WeightsNotFoundError, match=r"found nothing at .*none"):
            load_backbone("small-plain", pretrained=missing)
    with pytest.raises(BackboneError, match="folder"):
        load_backbone("small-plain", pretrained=tmp_path)
    save_file(state, tmp_path / "vit.openai.safetensors")
    with pytest.raises(BackboneError, match="QuickGELU"):
        load_backbone("small-plain", pretrained=tmp_path / "vit.openai.safetensors")


class Payload:
    """Unpickling this would touch a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def test_a_file_from_outside_is_never_executed(small_configs, tmp_path):
    mark = tmp_path / "executed"
    torch.save({"state_dict": Payload(mark)}, tmp_path / "evil.pt")
    with pytest.raises(BackboneError, match="weights_only=True"):
        load_backbone("small-plain", pretrained=tmp_path / "evil.pt")
    assert not mark.exists()


def test_no_network_is_one_clear_error(monkeypatch):
    def fail(*_):
        raise OSError("name or service not known")

    monkeypatch.setattr(weights_download.socket, "getaddrinfo", fail)
    monkeypatch.setattr(weights_download, "getproxies", dict)
    monkeypatch.setattr(Source, "here", lambda _: None)
    with pytest.raises(WeightsNotFoundError, match=r"no network.*by hand.*laion400m_e32.*tiny"):
        load_backbone("ViT-B-16-plus-240", pretrained="laion400m_e32")


def test_a_downloaded_tag_is_loaded_and_labelled(small_backbone, tmp_path, monkeypatch):
    source = small_backbone()
    save_file(source.model.state_dict(), tmp_path / "w.safetensors")
    tag = {"hf_hub": "x/y/", "mean": (0.5,) * 3, "std": (0.2,) * 3, "interpolation": "bilinear"}
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda *_: tag)
    monkeypatch.setattr(pretrained_module, "fetch", lambda _: tmp_path / "w.safetensors")
    loaded = load_backbone("small-plain", pretrained="some_tag", device="cpu")
    assert loaded.label == "small-plain (some_tag)"
    assert loaded.checksum == source.checksum
    assert (loaded.mean, loaded.std, loaded.interpolation) == ((0.5,) * 3, (0.2,) * 3, "bilinear")


@pytest.mark.parametrize("device", ["cuda:99", "mps:0", "nonsense", "meta"])
def test_a_device_that_is_not_there_is_named(small_configs, device):
    if device.startswith("mps") and torch.backends.mps.is_available():
        pytest.skip("this machine has the device")
    with pytest.raises(BackboneError, match=device):
        load_backbone("small-plain", pretrained="random", device=device)


@pytest.fixture
def useless_gpu(monkeypatch):
    """torch sees a GPU and has no kernels for it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    ones = torch.ones

    def fail(*size, device="cpu"):
        if torch.device(device).type == "cuda":
            raise RuntimeError("CUDA error: no kernel image is available\nCompile with ...")
        return ones(*size)

    monkeypatch.setattr(torch, "ones", fail)
    loading._default_device.cache_clear()
    yield
    loading._default_device.cache_clear()


def test_a_gpu_that_torch_cannot_use_is_left_alone_and_said_once(useless_gpu, caplog):
    for _ in range(2):
        assert loading.choose_device(None) == torch.device("cpu")
    (record,) = caplog.records
    assert "no kernel image is available): going on with the CPU" in record.getMessage()
    assert "PROMPTAD_DEVICE=cpu" in record.getMessage()
    assert "Compile with" not in record.getMessage()


@pytest.mark.parametrize("device", ["cuda", "cuda:0"])
def test_a_gpu_that_was_asked_for_and_cannot_be_used_is_refused(useless_gpu, device):
    with pytest.raises(BackboneError, match=rf"cannot compute on {device} .*no kernel.*Use 'cpu'"):
        loading.choose_device(device)


def test_a_cpu_is_not_probed(useless_gpu):
    assert loading.choose_device("cpu") == torch.device("cpu")


def test_an_odd_dtype_is_named(small_configs):
    with pytest.raises(BackboneError, match="int8"):
        load_backbone("small-plain", pretrained="random", dtype=torch.int8)


def test_environment_variables(small_backbone, tmp_path):
    save_file(small_backbone().model.state_dict(), tmp_path / "w.safetensors")

    def label(value: str) -> str:
        variables = {"PROMPTAD_BACKBONE": value, "PROMPTAD_DEVICE": "cpu"}
        return backbone_from_environment(variables).label

    assert "RANDOM WEIGHTS" in label("small-plain:random")
    assert "w.safetensors" in label(f"small-plain:{tmp_path / 'w.safetensors'}")
    with pytest.raises(BackboneError, match="laion400m_e32"):
        label("ViT-B-16-plus-240")
    with pytest.raises(BackboneError, match="nonsense"):
        backbone_from_environment(
            {"PROMPTAD_BACKBONE": "small-plain:random", "PROMPTAD_DEVICE": "nonsense"}
        )
