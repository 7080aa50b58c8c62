"""Getting a backbone: the shipped tiny CLIP, or one of open_clip's, by name and weights."""

from __future__ import annotations

import os
from collections.abc import Mapping

import open_clip
import torch

from promptad_tutorial.frozen_clip import Backbone
from promptad_tutorial.image_tower import ImageFeatures
from promptad_tutorial.model_support import BackboneError
from promptad_tutorial.pretrained import (
    NOT_GIVEN,
    LoadedModel,
    Pretrained,
    WeightsNotFoundError,
    load_open_clip,
)
from promptad_tutorial.text import UnknownWordWarning

__all__ = [
    "Backbone",
    "BackboneError",
    "ImageFeatures",
    "UnknownWordWarning",
    "WeightsNotFoundError",
    "backbone_from_environment",
    "load_backbone",
]


def load_backbone(
    name: str = "tiny",
    pretrained: Pretrained = NOT_GIVEN,
    device: str | torch.device | None = None,
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
) -> Backbone:
    """A frozen CLIP. "tiny" ships with this package; other names are open_clip's.

    ``pretrained``: a tag of open_clip (downloaded once), or a path to a .safetensors file, or
    "random" (or None) for weights drawn from ``seed``, which the label then says. It must be
    given for every name but "tiny", which has its own weights.
    ``device``: CUDA if there is one, else the CPU; "mps" must be asked for.
    ``dtype``: of the towers: torch.float32, torch.bfloat16 or torch.float16; torch.float64 for
    comparisons that rounding must not decide.

    Raises BackboneError (a ValueError) for a model, weights, device or dtype that cannot be had.
    """
    chosen = choose_device(device)
    if dtype not in (torch.float32, torch.bfloat16, torch.float16, torch.float64):
        raise BackboneError(f"expected dtype float32, bfloat16, float16 or float64, found {dtype}.")
    if name != "tiny":
        loaded = load_open_clip(name, pretrained, seed)
        name = name.replace("/", "-")
        return Backbone(name, loaded, open_clip.get_tokenizer(name), chosen, dtype)
    if pretrained is not NOT_GIVEN:
        raise BackboneError(
            f"'tiny' has its own weights, found pretrained={pretrained!r}. Leave it out, or name "
            "an open_clip model."
        )
    from promptad_tutorial import tinyclip

    model, mean, std = tinyclip.load_tiny()
    loaded = LoadedModel(
        model, f"{tinyclip.MODEL_NAME}, trained on the minifactory", mean, std, "bicubic"
    )
    tokenizer = open_clip.SimpleTokenizer(context_length=model.context_length)
    backbone = Backbone("tiny", loaded, tokenizer, chosen, dtype, tinyclip.unknown_words)
    backbone.checksum = tinyclip.checksum()
    return backbone


def backbone_from_environment(environment: Mapping[str, str] | None = None) -> Backbone:
    """The backbone that PROMPTAD_BACKBONE names, on PROMPTAD_DEVICE; "tiny" if it is unset.

    Forms: ``tiny``, ``MODEL:TAG``, ``MODEL:/path/file.safetensors``, ``MODEL:random``.
    ``environment`` is the process's own by default. Raises BackboneError.
    """
    environment = os.environ if environment is None else environment
    wanted = environment.get("PROMPTAD_BACKBONE", "").strip() or "tiny"
    device = environment.get("PROMPTAD_DEVICE", "").strip() or None
    name, colon, weights = wanted.partition(":")
    pretrained = weights.strip() if colon and weights.strip() else NOT_GIVEN
    return load_backbone(name.strip(), pretrained, device)


def choose_device(device: str | torch.device | None) -> torch.device:
    """The device asked for; by default CUDA if there is one, else the CPU. BackboneError."""
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise BackboneError(
            f"expected a device such as cpu, cuda or mps, found {device!r}."
        ) from error
    there = {
        "cpu": True,
        "cuda": (chosen.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not there.get(chosen.type, False):
        raise BackboneError(f"device {device} is not available here. Use 'cpu', or leave it out.")
    return chosen
