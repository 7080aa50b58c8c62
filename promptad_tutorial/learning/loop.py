"""One loop for all learnt prompts: text only, because features of frozen images are constants.

In: levels, each a prompt learner and features of normal images, z (k, d) or V-V patches (k, H*W,
d). Out: the learners' tokens, changed in place, and the history of the losses.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional
from torch.optim import SGD
from torch.optim.lr_scheduler import CosineAnnealingLR
from tqdm.auto import trange

from promptad_tutorial.learning import losses
from promptad_tutorial.learning.config import PromptADConfig
from promptad_tutorial.prompts.learner import PromptFeatures, PromptLearner, encode_learners

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Level:
    """One training: a set of prompts and the features of normal images that they learn from."""

    name: str  # "image" or "pixel"
    learner: PromptLearner
    features: Float[Tensor, "*b d"]  # z (k, D), or V-V patches (k, H*W, D)


@dataclass
class History:
    """The loss terms before each step, and whether training was interrupted."""

    rows: list[dict[str, str | int | float]] = field(default_factory=list)
    interrupted: bool = False

    @property
    def steps(self) -> int:
        """How many steps were completed."""
        return 1 + max((int(row["step"]) for row in self.rows), default=-1)

    def table(self) -> pd.DataFrame:
        """One row a step and level."""
        columns = ["step", "level", "contrastive", "margin", "alignment", "total"]
        return pd.DataFrame(self.rows, columns=columns)


def objective(
    features: PromptFeatures,
    z: Float[Tensor, "*b d"],
    config: PromptADConfig,
    temperature: float,
) -> dict[str, Float[Tensor, ""]]:
    """The loss terms of one level and their `total` (method section 2).

        total = contrastive + margin_weight * margin + alignment_weight * alignment

    Without negatives `contrastive` is the pull of `losses.pull`, and there is no margin.
    """
    normal, anomalous = losses.prototypes(features)
    z = z.to(normal.dtype)  # prompts may be learnt in float64 from images in float32
    if anomalous is None:
        terms = {"contrastive": losses.pull(z, normal, temperature), "margin": z.new_zeros(())}
    else:
        negatives = functional.normalize(features.anomalous, dim=-1)
        margin, trap = config.margin, config.traps.margin_over_patches
        terms = {
            "contrastive": losses.contrastive(z, normal, negatives, temperature),
            "margin": losses.explicit_anomaly_margin(z, normal, anomalous, margin, trap),
        }
    terms["alignment"] = losses.alignment(features.manual, features.learnt)
    # a weight of 0 leaves a term out, so that it cannot even disturb with a NaN
    total = terms["contrastive"]
    for name, weight in (("margin", config.margin_weight), ("alignment", config.alignment_weight)):
        if weight:
            total = total + weight * terms[name]
    return terms | {"total": total}


def train(
    levels: Sequence[Level],
    config: PromptADConfig,
    temperature: float,
    after_step: Callable[[int], None] | None = None,
) -> History:
    """SGD with momentum on the learnt tokens, cosine from `learning_rate` to the final one.

    Levels trained together learn what they would learn alone, in one pass of the text tower.
    `after_step` is called with the number of steps done, from 1. An interruption
    (KeyboardInterrupt) keeps what has been learnt. Raises ValueError if a loss is no longer finite.
    """
    history = History()
    learners = [level.learner for level in levels]
    parameters = [p for one in learners for p in one.parameters() if p.numel()]
    if not parameters or not config.steps:
        return history
    c = config
    optimiser = SGD(parameters, c.learning_rate, c.momentum, weight_decay=c.weight_decay)
    schedule = CosineAnnealingLR(optimiser, c.steps, c.final_learning_rate)
    try:
        with learners[0].text.threads():
            for step in trange(c.steps, desc="prompts", unit="step", leave=False):
                features = encode_learners(learners)
                terms = [
                    objective(found, level.features, config, temperature)
                    for found, level in zip(features, levels, strict=True)
                ]
                loss = torch.stack([one["total"] for one in terms]).sum()
                if not torch.isfinite(loss):
                    raise ValueError(
                        f"the loss is {float(loss.detach())} at step {step}: choose a smaller "
                        f"learning_rate than {config.learning_rate}"
                    )
                optimiser.zero_grad(set_to_none=True)
                if loss.requires_grad:
                    loss.backward()
                optimiser.step()
                schedule.step()
                for one, level in zip(terms, levels, strict=True):
                    values = {name: float(value.detach()) for name, value in one.items()}
                    history.rows.append({"step": step, "level": level.name} | values)
                if after_step is not None:
                    after_step(step + 1)
    except KeyboardInterrupt:
        history.interrupted = True
        log.warning("interrupted after %d of %d steps: kept as it is", history.steps, config.steps)
    return history
