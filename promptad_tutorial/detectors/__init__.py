"""Detectors: each is `fit` on normal pictures and then gives image scores and anomaly maps.

    k normal pictures    ->  fit        what was learnt and remembered
    b pictures           ->  score      image scores (b,) and maps (b, size, size), in [0, 1]
    normal pictures      ->  calibrate  a threshold, and what it promises
    a fitted detector    ->  save, load one file, for the same backbone

Pictures are paths, PIL images, arrays or ready tensors. `fit_features` and `score_features` do the
same for features that are there already.
"""

from __future__ import annotations

from promptad_tutorial.detectors.coop import CoOp
from promptad_tutorial.detectors.detector import Detector
from promptad_tutorial.detectors.promptad import PromptAD
from promptad_tutorial.detectors.visual_memory import VisualMemory
from promptad_tutorial.detectors.winclip import WinCLIP
from promptad_tutorial.detectors.zero_shot import ZeroShot

__all__ = ["CoOp", "Detector", "PromptAD", "VisualMemory", "WinCLIP", "ZeroShot"]
