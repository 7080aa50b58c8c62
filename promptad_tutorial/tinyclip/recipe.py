"""The recipe of pretraining: everything that decides the weights, beside the render set.

A schedule is a tuple of (step, value). It was found while the run went on: see the model card.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from promptad_tutorial.tinyclip.batches import BatchPlan


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights, beside the render set."""

    steps: int = 1650
    # (step, value): from this step on. Small pictures are cheap, and small defects vanish in them.
    sizes: tuple[tuple[int, int], ...] = ((0, 80), (400, 96), (1540, 120))  # pixels a side
    # of the patch-naming loss; its head is dropped before the end
    patch_weights: tuple[tuple[int, float], ...] = ((0, 0.5), (400, 1.0), (1540, 0.0))
    # Half of a batch is hard at first, which teaches names; then all of it, which teaches defects:
    # strong ones first, beside good pieces of the very same look.
    batches: tuple[tuple[int, BatchPlan], ...] = (
        (0, BatchPlan()),
        (650, BatchPlan(hard_kinds=6, spread=2)),
        (950, BatchPlan(hard_kinds=6, spread=2, whole_styles=True, weakest=65)),
        (1150, BatchPlan(hard_kinds=6, spread=2, whole_styles=True, weakest=50)),
        (1400, BatchPlan(hard_kinds=3, whole_styles=True)),
    )
    muon_rate: float = 0.02  # for the matrices of the blocks
    muon_decay: tuple[tuple[int, float], ...] = ((0, 0.0), (650, 0.1))  # weight decay of these
    adam_rate: float = 1e-3  # for everything else
    # (step, share of the full rates), straight lines between: up, flat, down to nothing
    rates: tuple[tuple[int, float], ...] = (
        (0, 0.0),
        (60, 1.0),
        (400, 1.0),
        (1150, 0.336),
        (1650, 0.0),
    )
    largest_temperature: float = 100.0
    seed: int = 0
    save_every: int = 50

    def scaled(self, steps: int) -> Recipe:
        """The same recipe over another number of steps: every step of a schedule moves along."""

        def moved(schedule):
            return tuple((round(step * steps / self.steps), value) for step, value in schedule)

        return replace(
            self,
            steps=steps,
            sizes=moved(self.sizes),
            patch_weights=moved(self.patch_weights),
            batches=moved(self.batches),
            muon_decay=moved(self.muon_decay),
            rates=moved(self.rates),
        )


def rate(recipe: Recipe, step: int) -> float:
    """The share of the full learning rates at a step."""
    steps, shares = zip(*recipe.rates, strict=True)
    return float(np.interp(step + 1, steps, shares))


def scheduled(schedule, step: int):
    """The value of the last entry that `step` has reached."""
    return [value for start, value in schedule if step >= start][-1]
