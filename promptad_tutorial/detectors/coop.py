"""CoOp with one class: learnt prompts without semantic concatenation, in two forms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.detectors.promptad import PromptAD
from promptad_tutorial.learning.config import PromptADConfig, config_from
from promptad_tutorial.prompts.structure import PromptStructure, pull_only, two_classes

FORMS = {"pull-only": pull_only, "two-class": two_classes}


class CoOp(PromptAD):
    """Learnt contexts and the product's name, from normal images alone.

    - "pull-only": normal prompts are pulled towards the images, and there is nothing else. The
      score is the distance (1 - <f, w_n>) / 2.
    - "two-class": as many anomaly prompts with contexts of their own, and cross-entropy. All images
      are of one class, so the other side is pushed away, to wherever that is.

    Of `config`, the states, suffixes, margin, alignment and memory are switched off.
    """

    kind = "coop"

    def __init__(
        self,
        backbone: Backbone,
        name: str,
        config: PromptADConfig | None = None,
        form: str = "two-class",
    ) -> None:
        if form not in FORMS:
            raise ValueError(f"form must be one of {', '.join(FORMS)}; got {form!r}")
        off = {"states": (), "n_anomaly_suffixes": 0, "use_memory": False}
        weights = {"margin_weight": 0.0, "alignment_weight": 0.0}
        super().__init__(backbone, name, replace(config or PromptADConfig(), **off, **weights))
        self.form = form

    def structure(self, level: str) -> PromptStructure:
        """The prompts of a level, "image" or "pixel"."""
        return FORMS[self.form](self.name, self.n_prompts(level), self.config.n_normal_tokens)

    def settings(self) -> dict[str, Any]:
        return super().settings() | {"form": self.form}

    @classmethod
    def from_settings(cls, backbone: Backbone, name: str, settings: dict[str, Any]) -> CoOp:
        return cls(backbone, name, config_from(settings["config"]), str(settings["form"]))
