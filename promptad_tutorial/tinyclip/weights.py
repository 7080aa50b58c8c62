"""The shipped TinyCLIP: one safetensors file in half precision, verified before it is used.

Only the token rows that training touched are stored. The others are zero: TinyCLIP reads nothing in
a word that it never saw, and says so (`unknown_words`).
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from pathlib import Path

import open_clip
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from promptad_tutorial.minifactory.captions import vocabulary
from promptad_tutorial.minifactory.catalogue import KINDS
from promptad_tutorial.minifactory.palette import COLOURS
from promptad_tutorial.tinyclip.towers import IMAGE_MEAN, IMAGE_STD, MODEL_NAME, new_model, register
from promptad_tutorial.whole_files import file_sha256

FOLDER = Path(str(files("promptad_tutorial.tinyclip")))
WEIGHTS = FOLDER / "tinyclip.safetensors"
CHECKSUM = WEIGHTS.with_suffix(".sha256")  # `export` writes one beside every file
ROWS = "token_embedding.rows"  # which token rows the file holds


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
    rows = state.pop(ROWS).long()
    table = torch.zeros_like(model.token_embedding.weight)
    table[rows] = state["token_embedding.weight"]
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


def trained_vocabulary() -> list[str]:
    """The words that the present captions can contain."""
    names = tuple(word for kind in KINDS.values() for word in kind.words)
    return vocabulary(names, tuple(COLOURS))


def export(checkpoint: Path, out: Path = WEIGHTS) -> Path:
    """Write a training checkpoint as the file to ship: half precision, touched token rows only.

    Weights of earlier steps that lie beside it (step_<n>.safetensors) are averaged with it. The
    file's sha256 goes beside it. Raises FileNotFoundError without the checkpoint.
    """
    if not checkpoint.exists():
        raise FileNotFoundError(
            f"expected a checkpoint at {checkpoint}, found nothing there; "
            "make one with: python -m promptad_tutorial tinyclip train"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    words = trained_vocabulary()
    tokens = open_clip.get_tokenizer(register())([*words, "a photo."])
    rows = tokens.unique().to(torch.int32)
    flat = load_file(checkpoint)
    earlier = [load_file(one) for one in sorted(checkpoint.parent.glob("step_*.safetensors"))]
    for name in (k for k in flat if k.startswith("model.") and flat[k].is_floating_point()):
        flat[name] = torch.stack([flat[name], *[one[name] for one in earlier]]).mean(dim=0)
    state = {k[6:]: v.half() for k, v in flat.items() if k.startswith("model.")}
    state["token_embedding.weight"] = state["token_embedding.weight"][rows.long()].contiguous()
    state["logit_scale"] = flat["model.logit_scale"]  # one number: kept whole
    state[ROWS] = rows
    note = {
        "model": MODEL_NAME,
        "licence": "CC0-1.0",
        "steps": ", ".join(str(int(one["step"])) for one in (*earlier, flat)),
        "vocabulary": json.dumps(words),
    }
    save_file(state, out, metadata=note)
    out.with_suffix(".sha256").write_text(f"{sha256(out)}  {out.name}\n")
    return out
