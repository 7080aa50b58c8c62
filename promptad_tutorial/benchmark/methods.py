"""The ladder: every method by name, each the one before it plus one idea."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.detectors import CoOp, Detector, PromptAD, VisualMemory, WinCLIP, ZeroShot
from promptad_tutorial.learning.config import PromptADConfig, Traps

Make = Callable[[Backbone, str, int], Detector]  # backbone, product, map size


@dataclass(frozen=True)
class Method:
    """One row of a comparison."""

    name: str
    make: Make
    few_shot: bool = True  # False: uses no picture, so that shots and seeds change nothing
    text_of: str | None = None  # the text branch of this method: same training, no memory
    traps: Traps = field(default_factory=Traps)  # what the runner does: test set, shots
    own_states: bool = False  # the product's own defect names are appended to the states


def configured(name: str, config: PromptADConfig, **how) -> Method:
    """PromptAD with a configuration of its own."""

    def make(backbone: Backbone, product: str, map_size: int) -> Detector:
        return PromptAD(backbone, product, replace(config, map_size=map_size))

    return Method(name, make, traps=config.traps, **how)


def ladder(config: PromptADConfig | None = None) -> tuple[Method, ...]:
    """Zero-shot, CoOp, semantic concatenation, margin, alignment, memory, PromptAD; WinCLIP beside.

    `config` holds what all learnt prompts have in common, by default the paper's settings.
    """
    base = config or PromptADConfig()
    text = replace(base, use_memory=False)
    sc = replace(text, margin_weight=0.0, alignment_weight=0.0)

    def coop(form: str) -> Make:
        return lambda backbone, product, size: CoOp(
            backbone, product, replace(base, map_size=size), form
        )

    return (
        Method("zero-shot", lambda b, p, s: ZeroShot(b, p, map_size=s), few_shot=False),
        Method("CoOp, pull only", coop("pull-only")),
        Method("CoOp, two-class", coop("two-class")),
        configured("SC, manual", replace(sc, n_anomaly_suffixes=0)),
        configured("SC, learnt", replace(sc, states=())),
        configured("SC", sc),
        configured("SC + EAM", replace(sc, margin_weight=base.margin_weight)),
        Method("memory", lambda b, p, s: VisualMemory(b, p, s)),
        configured("PromptAD", base),
        configured("SC + EAM + alignment", text, text_of="PromptAD"),
        Method("WinCLIP", lambda b, p, s: WinCLIP(b, p, map_size=s), few_shot=False),
        Method("WinCLIP+", lambda b, p, s: WinCLIP(b, p, map_size=s)),
    )


def chosen(methods: Sequence[Method], names: Sequence[str]) -> tuple[Method, ...]:
    """The methods of these names, and what they need to be fitted first.

    Raises ValueError for an unknown name.
    """
    known = {method.name: method for method in methods}
    wrong = [name for name in names if name not in known]
    if wrong:
        raise ValueError(f"expected methods among {', '.join(known)}; got {', '.join(wrong)}")
    needed = {known[name].text_of for name in names}
    return tuple(m for m in methods if m.name in names or m.name in needed)
