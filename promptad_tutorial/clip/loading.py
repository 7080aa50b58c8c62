"""Getting a backbone: the shipped tiny CLIP, or one of open_clip's, by name and weights."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache

import open_clip
import torch

from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.clip.choice import BackboneChoice, BackboneError
from promptad_tutorial.clip.precision import check_precision
from promptad_tutorial.clip.text_tower import UnknownWordWarning  # noqa: F401 (found here too)
from promptad_tutorial.clip.weights.checkpoints import fitting
from promptad_tutorial.clip.weights.model_support import at_image_size
from promptad_tutorial.clip.weights.pretrained import (
    NOT_GIVEN,
    LoadedModel,
    Pretrained,
    load_open_clip,
)

log = logging.getLogger(__name__)


def load_backbone(
    name: str = "tiny",
    pretrained: Pretrained = NOT_GIVEN,
    device: str | torch.device | None = None,
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
    image_size: int | None = None,
    resize: str = "squash",
) -> Backbone:
    """A frozen CLIP. "tiny" ships with this package; other names are open_clip's.

    ``pretrained``: a tag of open_clip (downloaded once), or a path to a .safetensors file, or
    "random" (or None) for weights drawn from ``seed``, which the label then says. It must be
    given for every name but "tiny", which has its own weights.
    ``device``: CUDA if there is one, else the CPU; "mps" must be asked for.
    ``dtype``: torch.float32; torch.bfloat16 or torch.float16 for an image tower that multiplies in
    half precision, with image scores and maps (in [0, 1]) within 0.01 or 0.001 of those in float32;
    torch.float64 for comparisons that rounding must not decide.
    ``image_size``: pixels a side of the tower's square, a multiple of the patch; by default the
    model's own. The position embeddings are interpolated as open_clip does.
    ``resize``: "squash" (the default) maps whole pictures onto the square; "crop" keeps the
    aspect ratio and shows the central square alone.
    Label and checksum of the backbone say what differs from the defaults.

    Raises BackboneError (a ValueError) for a model, weights, device, dtype or image size that
    cannot be had (WeightsNotFoundError for weights that are not here and could not be fetched),
    ValueError for another ``resize``.
    """
    chosen = choose_device(device)
    check_precision(chosen, dtype)
    if name != "tiny":
        loaded = load_open_clip(name, pretrained, seed, image_size)
        name = name.replace("/", "-")
        return Backbone(name, loaded, open_clip.get_tokenizer(name), chosen, dtype, resize=resize)
    if pretrained is not NOT_GIVEN:
        raise BackboneError(
            f"'tiny' has its own weights, found pretrained={pretrained!r}. Leave it out, or name "
            "an open_clip model."
        )
    from promptad_tutorial.clip import tinyclip

    model, mean, std = tinyclip.load_tiny()
    weights = f"{tinyclip.MODEL_NAME}, trained on the minifactory"
    own_size = image_size in (None, int(model.visual.image_size[0]))
    if not own_size:
        config = open_clip.get_model_config(tinyclip.MODEL_NAME)
        config = at_image_size(tinyclip.MODEL_NAME, config, image_size)
        state = dict(model.state_dict())
        with torch.random.fork_rng(devices=[]):
            model = open_clip.CLIP(**config)
        model.load_state_dict(fitting(model, state, "TinyCLIP", "the package", interpolate=True))
        weights += f", at {image_size} pixels"
    loaded = LoadedModel(model, weights, mean, std, "bicubic")
    tokenizer = open_clip.SimpleTokenizer(context_length=model.context_length)
    backbone = Backbone("tiny", loaded, tokenizer, chosen, dtype, tinyclip.unknown_words, resize)
    if own_size:
        backbone.checksum = tinyclip.checksum()  # else that of the interpolated weights
    return backbone


def backbone_from_environment(environment: Mapping[str, str] | None = None) -> Backbone:
    """The backbone that PROMPTAD_BACKBONE and its companions name; "tiny" if they are unset.

    See ``choice.BackboneChoice.from_environment``. Raises BackboneError.
    """
    return BackboneChoice.from_environment(environment).load()


def choose_device(device: str | torch.device | None) -> torch.device:
    """The device asked for; by default CUDA where torch can compute with it, else the CPU.

    Raises BackboneError for a device that is not there, or that torch cannot compute with.
    """
    if device is None:
        return _default_device()
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise BackboneError(
            f"expected a device such as cpu, cuda or mps, found {device!r}."
        ) from error
    gpu = chosen.type == "cuda" and (chosen.index or 0) < torch.cuda.device_count()
    mps = chosen.type == "mps" and torch.backends.mps.is_available()
    if not (chosen.type == "cpu" or gpu or mps):
        raise BackboneError(f"device {device} is not available here. Use 'cpu', or leave it out.")
    problem = "" if chosen.type == "cpu" else trouble_with(chosen)
    if problem:
        raise BackboneError(
            f"this torch cannot compute on {device} ({problem}). Use 'cpu', or install a torch "
            "that was built for this device and its driver."
        )
    return chosen


@cache
def _default_device() -> torch.device:
    if not torch.cuda.is_available():
        return torch.device("cpu")
    problem = trouble_with(torch.device("cuda"))
    if problem:
        log.warning(
            "this torch cannot compute on the GPU that is here (%s): going on with the CPU. "
            "PROMPTAD_DEVICE=cpu (--device cpu) chooses that without this line; for the GPU, "
            "install a torch that was built for it and its driver",
            problem,
        )
    return torch.device("cpu" if problem else "cuda")


def trouble_with(device: torch.device) -> str:
    """Why torch cannot compute on a device, from one small product; "" if it can."""
    try:
        ones = torch.ones(8, 8, device=device)
        found = float((ones @ ones).sum())
    except (RuntimeError, AssertionError) as error:  # an old driver, or no kernel for this GPU
        return str(error).strip().split("\n")[0] or type(error).__name__
    return "" if found == 8.0**3 else f"it multiplies wrongly: {found} instead of {8.0**3}"
