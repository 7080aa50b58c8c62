"""Detectors: each is `fit` on normal pictures and then gives image scores and anomaly maps.

    k normal pictures    ->  fit        what was learnt and remembered
    b pictures           ->  score      image scores (b,) and maps (b, size, size), in [0, 1]
    normal pictures      ->  calibrate  a threshold, and what it promises
    a fitted detector    ->  save, load one file, for the same backbone
    such a file          ->  open_detector, whatever its kind

Pictures are paths, PIL images, arrays or ready tensors. `fit_features` and `score_features` do the
same for features that are there already.
"""

from __future__ import annotations

from pathlib import Path

from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.detectors.coop import CoOp
from promptad_tutorial.detectors.detector import Detector
from promptad_tutorial.detectors.promptad import PromptAD
from promptad_tutorial.detectors.saving import read_note
from promptad_tutorial.detectors.visual_memory import VisualMemory
from promptad_tutorial.detectors.winclip import WinCLIP
from promptad_tutorial.detectors.zero_shot import ZeroShot

__all__ = ["CoOp", "Detector", "PromptAD", "VisualMemory", "WinCLIP", "ZeroShot"]

KINDS: dict[str, type[Detector]] = {
    one.kind: one for one in (ZeroShot, CoOp, WinCLIP, PromptAD, VisualMemory)
}


def kind_of(path: str | Path) -> type[Detector]:
    """The class of a saved detector, which names it. Nothing in the file is executed.

    Raises FileNotFoundError, and ValueError for a damaged file or a kind that nobody knows here.
    """
    found = read_note(Path(path))["kind"]
    if found not in KINDS:
        raise ValueError(
            f"expected a detector of kind {', '.join(KINDS)} in {path}, found {found!r}: "
            "a newer release of this package may know it"
        )
    return KINDS[found]


def open_detector(path: str | Path, backbone: Backbone) -> Detector:
    """A saved detector of any kind. Raises what `kind_of` and `Detector.load` raise."""
    return kind_of(path).load(path, backbone)
