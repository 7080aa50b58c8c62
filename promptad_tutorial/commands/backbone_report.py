"""Is a backbone there, whole and fitting? What it is, where it comes from, what it needs."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch

from promptad_tutorial.clip.weights.checkpoints import fitting, read_weights
from promptad_tutorial.clip.weights.pretrained import (
    NOT_GIVEN,
    Choice,
    Pretrained,
    choose,
    offline_name,
)
from promptad_tutorial.clip.weights.verify import check_whole
from promptad_tutorial.files.writing import file_sha256

THERE, MISSING = "there", "not there"
BYTES = 4  # of a weight in float32
SHOWN = ("verified", "source", "page", "licence", "activation")  # as they are, line by line


@dataclass(frozen=True)
class BackboneReport:
    """What `check-backbone` says; all of it is read from files or computed, nothing is typed."""

    about: dict[str, Any]  # what scripts get
    steps: tuple[str, ...] = ()  # how to bring the weights here as a file

    @property
    def there(self) -> bool:
        """Whether the backbone can be used as it is: its file is here, whole, and fits."""
        return self.about["status"] == THERE

    def to_json(self, **more: str) -> str:
        """One line, for scripts."""
        return json.dumps(self.about | {"steps": self.steps} | more)

    def __str__(self) -> str:
        a = self.about
        side, (rows, columns) = a["image_size"], a["grid"]
        size = "unknown" if a["file_bytes"] is None else f"{a['file_bytes'] / 1e6:.1f} MB"
        told = {
            "file": a["file"] or "none on this machine",
            "size": size,
            "sha256": a["sha256"] or "unknown",
            **{name: a[name] for name in SHOWN},
            "pictures": f"{side} x {side} pixels, patches of {a['patch_size']}: a grid of {rows} x "
            f"{columns}; {a['normalisation']}",
            "image tower": f"{a['vision_layers']} blocks of width {a['vision_width']}",
            "text tower": f"width {a['text_width']}, {a['context_length']} tokens",
            "joint space": f"{a['embed_dim']} dimensions",
            "memory": f"{a['memory_bytes'] / 1e9:.2f} GB for {a['parameters']} weights in float32, "
            "about twice that while they are loaded, and more for the pictures; "
            f"{a['free_bytes'] / 1e9:.1f} GB are free",
        }
        lines = [f"  {name:<11} {value}" for name, value in told.items()]
        lines += [f"  {'note':<11} {note}" for note in a["notes"]]
        first = f"{a['backbone']}, {a['pretrained']}: {a['status']}"
        return "\n".join([first, *lines, *self.steps])


def check_backbone(
    name: str, pretrained: Pretrained = NOT_GIVEN, image_size: int | None = None
) -> BackboneReport:
    """Look at a backbone without a network: is it here, whole, and does it fit the model?

    A file that is here is read and compared with the model, weight by weight. Raises BackboneError
    for a name, tag or image size that cannot be, an activation that does not fit the tag, and a
    file that is damaged or of another model.
    """
    if name == "tiny":
        return _tiny(pretrained, image_size)
    chosen = choose(name, pretrained, image_size)
    with torch.device("meta"):
        model = chosen.new_model()
    path, sha256, verified = chosen.file, None, "nothing: the weights are not here"
    known = chosen.source.here() if chosen.source else None
    if known:
        check_whole(*known)
        path = known[0]
    if path is not None:
        fitting(model, read_weights(path), chosen.name, str(path), image_size is not None)
        published = known[1] if known else ""
        sha256 = published if len(published) == 64 else file_sha256(path)
        against = f"the published sha256 {published}" if published else (
            "no published sha256 is known of this file"
        )  # fmt: skip
        verified = f"{against}; every weight has the name and the shape that the model needs, and "
        verified += "is finite"
    about = _file(path) | {
        "backbone": chosen.name,
        "pretrained": str(pretrained),
        "sha256": sha256,
        "verified": verified,
        "normalisation": _normalisation(
            chosen, f"of {chosen.tag}" if chosen.tag_config else "of CLIP, by default"
        ),
        "notes": _notes(chosen, path),
        **_origin(chosen),
        **_dimensions(model, chosen.image_size),
    }
    return BackboneReport(about, _steps(chosen) if path is None else ())


def _tiny(pretrained: Pretrained, image_size: int | None) -> BackboneReport:
    from safetensors import safe_open

    from promptad_tutorial.clip import tinyclip
    from promptad_tutorial.clip.loading import load_backbone
    from promptad_tutorial.clip.tinyclip.weights import WEIGHTS

    backbone = load_backbone("tiny", pretrained, "cpu", image_size=image_size)  # verifies
    with safe_open(WEIGHTS, framework="pt") as file:
        licence = file.metadata()["licence"]
    other = f"TinyCLIP at {backbone.image_size} pixels: its positions are interpolated"
    about = _file(WEIGHTS) | {
        "backbone": "tiny",
        "pretrained": "its own",
        "sha256": tinyclip.checksum(),
        "verified": "the sha256 that the package states",
        "source": "shipped with this package",
        "page": str(WEIGHTS.with_name("MODEL_CARD.md")),
        "licence": f"{licence} (stated in the file)",
        "activation": "GELU, as it was trained",
        "normalisation": _normalisation(backbone, "as trained"),
        "notes": [other] if "pixels" in backbone.label else [],
        **_dimensions(backbone.model, backbone.image_size),
    }
    return BackboneReport(about)


def _file(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {"status": MISSING, "file": None, "file_bytes": None}
    return {"status": THERE, "file": str(path), "file_bytes": path.stat().st_size}


def _normalisation(of: Any, whose: str) -> str:
    mean, std = ("/".join(f"{value:.4g}" for value in values) for values in (of.mean, of.std))
    return f"mean {mean}, std {std} ({whose})"


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
    quick = "QuickGELU" if chosen.config.get("quick_gelu") else "GELU"
    source = chosen.source
    if source is not None:
        where, licence = " or ".join(source.addresses), source.licence()
    elif chosen.random:
        where, licence = "nowhere: drawn at random", "none: nobody trained them"
    else:
        where, licence = "the file that was named", "not stated: read what came with the file"
    fits = "not checked: random weights" if chosen.random else "taken on trust"
    fits = f"as the tag {chosen.tag} was trained" if chosen.tag_config else fits
    page = source.page if source else "none"
    return {"source": where, "page": page, "licence": licence, "activation": f"{quick}, {fits}"}


def _dimensions(model: torch.nn.Module, image_size: int) -> dict[str, object]:
    visual = model.visual
    text = model.text if hasattr(model, "text") else model
    parameters = sum(weight.numel() for weight in model.parameters())
    return {
        "image_size": image_size,
        "patch_size": int(visual.patch_size[0]),
        "grid": tuple(int(n) for n in visual.grid_size),
        "vision_width": int(visual.class_embedding.shape[0]),
        "vision_layers": len(visual.transformer.resblocks),
        "text_width": int(text.token_embedding.weight.shape[1]),
        "context_length": int(text.positional_embedding.shape[0]),
        "embed_dim": int(visual.proj.shape[1]),
        "parameters": parameters,
        "memory_bytes": parameters * BYTES,
        "free_bytes": int(psutil.virtual_memory().available),
    }


def _steps(chosen: Choice) -> tuple[str, ...]:
    """How to bring the weights here: commands for both machines."""
    source = chosen.source
    if source is None:
        return ()
    name = offline_name(source)
    options = f"--backbone {shlex.quote(source.model)} --pretrained"
    check = f"python -m promptad_tutorial check-backbone {options}"
    more = ""
    if len(source.addresses) > 1:
        other = source.addresses[1]
        more = f"    (if there is no such file: {other}, saved with its own ending)"
    known = f"    sha256sum {name}    # must begin with {source.sha256}"
    lines = [
        "with a network, on this machine (goes on where it broke off, and verifies):",
        f"    {check} {source.tag} --download",
        "without: on a machine that has a network",
        f"    curl -L -C - -o {name} {source.addresses[0]}",
        more,
        known if source.sha256 and not source.repository else "",
        f"  or, where this package is installed: {check} {source.tag} --download --save-as {name}",
        "  then bring the file here, under this name, and",
        f"    {check} {name}",
        f"    export PROMPTAD_BACKBONE={source.model}:$PWD/{name}    # or --pretrained {name}",
    ]
    return tuple(line for line in lines if line)
