"""Checkpoints: reading tensors from a file, putting them into a model, and their checksum."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import torch
from open_clip.model import resize_pos_embed
from safetensors.torch import load_file
from torch import Tensor, nn

from promptad_tutorial.clip.choice import BackboneError
from promptad_tutorial.clip.weights.verify import check_whole

# Numbers that some checkpoints store beside the weights; the config has them already.
NOT_WEIGHTS = ("input_resolution", "context_length", "vocab_size", "attn_mask")


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by name. A file from outside is never executed.

    Raises BackboneError for a file that is broken, half written or empty, or that only unpickling
    could read.
    """
    check_whole(path)
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # both libraries raise many classes for broken files
        detail = str(error).strip().split("\n")[0]
        raise BackboneError(
            f"could not read weights from {path} ({type(error).__name__}: {detail}). Expected a "
            ".safetensors file, or a .pt or .bin file of plain tensors (read with "
            "weights_only=True, so that no code inside it runs). Copy the file again, or convert "
            "it to .safetensors where you trust it."
        ) from error
    state = state.get("state_dict", state) if isinstance(state, dict) else state
    if not isinstance(state, dict) or not state or not all(map(torch.is_tensor, state.values())):
        raise BackboneError(
            f"expected tensors by name in {path}, found something else. Save the model's "
            "state_dict() with safetensors.torch.save_file."
        )
    state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    return {name: tensor for name, tensor in state.items() if name not in NOT_WEIGHTS}


def fitting(
    model: nn.Module, state: dict[str, Tensor], name: str, source: str, interpolate: bool = False
) -> dict[str, Tensor]:
    """The tensors as the model takes them, every weight exactly once, for ``load_state_dict``.

    The model may lie on the meta device. ``interpolate``: the positions of the image tower are
    brought to the model's grid, by open_clip's own function (bicubic, anti-aliased); otherwise
    nothing is resized. ``name`` and ``source`` are for the message. Raises BackboneError for
    missing or unknown names, other shapes, and numbers that are not finite.
    """
    key = "visual.positional_embedding"
    patches = len(state.get(key, ())) - 1  # the first position is that of CLS
    if interpolate and patches > 0 and math.isqrt(patches) ** 2 == patches:
        state = state | {key: state[key].float()}
        resize_pos_embed(state, model)
    expected = model.state_dict()
    if "logit_scale" in state and state["logit_scale"].numel() == 1:
        state["logit_scale"] = state["logit_scale"].reshape(expected["logit_scale"].shape)
    found = {
        "missing": sorted(expected.keys() - state.keys()),
        "not known": sorted(state.keys() - expected.keys()),
        "of another shape": [
            f"{key} {tuple(state[key].shape)} instead of {tuple(expected[key].shape)}"
            for key in expected
            if key in state and state[key].shape != expected[key].shape
        ],
    }
    problems = [
        f"{len(keys)} {what} ({', '.join(keys[:3])}{', ...' if len(keys) > 3 else ''})"
        for what, keys in found.items()
        if keys
    ]
    if problems:
        raise BackboneError(
            f"the weights in {source} are not those of a {name}: {'; '.join(problems)}. Give the "
            "model name that the file was saved from, or another file."
        )
    broken = [key for key, tensor in state.items() if not torch.isfinite(tensor).all()]
    if broken:
        raise BackboneError(
            f"the weights in {source} hold NaN or infinite numbers ({', '.join(broken[:3])}). "
            "Copy the file again."
        )
    return state


def weights_checksum(model: nn.Module) -> str:
    """sha256 over the names, shapes, types and bytes of the weights; the same on any device."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype};".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()
