"""The recipe of pretraining: everything that decides the weights, beside the render set.

A schedule is a tuple of (step, value). It was found while the run went on: see the model card.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from workshop.pretraining.batches import BatchPlan


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the weights, beside the render set."""

    steps: int = 3850
    # (step, value): from this step on, in pixels a side. Small pictures are cheap. Shrunk ones lose
    # small defects; windows (from step 1650 on) do not.
    sizes: tuple[tuple[int, int], ...] = (
        (0, 80),
        (400, 96),
        (1540, 120),
        (1650, 96),
        (3330, 120),
        (3450, 96),
        (3780, 120),
    )
    # of the patch-naming loss; its head is dropped before the end
    patch_weights: tuple[tuple[int, float], ...] = (
        (0, 0.5),
        (400, 1.0),
        (1540, 0.0),
        (1650, 1.0),
        (3350, 0.0),
        (3450, 1.0),
        (3800, 0.0),
    )
    # of the loss that tells a caption from the same caption with the contrary state
    state_weights: tuple[tuple[int, float], ...] = ((0, 0.0), (1650, 1.0), (2200, 2.0), (3450, 3.0))
    # Half of a batch is hard at first, which teaches names; then all of it, which teaches defects:
    # strong ones first, beside good pieces of the very same look.
    batches: tuple[tuple[int, BatchPlan], ...] = (
        (0, BatchPlan()),
        (650, BatchPlan(hard_kinds=6, spread=2)),
        (950, BatchPlan(hard_kinds=6, spread=2, whole_styles=True, weakest=65)),
        (1150, BatchPlan(hard_kinds=6, spread=2, whole_styles=True, weakest=50)),
        (1400, BatchPlan(hard_kinds=3, whole_styles=True)),
        (1650, BatchPlan(4, 20, True, weakest=60, spread=48, object_weight=2.0, window=True)),
        (2700, BatchPlan(4, 20, True, weakest=40, spread=48, object_weight=2.0, window=True)),
        (2950, BatchPlan(4, 20, True, spread=48, object_weight=2.0, window=True)),
        (3450, BatchPlan(4, 20, True, spread=48, object_weight=4.0, window=True)),
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
        (1690, 0.6),
        (2200, 0.6),
        (2240, 0.35),
        (2500, 0.31),
        (3000, 0.175),
        (3450, 0.0),
        (3470, 0.15),
        (3780, 0.03),
        (3850, 0.0),
    )
    # Weights of these steps, where the rate had come down before, are averaged with the last ones
    # (stochastic weight averaging): the mean of two ends is better than either.
    averaged_with: tuple[int, ...] = (3450,)
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
            state_weights=moved(self.state_weights),
            batches=moved(self.batches),
            muon_decay=moved(self.muon_decay),
            rates=moved(self.rates),
            averaged_with=tuple(round(s * steps / self.steps) for s in self.averaged_with),
        )


def rate(recipe: Recipe, step: int) -> float:
    """The share of the full learning rates at a step."""
    steps, shares = zip(*recipe.rates, strict=True)
    return float(np.interp(step + 1, steps, shares))


def scheduled(schedule, step: int):
    """The value of the last entry that `step` has reached."""
    return [value for start, value in schedule if step >= start][-1]
