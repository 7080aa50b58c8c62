"""The recipe of the plain world: a TinyCLIP that was not told what a defect is.

docs/pretraining_protocol.md says why, and was written before training.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import open_clip
import torch

from promptad_tutorial.clip.tinyclip.weights import register
from workshop.pretraining.batches import BatchPlan


@dataclass(frozen=True)
class PlainRecipe:
    """Everything that decides the weights, beside the pictures and the teacher's features."""

    steps: int = 8000
    # Pictures with captions: half of two kinds (negatives are the same thing in another look), half
    # over all kinds. Nothing is drawn, left out or weighted by its defect.
    captioned: BatchPlan = field(
        default_factory=lambda: BatchPlan(hard_kinds=2, hard_each=16, spread=32, grey_share=0.1)
    )
    crops: int = 64  # pictures beside them that have no caption, only the teacher's features
    layers: int = 6  # of the image tower
    contrast: float = 1.0  # weights of the losses
    regression: float = 10.0
    cosines: float = 10.0
    distances: float = 10.0
    muon_rate: float = 0.02  # for the matrices of the blocks
    muon_decay: float = 0.02
    adam_rate: float = 1e-3  # for everything else
    warm_up: int = 100  # steps from no rate to the full one
    flat_until: float = 0.3  # share of the steps; from there on linearly down to nothing
    averaging: float = 0.998  # of the running mean of the weights, which is what is exported
    largest_temperature: float = 100.0
    seed: int = 0
    save_every: int = 50
    measure_every: int = 500  # steps between two looks at held-out looks

    def rate(self, step: int) -> float:
        """The share of the full learning rates at a step, counted from 0."""
        flat = self.flat_until * self.steps
        down = (self.steps - step) / (self.steps - flat)
        return max(0.0, min(1.0, (step + 1) / max(1, self.warm_up), down))


def new_tower(recipe: PlainRecipe) -> open_clip.CLIP:
    """TinyCLIP's own architecture with the recipe's number of layers, drawn from its seed."""
    config = open_clip.get_model_config(register())
    config["vision_cfg"] |= {"layers": recipe.layers}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return open_clip.CLIP(**config)


def memory_blocks(layers: int) -> tuple[int, ...]:
    """The blocks that the memory reads by default, counted from 1: `Backbone.memory_blocks`."""
    return tuple(sorted({max(1, int(layers * share + 0.5)) for share in (1 / 4, 2 / 3)}))
