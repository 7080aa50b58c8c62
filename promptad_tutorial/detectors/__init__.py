"""Detectors: each is `fit` on normal pictures and then gives image scores and anomaly maps."""

from __future__ import annotations

from promptad_tutorial.detectors.coop import CoOp
from promptad_tutorial.detectors.detector import Detector
from promptad_tutorial.detectors.promptad import PromptAD
from promptad_tutorial.detectors.visual_memory import VisualMemory
from promptad_tutorial.detectors.winclip import WinCLIP
from promptad_tutorial.detectors.zero_shot import ZeroShot

__all__ = ["CoOp", "Detector", "PromptAD", "VisualMemory", "WinCLIP", "ZeroShot"]
