"""What a backbone is, where it comes from, what it needs, and whether it is here and whole.

All of it is read from files or computed; nothing is typed.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import psutil
import torch
from safetensors import safe_open

from promptad_tutorial.clip.loading import Backbone, load_backbone
from promptad_tutorial.clip.tinyclip.weights import WEIGHTS, checksum
from promptad_tutorial.clip.weights.checkpoints import fitting, read_weights
from promptad_tutorial.clip.weights.pretrained import (
    NOT_GIVEN,
    Choice,
    Pretrained,
    choose,
    offline_name,
)
from promptad_tutorial.clip.weights.verify import check_whole
from promptad_tutorial.commands.command import fill_template
from promptad_tutorial.files.writing import file_sha256

THERE, MISSING = "there", "not there"
BYTES = 4  # of a weight in float32


def about_backbone(
    name: str, pretrained: Pretrained = NOT_GIVEN, image_size: int | None = None
) -> dict[str, Any]:
    """Look at a backbone without a network; `status` says whether it can be used as it is.

    A file that is here is read and compared with the model, weight by weight; `steps` say how to
    bring one here that is not. Raises BackboneError for a name, tag or image size that cannot be,
    an activation that does not fit the tag, and a file that is damaged or of another model.
    """
    if name == "tiny":
        return _about_tiny(pretrained, image_size)
    chosen = choose(name, pretrained, image_size)
    with torch.device("meta"):
        model = chosen.new_model()
    known = chosen.source.here() if chosen.source else None
    if known:
        check_whole(*known)
    path, published = known or (chosen.file, "")
    verified, sha256 = "nothing: the weights are not here", None
    if path is not None:
        fitting(model, read_weights(path), chosen.name, str(path), image_size is not None)
        sha256 = published if len(published) == 64 else file_sha256(path)
        verified = "no published sha256 is known of this file"
        if published:
            verified = f"the published sha256 {published}"
        verified += "; every weight has the name and the shape that the model needs, and is finite"
    return {
        "backbone": chosen.name,
        "pretrained": str(pretrained),
        "sha256": sha256,
        "verified": verified,
        "notes": _notes(chosen, path),
        "steps": _steps(chosen) if path is None else [],
        **_origin(chosen),
        **_common(path, chosen, f"of {chosen.tag}" if chosen.tag_config else "of CLIP, by default"),
        **_dimensions(model),
    }


def _about_tiny(pretrained: Pretrained, image_size: int | None) -> dict[str, Any]:
    backbone = load_backbone("tiny", pretrained, "cpu", image_size=image_size)  # verifies
    with safe_open(WEIGHTS, framework="pt") as file:
        licence = file.metadata()["licence"]
    other = f"TinyCLIP at {backbone.image_size} pixels: its positions are interpolated"
    return {
        "backbone": "tiny",
        "pretrained": "its own",
        "sha256": checksum(),
        "verified": "the sha256 that the package states",
        "notes": [other] if "pixels" in backbone.label else [],
        "steps": [],
        "source": "shipped with this package",
        "page": str(WEIGHTS.with_name("MODEL_CARD.md")),
        "licence": f"{licence} (stated in the file)",
        "activation": "GELU, as it was trained",
        **_common(WEIGHTS, backbone, "as trained"),
        **_dimensions(backbone.model),
    }


def _common(path: Path | None, of: Choice | Backbone, whose: str) -> dict[str, Any]:
    mean, std = ("/".join(f"{value:.4g}" for value in values) for values in (of.mean, of.std))
    return {
        "status": MISSING if path is None else THERE,
        "file": None if path is None else str(path),
        "file_bytes": None if path is None else path.stat().st_size,
        "image_size": of.image_size,
        "normalisation": f"mean {mean}, std {std} ({whose})",
    }


def _notes(chosen: Choice, path: Path | None) -> list[str]:
    """What to mind."""
    source = chosen.source
    notes = [source.warning] if source and source.warning else []
    if chosen.interpolated:
        notes.append("position embeddings are interpolated to this image size, as open_clip does")
    if chosen.random:
        notes.append("RANDOM WEIGHTS, not a trained model: only for tests, every result says so")
    for part in source.begun() if source and path is None else ():
        notes.append(
            f"a download broke off: {part.stat().st_size} bytes are in {part}; --download goes "
            "on with what it began"
        )
    if chosen.file is not None and not chosen.tag:
        notes.append(
            "the file's name says no tag of this model, so activation and normalisation are taken "
            f"on trust: call it {chosen.name}.TAG{chosen.file.suffix} to have them checked"
        )
    return notes


def _origin(chosen: Choice) -> dict[str, str]:
    """Where the weights come from, under which licence, and whether the activation is theirs."""
    where, page = "the file that was named", "none"
    licence, fits = "not stated: read what came with the file", "taken on trust"
    if chosen.source is not None:
        where, page = " or ".join(chosen.source.addresses), chosen.source.page
        licence = chosen.source.licence()
    elif chosen.random:
        where, licence = "nowhere: drawn at random", "none: nobody trained them"
        fits = "not checked: random weights"
    if chosen.tag_config:
        fits = f"as the tag {chosen.tag} was trained"
    quick = "QuickGELU" if chosen.config.get("quick_gelu") else "GELU"
    return {"source": where, "page": page, "licence": licence, "activation": f"{quick}, {fits}"}


def _dimensions(model: torch.nn.Module) -> dict[str, object]:
    visual = model.visual
    parameters = sum(weight.numel() for weight in model.parameters())
    return {
        "patch_size": int(visual.patch_size[0]),
        "grid": tuple(int(n) for n in visual.grid_size),
        "vision_width": int(visual.class_embedding.shape[0]),
        "vision_layers": len(visual.transformer.resblocks),
        "text_width": int(model.token_embedding.weight.shape[1]),
        "context_length": int(model.positional_embedding.shape[0]),
        "embed_dim": int(visual.proj.shape[1]),
        "parameters": parameters,
        "memory_bytes": parameters * BYTES,
        "free_bytes": int(psutil.virtual_memory().available),
    }


def _steps(chosen: Choice) -> list[str]:
    """How to bring the weights here: commands for both machines, line by line."""
    source = chosen.source
    if source is None:
        return []
    options = f"--backbone {shlex.quote(source.model)} --pretrained"
    check = f"python -m promptad_tutorial check-backbone {options}"
    name = offline_name(source)
    return fill_template("backbone_steps.txt", source=source, check=check, name=name).splitlines()
