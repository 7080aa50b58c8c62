"""A training checkpoint as the file to ship: half precision, with the words it was trained on."""

from __future__ import annotations

import json
from pathlib import Path

import open_clip
import torch
from safetensors.torch import load_file, save_file

from promptad_tutorial.clip.tinyclip.weights import MODEL_NAME, ROWS, WEIGHTS, register, sha256
from workshop.minifactory.captions import vocabulary
from workshop.minifactory.catalogue import KINDS
from workshop.minifactory.palette import COLOURS


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
            "make one with: python -m workshop tinyclip train"
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
