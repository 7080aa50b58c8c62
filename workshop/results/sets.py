"""The sets of methods that are compared: ladder, traps, settings, readings of WinCLIP."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from promptad_tutorial.benchmark.methods import Method, configured, ladder
from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.detectors import Detector, WinCLIP
from promptad_tutorial.detectors.winclip import Reading
from promptad_tutorial.learning.config import Traps, preset, with_trap


def traps() -> tuple[Method, ...]:
    """The paper's settings, each trap of the released code alone, and all of them."""
    paper = preset("paper")
    one_each = [configured(name, with_trap(paper, name)) for name in Traps.names()]
    return (configured("paper", paper), *one_each, configured("released", preset("released")))


SWEEPS: Mapping[str, Sequence[int | float]] = {
    "n_normal_prompts": (1, 3, 6),
    "n_anomaly_suffixes": (0, 1, 4, 8),
    "n_normal_tokens": (1, 4, 8),
    "alignment_weight": (0.0, 0.001, 0.1, 10.0),
    "margin": (0.0, 0.05, 0.1, 0.2, 0.5),
    "learning_rate": (0.0005, 0.002, 0.02, 0.1),
}


def sweeps() -> tuple[Method, ...]:
    """One setting at a time away from the paper's, and the own names of the defects as states.

    Settings that are the paper's own come once, as "paper".
    """
    paper = preset("paper")
    found = [configured("paper", paper), configured("own states", paper, own_states=True)]
    for name, values in SWEEPS.items():
        for value in values:
            if value != getattr(paper, name):
                found.append(configured(f"{name}={value}", replace(paper, **{name: value})))
    return tuple(found)


def readings() -> tuple[Method, ...]:
    """WinCLIP and WinCLIP+ as we read the paper, and with one reading of others at a time."""
    others = {
        "temperature 1/0.07": Reading(temperature=1 / 0.07),
        "raw means": Reading(raw_means=True),
        "full stop": Reading(full_stop=True),
    }
    found = []
    for name, few_shot in (("WinCLIP", False), ("WinCLIP+", True)):
        for what, reading in {"": Reading(), **others}.items():
            said = f"{name}, {what}" if what else name

            def make(b: Backbone, p: str, s: int, reading: Reading = reading) -> Detector:
                return WinCLIP(b, p, map_size=s, reading=reading)

            found.append(Method(said, make, few_shot))
    return tuple(found)


SETS: Mapping[str, Callable[[], tuple[Method, ...]]] = {
    "ladder": ladder,
    "traps": traps,
    "sweeps": sweeps,
    "readings": readings,
}
