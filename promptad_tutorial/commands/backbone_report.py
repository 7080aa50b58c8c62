"""Is a backbone there, whole and fitting? What it is, where it comes from, what it needs."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil
import torch

from promptad_tutorial.clip.weights.checkpoints import fitting, read_weights
from promptad_tutorial.clip.weights.file import check_whole
from promptad_tutorial.clip.weights.pretrained import (
    NOT_GIVEN,
    Choice,
    Pretrained,
    choose,
    offline_name,
)
from promptad_tutorial.files.writing import file_sha256

THERE, MISSING = "there", "not there"
BYTES = 4  # of a weight in float32


@dataclass(frozen=True)
class BackboneReport:
    """What `check-backbone` says; all of it is read from files or computed, nothing is typed."""

    backbone: str
    pretrained: str
    status: str  # THERE, which includes that the file is whole and fits the model, or MISSING
    file: str | None  # on this machine
    file_bytes: int | None  # None: unknown, the file is not here
    sha256: str | None  # of the file
    verified: str  # against what
    source: str  # where the file comes from
    page: str
    licence: str
    activation: str
    normalisation: str
    image_size: int  # pixels a side
    patch_size: int
    grid: tuple[int, int]  # patches
    vision_width: int
    vision_layers: int
    text_width: int
    context_length: int
    embed_dim: int  # of the joint space
    parameters: int
    memory_bytes: int  # of the weights in float32, computed from `parameters`
    free_bytes: int  # of this computer's memory, now
    notes: tuple[str, ...] = ()
    steps: tuple[str, ...] = field(default=())  # how to bring the weights here as a file

    @property
    def there(self) -> bool:
        """Whether the backbone can be used as it is."""
        return self.status == THERE

    def __str__(self) -> str:
        size = "unknown" if self.file_bytes is None else f"{self.file_bytes / 1e6:.1f} MB"
        lines = [
            f"{self.backbone}, {self.pretrained}: {self.status}",
            f"  file        {self.file or 'none on this machine'}",
            f"  size        {size}",
            f"  sha256      {self.sha256 or 'unknown'}",
            f"  verified    {self.verified}",
            f"  source      {self.source}",
            f"  page        {self.page}",
            f"  licence     {self.licence}",
            f"  activation  {self.activation}",
            f"  pictures    {self.image_size} x {self.image_size} pixels, patches of "
            f"{self.patch_size}: a grid of {self.grid[0]} x {self.grid[1]}; {self.normalisation}",
            f"  image tower {self.vision_layers} blocks of width {self.vision_width}",
            f"  text tower  width {self.text_width}, {self.context_length} tokens",
            f"  joint space {self.embed_dim} dimensions",
            f"  memory      {self.memory_bytes / 1e9:.2f} GB for {self.parameters} weights in "
            f"float32, about twice that while they are loaded, and more for the pictures; "
            f"{self.free_bytes / 1e9:.1f} GB are free",
            *(f"  note        {note}" for note in self.notes),
        ]
        return "\n".join([*lines, *self.steps])

    def to_json(self) -> str:
        """One line, for scripts."""
        return json.dumps(asdict(self))


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
    if chosen.source is not None:
        found = chosen.source.here()
        path = found[0] if found else None
        if found:
            check_whole(*found)
    if path is not None:
        state = read_weights(path)
        fitting(model, state, chosen.name, str(path), image_size is not None)
        known = chosen.source.here() if chosen.source else None
        sha256 = known[1] if known and len(known[1]) == 64 else file_sha256(path)
        verified = "every weight has the name and the shape that the model needs, and is finite"
        if known and known[1]:
            verified = f"the published sha256 {known[1]}; {verified}"
        else:
            verified = f"no published sha256 is known of this file; {verified}"
    return _report(chosen, pretrained, model, path, sha256, verified)


def _report(
    chosen: Choice,
    pretrained: Pretrained,
    model: torch.nn.Module,
    path: Path | None,
    sha256: str | None,
    verified: str,
) -> BackboneReport:
    source = chosen.source
    quick = "QuickGELU" if chosen.config.get("quick_gelu") else "GELU"
    notes = [source.warning] if source and source.warning else []
    if chosen.interpolated:
        notes.append("position embeddings are interpolated to this image size, as open_clip does")
    if chosen.random:
        notes.append("RANDOM WEIGHTS, not a trained model: only for tests, every result says so")
    elif path is None and source:
        for part in source.begun():
            notes.append(
                f"a download broke off: {part.stat().st_size} bytes are in {part}; --download goes "
                "on with what it began"
            )
    if chosen.file is not None and not chosen.tag:
        notes.append(
            "the file's name says no tag of this model, so activation and normalisation are taken "
            f"on trust: call it {chosen.name}.TAG{chosen.file.suffix} to have them checked"
        )
    return BackboneReport(
        backbone=chosen.name,
        pretrained=str(pretrained),
        status=MISSING if path is None else THERE,
        file=None if path is None else str(path),
        file_bytes=None if path is None else path.stat().st_size,
        sha256=sha256,
        verified=verified,
        source=_where_from(chosen),
        page=source.page if source else "none",
        licence=_licence(chosen),
        activation=f"{quick}, {_fits(chosen)}",
        normalisation=f"mean {_short(chosen.mean)}, std {_short(chosen.std)} "
        f"({f'of {chosen.tag}' if chosen.tag_config else 'of CLIP, by default'})",
        notes=tuple(notes),
        steps=_steps(chosen) if path is None else (),
        **_dimensions(model, chosen.image_size),
    )


def _tiny(pretrained: Pretrained, image_size: int | None) -> BackboneReport:
    from safetensors import safe_open

    from promptad_tutorial.clip import tinyclip
    from promptad_tutorial.clip.loading import load_backbone
    from promptad_tutorial.clip.tinyclip.weights import WEIGHTS

    backbone = load_backbone("tiny", pretrained, "cpu", image_size=image_size)  # verifies
    with safe_open(WEIGHTS, framework="pt") as file:
        licence = file.metadata()["licence"]
    other = f"TinyCLIP at {backbone.image_size} pixels: its positions are interpolated"
    return BackboneReport(
        backbone="tiny",
        pretrained="its own",
        status=THERE,
        file=str(WEIGHTS),
        file_bytes=WEIGHTS.stat().st_size,
        sha256=tinyclip.checksum(),
        verified="the sha256 that the package states",
        source="shipped with this package",
        page=str(WEIGHTS.with_name("MODEL_CARD.md")),
        licence=f"{licence} (stated in the file)",
        activation="GELU, as it was trained",
        normalisation=f"mean {_short(backbone.mean)}, std {_short(backbone.std)} (as trained)",
        notes=() if "pixels" not in backbone.label else (other,),
        **_dimensions(backbone.model, backbone.image_size),
    )


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


def _where_from(chosen: Choice) -> str:
    if chosen.random:
        return "nowhere: drawn at random"
    if chosen.source is None:
        return "the file that was named"
    return " or ".join(chosen.source.addresses)


def _licence(chosen: Choice) -> str:
    if chosen.random:
        return "none: nobody trained them"
    if chosen.source is None:
        return "not stated: read what came with the file"
    return chosen.source.licence()


def _fits(chosen: Choice) -> str:
    if chosen.tag_config:
        return f"as the tag {chosen.tag} was trained"
    return "not checked: random weights" if chosen.random else "taken on trust"


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


def _short(values: tuple[float, ...]) -> str:
    return "/".join(f"{value:.4g}" for value in values)
