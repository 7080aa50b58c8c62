"""Weights for open_clip models: by tag, from a file, or random if asked for in words.

open_clip itself falls back to random weights with a log line, and resizes position embeddings
that do not fit. Here every doubt is an error: scores of a model nobody trained look like scores.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import open_clip
import torch
from torch import nn

from promptad_tutorial.clip.choice import BackboneError
from promptad_tutorial.clip.weights.checkpoints import fitting, read_weights
from promptad_tutorial.clip.weights.download import fetch
from promptad_tutorial.clip.weights.model_support import (
    at_image_size,
    own_image_size,
    supported_config,
)
from promptad_tutorial.clip.weights.source import Source, source_of, tag_in
from promptad_tutorial.clip.weights.verify import check_whole

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

    model: nn.Module  # open_clip.CLIP
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

    def new_model(self) -> nn.Module:
        """The model with weights drawn from torch's global generator."""
        return open_clip.CLIP(**self.config)


def choose(name: str, pretrained: Pretrained, image_size: int | None = None) -> Choice:
    """What ``name``, ``pretrained`` and ``image_size`` mean; see ``load_backbone``.

    Raises BackboneError for an unknown or unsupported name, an unknown tag, a QuickGELU mismatch
    or an odd image size, WeightsNotFoundError for a file that is not there.
    """
    name = name.replace("/", "-")  # the original names, such as ViT-B/16
    config = supported_config(name)
    if pretrained is NOT_GIVEN:
        raise BackboneError(f"expected weights for {name}, found none. {_choices(name)}")
    sized = at_image_size(name, config, image_size)
    plain = Choice(name, sized, own_image_size(sized) != own_image_size(config))
    if pretrained is None or str(pretrained) == "random":
        return plain
    tag = str(pretrained)
    entry = open_clip.get_pretrained_cfg(name, tag)
    if entry:
        _check_activation(name, config, tag, entry, f"the tag {tag!r}")
        source = source_of(name, tag, entry)
        return replace(plain, tag=tag, tag_config=entry, source=source)
    path = _local_file(name, pretrained)
    tag = tag_in(path.stem, name)
    entry = open_clip.get_pretrained_cfg(name, tag) if tag else {}
    if entry or "quickgelu" in path.name.lower() or "openai" in path.name.lower():
        _check_activation(name, config, tag or "openai", entry, f"the file {path.name}")
    return replace(plain, tag=tag, tag_config=entry, file=path)


def load_open_clip(
    name: str, pretrained: Pretrained, seed: int = 0, image_size: int | None = None
) -> LoadedModel:
    """The open_clip model ``name`` with the weights ``pretrained``; see ``load_backbone``.

    A known tag is downloaded (or taken from the cache) and verified; no code of a file is run;
    every global generator stays as it was. A file whose name says a tag of the model gets that
    tag's normalisation. Raises what ``choose`` and ``file_of`` raise, and BackboneError for a
    file that is broken or of another model.
    """
    chosen = choose(name, pretrained, image_size)
    state = None if chosen.random else read_weights(file_of(chosen))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = chosen.new_model()
    if state is not None:
        source, resized = str(pretrained), image_size is not None
        model.load_state_dict(fitting(model, state, chosen.name, source, resized))
    weights = "RANDOM WEIGHTS, not a trained model" if chosen.random else chosen.tag
    if chosen.file:
        weights = f"weights from {chosen.file.name}"
    if chosen.interpolated:
        weights += f", at {chosen.image_size} pixels"
    interpolation = str(chosen.tag_config.get("interpolation") or "bicubic")
    return LoadedModel(model, weights, chosen.mean, chosen.std, interpolation)


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
    """What to call the file of a source, so that its name says the tag; see `tag_in`."""
    return f"{source.model}.{source.tag}{Path(source.addresses[0]).suffix}"


def _choices(name: str) -> str:
    listed = ", ".join(open_clip.list_pretrained_tags_by_model(name))
    return (
        f"Tags of {name}: {listed or 'none known to this open_clip'}. Give one of them, a path to "
        "a .safetensors file, or pretrained='random' for a model that nobody trained."
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
