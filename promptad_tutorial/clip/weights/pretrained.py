"""Weights for open_clip models: by tag, from a file, or random if asked for in words.

open_clip itself falls back to random weights with a log line, and resizes position embeddings
that do not fit. Here every doubt is an error: scores of a model nobody trained look like scores.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import open_clip
import torch
from torch import nn

from promptad_tutorial.clip.weights.checkpoints import fill_model, read_weights
from promptad_tutorial.clip.weights.download import fetch
from promptad_tutorial.clip.weights.file import check_whole
from promptad_tutorial.clip.weights.model_support import (
    BackboneError,
    at_image_size,
    own_image_size,
    supported_config,
)
from promptad_tutorial.clip.weights.source import Source, source_of, tag_of_file

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


@dataclass(frozen=True)
class Choice:
    """A model and its weights as they were asked for; nothing has been read or fetched yet."""

    name: str  # of the model, as open_clip spells it
    config: dict[str, Any]  # open_clip's, at the image size that was asked for
    interpolated: bool  # whether that size is another than the model's own
    tag: str = ""  # what the weights were trained on; of a file, if its name says so
    tag_config: dict[str, Any] = field(default_factory=dict)  # open_clip's entry for it
    source: Source | None = None  # of weights that are named by their tag
    file: Path | None = None  # of weights that are named by their file

    @property
    def random(self) -> bool:
        """Whether no weights were asked for."""
        return self.source is None and self.file is None

    @property
    def image_size(self) -> int:
        """Pixels a side of the squares that the tower reads."""
        return own_image_size(self.config)

    @property
    def mean(self) -> tuple[float, ...]:
        """Of the RGB channels, in [0, 1]: the tag's, or CLIP's own."""
        return tuple(self.tag_config.get("mean") or open_clip.OPENAI_DATASET_MEAN)

    @property
    def std(self) -> tuple[float, ...]:
        """As `mean`."""
        return tuple(self.tag_config.get("std") or open_clip.OPENAI_DATASET_STD)

    @property
    def interpolation(self) -> str:
        """ "bicubic" or "bilinear": the tag's, or CLIP's own."""
        return str(self.tag_config.get("interpolation") or "bicubic")

    def new_model(self) -> nn.Module:
        """The model with weights drawn from torch's global generator."""
        config = dict(self.config)
        custom = config.pop("custom_text", False)
        return (open_clip.CustomTextCLIP if custom else open_clip.CLIP)(**config)


def choose(name: str, pretrained: Pretrained, image_size: int | None = None) -> Choice:
    """What ``name``, ``pretrained`` and ``image_size`` mean; see ``load_open_clip``.

    Raises BackboneError for an unknown or unsupported name, an unknown tag, a QuickGELU mismatch
    or an odd image size, WeightsNotFoundError for a file that is not there.
    """
    name = name.replace("/", "-")  # the original names, such as ViT-B/16
    config = supported_config(name)
    if pretrained is NOT_GIVEN:
        raise BackboneError(f"expected weights for {name}, found none. {_choices(name)}")
    sized = at_image_size(name, config, image_size)
    interpolated = own_image_size(sized) != own_image_size(config)
    if pretrained is None or str(pretrained) == RANDOM:
        return Choice(name, sized, interpolated)
    tag = str(pretrained)
    entry = open_clip.get_pretrained_cfg(name, tag)
    if entry:
        _check_activation(name, config, tag, entry, f"the tag {tag!r}")
        source = source_of(name, tag, entry)
        return Choice(name, sized, interpolated, tag, entry, source)
    path = _local_file(name, pretrained)
    tag = tag_of_file(name, path)
    entry = open_clip.get_pretrained_cfg(name, tag) if tag else {}
    if entry:
        _check_activation(name, config, tag, entry, f"the file {path.name}")
    elif "quickgelu" in path.name.lower() or "openai" in path.name.lower():
        _check_activation(name, config, "openai", {}, f"the file {path.name}")
    return Choice(name, sized, interpolated, tag, entry, None, path)


def load_open_clip(
    name: str, pretrained: Pretrained, seed: int = 0, image_size: int | None = None
) -> LoadedModel:
    """Build the open_clip model ``name`` with the weights ``pretrained``.

    A known tag is downloaded (or taken from the cache) and verified; a path is read without
    running code from it; "random" or None draws weights from ``seed`` and leaves every global
    generator as it was. A file whose name says a tag of the model gets that tag's normalisation.
    With an ``image_size`` that is not the model's own, position embeddings are interpolated as
    open_clip does, and the label says so.

    Raises BackboneError for an unknown or unsupported name, an unknown tag, a QuickGELU
    mismatch, an odd image size, a broken or unfitting file; WeightsNotFoundError (also a
    FileNotFoundError) for a missing file or a download that failed.
    """
    chosen = choose(name, pretrained, image_size)
    weights = "RANDOM WEIGHTS, not a trained model"
    state = None
    if not chosen.random:
        state = read_weights(file_of(chosen))
        weights = chosen.tag if chosen.source else f"weights from {chosen.file.name}"
    if chosen.interpolated:
        weights += f", at {chosen.image_size} pixels"
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = chosen.new_model()
    if state is not None:
        fill_model(model, state, chosen.name, str(pretrained), image_size is not None)
    return LoadedModel(model, weights, chosen.mean, chosen.std, chosen.interpolation)


def file_of(chosen: Choice) -> Path:
    """The file of weights that were asked for, verified where a checksum is known.

    What is not here is downloaded. Raises WeightsNotFoundError if that fails, and BackboneError
    for a file that is damaged.
    """
    source = chosen.source
    if source is None:
        assert chosen.file is not None
        return chosen.file
    found = source.here()
    if found is not None:
        check_whole(*found)
        return found[0]
    try:
        return fetch(source)
    except OSError as error:
        raise WeightsNotFoundError(
            f"the weights {source.tag!r} of {source.model} are not on this machine and could not "
            f"be downloaded ({error}). On a machine with a network, fetch {source.addresses[0]}, "
            f"bring it here by hand as {offline_name(source)} and use "
            f"load_backbone({source.model!r}, pretrained='/path/to/{offline_name(source)}') or "
            f"PROMPTAD_BACKBONE={source.model}:/path/to/{offline_name(source)}. Without it, "
            "load_backbone('tiny') needs no download."
        ) from error


def offline_name(source: Source) -> str:
    """What to call the file of a source, so that its name says what `tag_of_file` looks for."""
    suffix = Path(source.addresses[0].rpartition("/")[2]).suffix
    return f"{source.model}.{source.tag}{suffix}"


def _choices(name: str) -> str:
    tags = open_clip.list_pretrained_tags_by_model(name)
    listed = ", ".join(tags) if tags else "none known to this open_clip"
    return (
        f"Tags of {name}: {listed}. Give one of them, a path to a .safetensors file, or "
        "pretrained='random' for a model that nobody trained."
    )


def _check_activation(
    name: str, config: dict[str, Any], tag: str, entry: dict[str, Any], what: str
) -> None:
    has = bool(config.get("quick_gelu", False))
    # before release 2.29 open_clip kept this mark for no tag, and only OpenAI's differ
    needs = bool(entry.get("quick_gelu", tag.lower() == "openai"))
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
