"""TinyCLIP's architecture: an ordinary open_clip model, from the config beside this file."""

from __future__ import annotations

from importlib.resources import files

import open_clip
import torch

MODEL_NAME = "TinyCLIP-8-120"
# TinyCLIP reads pictures with this mean and spread, the same for every channel.
IMAGE_MEAN = (0.45, 0.45, 0.45)
IMAGE_STD = (0.25, 0.25, 0.25)


def register() -> str:
    """Tell open_clip of the model config that this package ships; returns the model's name."""
    if MODEL_NAME not in open_clip.list_models():
        open_clip.add_model_config(files("promptad_tutorial.clip.tinyclip") / f"{MODEL_NAME}.json")
    return MODEL_NAME


def new_model(seed: int = 0) -> open_clip.CLIP:
    """An ordinary open_clip model with random weights, drawn from `seed`.

    Built from its config: `create_model` would warn that there are no weights, as is meant here.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return open_clip.CLIP(**open_clip.get_model_config(register()))
