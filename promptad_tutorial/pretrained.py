"""Weights for open_clip models: by tag, from a file, or random if asked for in words.

open_clip itself falls back to random weights with a log line, and resizes position embeddings
that do not fit. Here every doubt is an error: scores of a model nobody trained look like scores.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit
from urllib.request import getproxies

import open_clip
import torch
from torch import nn

from promptad_tutorial.checkpoints import fill_model, read_weights
from promptad_tutorial.model_support import BackboneError, supported_config

RANDOM = "random"
FILE_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")


class NotGiven:
    """What ``pretrained`` is when the caller leaves it out: None already means random weights."""

    def __repr__(self) -> str:
        return "<left out>"


NOT_GIVEN = NotGiven()
Pretrained: TypeAlias = str | os.PathLike | NotGiven | None


class WeightsNotFoundError(BackboneError, FileNotFoundError):
    """Weights that are not on this machine and could not be downloaded."""


@dataclass(frozen=True)
class LoadedModel:
    """An open_clip model on the CPU in float32, and how its images are prepared."""

    model: nn.Module  # open_clip.CLIP or open_clip.CustomTextCLIP
    weights: str  # where the weights are from, for the label
    mean: tuple[float, ...]  # of the RGB channels, in [0, 1]
    std: tuple[float, ...]
    interpolation: str  # "bicubic" or "bilinear"


def load_open_clip(name: str, pretrained: Pretrained, seed: int = 0) -> LoadedModel:
    """Build the open_clip model ``name`` with the weights ``pretrained``.

    A known tag is downloaded (or taken from the cache); a path is read without running code
    from it; "random" or None draws weights from ``seed`` and leaves every global generator as
    it was. Raises BackboneError for an unknown or unsupported name, an unknown tag, a QuickGELU
    mismatch, a broken or unfitting file; WeightsNotFoundError (also a FileNotFoundError) for a
    missing file or a download that failed.
    """
    name = name.replace("/", "-")  # the original names, such as ViT-B/16
    config = supported_config(name)
    if pretrained is NOT_GIVEN:
        raise BackboneError(f"expected weights for {name}, found none. {_choices(name)}")
    quick_gelu = bool(config.get("quick_gelu", False))
    tag = {}
    weights = "RANDOM WEIGHTS, not a trained model"
    state = None
    if pretrained is not None and str(pretrained) != RANDOM:
        tag = open_clip.get_pretrained_cfg(name, str(pretrained))
        if tag:
            # before release 2.29 open_clip kept this mark for no tag, and only OpenAI's differ
            needs = bool(tag.get("quick_gelu", str(pretrained).lower() == "openai"))
            _check_activation(name, quick_gelu, needs, f"the tag {pretrained!r}")
            path, weights = _download(name, str(pretrained), tag), str(pretrained)
        else:
            path = _local_file(name, pretrained)
            weights = f"weights from {path.name}"
            if "quickgelu" in path.name.lower() or "openai" in path.name.lower():
                _check_activation(name, quick_gelu, True, f"the file {path.name}")
        state = read_weights(path)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        config = dict(config)
        custom = config.pop("custom_text", False)
        model = (open_clip.CustomTextCLIP if custom else open_clip.CLIP)(**config)
    if state is not None:
        fill_model(model, state, name, str(pretrained))
    return LoadedModel(
        model=model,
        weights=weights,
        mean=tuple(tag.get("mean") or open_clip.OPENAI_DATASET_MEAN),
        std=tuple(tag.get("std") or open_clip.OPENAI_DATASET_STD),
        interpolation=tag.get("interpolation") or "bicubic",
    )


def _choices(name: str) -> str:
    tags = open_clip.list_pretrained_tags_by_model(name)
    listed = ", ".join(tags) if tags else "none known to this open_clip"
    return (
        f"Tags of {name}: {listed}. Give one of them, a path to a .safetensors file, or "
        "pretrained='random' for a model that nobody trained."
    )


def _check_activation(name: str, has: bool, needs: bool, what: str) -> None:
    if has == needs:
        return
    right = name.removesuffix("-quickgelu") if has else f"{name}-quickgelu"
    known = right in open_clip.list_models()
    raise BackboneError(
        f"{what} was trained {'with' if needs else 'without'} QuickGELU, and {name} runs "
        f"{'with' if has else 'without'} it: its features would be wrong without any sign. "
        + (f"Use the model name {right!r}." if known else "open_clip has no such model name.")
    )


def _local_file(name: str, pretrained: str | os.PathLike) -> Path:
    path = Path(pretrained).expanduser()
    if path.is_file():
        return path
    if path.is_dir():
        raise BackboneError(f"expected a file of weights, found a folder: {path}. Name the file.")
    if len(path.parts) > 1 or path.suffix in FILE_SUFFIXES or not isinstance(pretrained, str):
        raise WeightsNotFoundError(
            f"expected a file with weights of {name}, found nothing at {path}. Check the path and "
            "the working folder, or give a tag instead of a file."
        )
    raise BackboneError(f"{pretrained!r} is no tag of {name} and no file. {_choices(name)}")


def _download(name: str, tag: str, tag_config: dict[str, Any]) -> Path:
    reason = None if _in_hub_cache(tag_config) else _network_problem(tag_config)
    if reason is None:
        try:
            return Path(open_clip.download_pretrained(tag_config))
        except Exception as error:  # the hub's client and urllib raise many classes
            reason = f"{type(error).__name__}: {error}"
    source = tag_config.get("hf_hub") or tag_config.get("url")
    raise WeightsNotFoundError(
        f"the weights {tag!r} of {name} are not on this machine and could not be downloaded "
        f"({reason}). On a machine with a network, fetch the .safetensors file of {source}, bring "
        f"it here by hand and use load_backbone({name!r}, pretrained='/path/to/file.safetensors') "
        f"or PROMPTAD_BACKBONE={name}:/path/to/file.safetensors. Without it, "
        "load_backbone('tiny') needs no download."
    )


def _in_hub_cache(tag_config: dict[str, Any]) -> bool:
    from huggingface_hub import try_to_load_from_cache

    repository, _, filename = tag_config.get("hf_hub", "").rpartition("/")
    usual = ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"]
    names = [filename] if filename else usual
    return bool(repository) and any(
        isinstance(try_to_load_from_cache(repository, name), str) for name in names
    )


def _network_problem(tag_config: dict[str, Any]) -> str | None:
    """Ask for the host's address first: without a network the hub's client retries for long."""
    from huggingface_hub import constants

    url = constants.ENDPOINT if tag_config.get("hf_hub") else tag_config.get("url", "")
    if getproxies():  # a proxy may reach what this machine cannot name
        return None
    try:
        socket.getaddrinfo(urlsplit(url).hostname, 443)
    except Exception as error:  # OSError, or whatever a sandbox raises in its place
        return f"no network: {error}"
    return None
