"""The shipped TinyCLIP: an ordinary open_clip model, config and weights beside this file.

The weights are one safetensors file in half precision, verified before it is used. Only the token
rows that training touched are stored. The others are zero: TinyCLIP reads nothing in a word that
it never saw, and says so (`unknown_words`).
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import open_clip
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from promptad_tutorial.files.writing import file_sha256

MODEL_NAME = "TinyCLIP-8-120"
IMAGE_MEAN = (0.45, 0.45, 0.45)  # pictures are read with this mean and spread
IMAGE_STD = (0.25, 0.25, 0.25)
FOLDER = Path(__file__).parent
WEIGHTS = FOLDER / "tinyclip.safetensors"
CHECKSUM = WEIGHTS.with_suffix(".sha256")  # `export` writes one beside every file
ROWS = "token_embedding.rows"  # which token rows the file holds


def register() -> str:
    """Tell open_clip of the model config that this package ships; returns the model's name."""
    if MODEL_NAME not in open_clip.list_models():
        open_clip.add_model_config(FOLDER / f"{MODEL_NAME}.json")
    return MODEL_NAME


def new_model(seed: int = 0) -> open_clip.CLIP:
    """TinyCLIP with random weights, drawn from `seed`; every global generator stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return open_clip.CLIP(**open_clip.get_model_config(register()))


def load_tiny(path: Path = WEIGHTS) -> tuple[open_clip.CLIP, tuple, tuple]:
    """The trained model in eval mode and fp32, and the mean and spread of its pictures' channels.

    A file that `export` wrote elsewhere is checked against the checksum that lies beside it.

    Raises FileNotFoundError if the file is missing, ValueError if it is damaged or no such file.
    """
    found = sha256(path)
    if (path == WEIGHTS or path.with_suffix(".sha256").exists()) and found != checksum(path):
        raise ValueError(
            f"{path.name} is damaged: expected sha256 {checksum(path)}, found {found}; "
            "install the package again, or export the weights again"
        )
    try:
        state = {k: v.float() if v.is_floating_point() else v for k, v in load_file(path).items()}
    except SafetensorError as error:
        raise ValueError(
            f"{path.name} cannot be read ({error}): export the weights again"
        ) from error
    if ROWS not in state:
        raise ValueError(
            f"expected weights that `tinyclip export` wrote, found {path.name} without {ROWS!r}"
        )
    model = new_model()
    table = torch.zeros_like(model.token_embedding.weight)
    table[state.pop(ROWS).long()] = state["token_embedding.weight"]
    state["token_embedding.weight"] = table
    model.load_state_dict(state)
    return model.eval(), IMAGE_MEAN, IMAGE_STD


def sha256(path: Path) -> str:
    """Of a file's bytes, in hexadecimal. Raises FileNotFoundError."""
    if not path.exists():
        raise FileNotFoundError(f"expected TinyCLIP's weights at {path.name}, found nothing there")
    return file_sha256(path)


def checksum(path: Path = WEIGHTS) -> str:
    """The sha256 that the shipped file, or the one at `path`, must have.

    Raises FileNotFoundError if the checksum that `export` writes beside the file is missing.
    """
    note = path.with_suffix(".sha256")
    if not note.exists():
        raise FileNotFoundError(f"expected the checksum of {path.name} in {note.name}, found none")
    return note.read_text().split()[0]


@cache
def known_words(path: Path = WEIGHTS) -> frozenset[str]:
    """Every word in the captions that the shipped weights were trained on."""
    with safe_open(path, framework="pt") as file:
        return frozenset(json.loads(file.metadata()["vocabulary"]))


def unknown_words(text: str) -> list[str]:
    """The words of a prompt that TinyCLIP never saw, in their order, each once."""
    words = re.findall(r"[^\W_]+(?:['-][^\W_]+)*", text.lower())
    parts = [
        part
        for word in words
        for part in ([word] if word in known_words() else re.split(r"['-]", word))
    ]
    return list(dict.fromkeys(part for part in parts if part not in known_words()))
