"""Detectors as files: tensors and a few words in safetensors, checked when they come back.

In and out: what a detector's `state` gives (float32 tensors by name) and a note in JSON, whose
entries are those of NOTE. Nothing in a file is executed.
"""

from __future__ import annotations

import json
import logging
import math
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.scoring.threshold import METHODS, Promise

log = logging.getLogger(__name__)
FORMAT = "promptad-tutorial detector 1"
FIRST = "first edition"  # the image score of a file that does not say it
NOTE: dict[str, type | tuple[type, ...]] = {
    "kind": str,
    "name": str,
    "settings": dict,
    "threshold": (float, int, type(None)),
    "false_positive_rate": (float, int, type(None)),
    "backbone": str,
    "checksum": str,
    "resize": str,  # how pictures were brought to a square: "squash" or "crop"
    "image_size": (int, type(None)),  # pixels a side of that square
    "image_score": (str, type(None)),  # how image scores are made, see `PromptAD.image_score`
    "promise": (dict, type(None)),  # what the threshold promises, see `threshold.Promise`
}
# of files from before these could be chosen
OLDER = {"resize": "squash", "image_size": None, "image_score": FIRST, "promise": None}


def save(detector: Any, path: Path) -> Path:
    """Write a `Detector` to `path`; a file that is there already is replaced in one move."""
    tensors = {k: v.detach().cpu().float().contiguous() for k, v in detector.state().items()}
    backbone, promise = detector.backbone, detector.promise
    note = {
        "kind": detector.kind,
        "name": detector.name,
        "settings": detector.settings(),
        "threshold": detector.threshold,
        "false_positive_rate": detector.false_positive_rate,
        "backbone": backbone.label,
        "checksum": backbone.checksum,
        "resize": backbone.resize,
        "image_size": backbone.image_size,
        "image_score": detector.image_score,
        "promise": None if promise is None else asdict(promise),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        save_file(tensors, part, metadata={"format": FORMAT, "detector": json.dumps(note)})
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)  # an interrupted save leaves nothing half done behind
    return path


def load(kind: Any, path: Path, backbone: Backbone) -> Any:
    """The detector in `path`, which must be of this kind (a class) and fitted with this backbone.

    Raises FileNotFoundError, and ValueError that says what was expected and what was found.
    """
    note, tensors = _read(path)
    if note["kind"] != kind.kind:
        raise ValueError(
            f"expected a detector of kind {kind.kind!r} in {path}, found {note['kind']!r}"
        )
    same_build = str(note["backbone"]).partition(" (")[0] == backbone.name
    if note["checksum"] != backbone.checksum or not same_build:
        raise ValueError(
            f"the detector in {path} was fitted with {note['backbone']}, weights "
            f"{str(note['checksum'])[:12]}; found {backbone.label}, weights "
            f"{backbone.checksum[:12]}: load that backbone, or fit again"
        )
    if note["resize"] != backbone.resize:
        raise ValueError(
            f"the detector in {path} was fitted on pictures brought to a square by "
            f"{note['resize']!r}, this backbone does it by {backbone.resize!r}: load the backbone "
            f"with resize={note['resize']!r}"
        )
    try:
        detector = kind.from_settings(backbone, note["name"], note["settings"])
        detector.restore({name: t.to(backbone.device) for name, t in tensors.items()})
        detector.promise = _promise(note["promise"])
        detector.image_score = _image_score(kind, note["image_score"], path)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    detector.threshold = note["threshold"]
    detector.false_positive_rate = note["false_positive_rate"]
    return detector


def read_note(path: Path) -> dict[str, Any]:
    """What a saved detector says of itself: the entries of NOTE. Its tensors are not read.

    Raises FileNotFoundError, and ValueError for a damaged file.
    """
    return _read(path, only_note=True)[0]


def check_tensors(
    tensors: dict[str, torch.Tensor], expected: dict[str, tuple[int | None, ...]]
) -> None:
    """ValueError unless exactly these tensors of finite float32; None fits any length but 0."""
    if set(tensors) != set(expected):
        raise ValueError(f"expected the tensors {sorted(expected)}, found {sorted(tensors)}")
    for name, shape in expected.items():
        found = tensors[name]
        fits = found.ndim == len(shape) and all(
            want == have or (want is None and have > 0)
            for want, have in zip(shape, found.shape, strict=True)
        )
        if not fits or found.dtype != torch.float32:
            raise ValueError(
                f"expected {name} as float32 of shape {shape}, found {found.dtype} "
                f"{tuple(found.shape)}"
            )
        if not torch.isfinite(found).all():
            raise ValueError(f"{name} holds numbers that are not finite")


def _image_score(kind: Any, said: str | None, path: Path) -> str | None:
    """The way in which a file's detector makes image scores, with a warning if it is an old one."""
    found = kind.first_image_score if said == FIRST else said
    if found not in (kind.image_score, kind.first_image_score):
        raise ValueError(f"image_score is {found!r}")
    if found != kind.image_score:
        log.warning(
            "%s was saved by the first edition: its image scores are made of the %s, as when its "
            "threshold was set, and not of the %s; fit again for those",
            path,
            found,
            kind.image_score,
        )
    return found


def _promise(found: dict[str, Any] | None) -> Promise | None:
    """What a threshold promises, from its note; None if it was not set by `calibrate`."""
    if found is None:
        return None
    promise = Promise(**found | {"scores": tuple(map(float, found["scores"]))})
    whole = promise.method in METHODS and 0 < promise.rate < 1 and len(promise.scores) > 1
    if not whole or not all(map(math.isfinite, promise.scores)):
        raise ValueError(f"promise is {found!r}")
    return promise


def _read(path: Path, only_note: bool = False) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """The note and the tensors of a file; FileNotFoundError, and ValueError for a damaged one."""
    if not path.is_file():
        raise FileNotFoundError(f"expected a saved detector at {path}, found no file there")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            names = [] if only_note else list(file.keys())
            tensors = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError, ValueError) as error:
        raise ValueError(
            f"{path} is damaged, or no saved detector ({error}): save the detector again"
        ) from error
    if metadata.get("format") != FORMAT:
        raise ValueError(
            f"expected a saved detector ({FORMAT}) in {path}, found {metadata.get('format')!r}"
        )
    try:
        note = json.loads(metadata["detector"])
    except (KeyError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: its description cannot be read") from error
    note = OLDER | note if isinstance(note, dict) else {}
    if set(note) != set(NOTE):
        raise ValueError(f"{path} is damaged: its description is not that of a detector")
    for name, wanted in NOTE.items():
        value = note[name]
        if not isinstance(value, wanted) or isinstance(value, bool):
            raise ValueError(f"{path} is damaged: {name} is {value!r}")
        if isinstance(value, (int, float)) and not abs(value) <= sys.float_info.max:  # NaN too
            raise ValueError(f"{path} is damaged: {name} is not finite")
    if not 0 < (note["false_positive_rate"] or 0.5) < 1:
        raise ValueError(f"{path} is damaged: false_positive_rate must be between 0 and 1")
    return note, tensors
