"""Opening a saved detector of any kind: the kind is a word in the file, looked up in a table."""

from __future__ import annotations

from pathlib import Path

from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.detectors import saving
from promptad_tutorial.detectors.coop import CoOp
from promptad_tutorial.detectors.detector import Detector
from promptad_tutorial.detectors.promptad import PromptAD
from promptad_tutorial.detectors.visual_memory import VisualMemory
from promptad_tutorial.detectors.winclip import WinCLIP
from promptad_tutorial.detectors.zero_shot import ZeroShot

KINDS: dict[str, type[Detector]] = {
    one.kind: one for one in (ZeroShot, CoOp, WinCLIP, PromptAD, VisualMemory)
}


def kind_of(path: str | Path) -> type[Detector]:
    """The class that a saved detector belongs to. Nothing in the file is executed.

    Raises FileNotFoundError, and ValueError for a damaged file or a kind that nobody knows here.
    """
    found = saving.read_note(Path(path))["kind"]
    if found not in KINDS:
        raise ValueError(
            f"expected a detector of kind {', '.join(KINDS)} in {path}, found {found!r}: "
            "a newer release of this package may know it"
        )
    return KINDS[found]


def open_detector(path: str | Path, backbone: Backbone) -> Detector:
    """The detector in a file, whatever its kind, for the backbone it was fitted with.

    Raises what `kind_of` and `Detector.load` raise.
    """
    return kind_of(path).load(path, backbone)
