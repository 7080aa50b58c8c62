"""Choose shots, draw, product and method; the detector is fitted again while you look."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import ipywidgets as widgets
import numpy as np
import torch

from promptad_tutorial.detectors import CoOp, Detector, PromptAD, VisualMemory, ZeroShot
from promptad_tutorial.detectors.detector import in_fixed_order
from promptad_tutorial.explorers.base import Explorer
from promptad_tutorial.explorers.encoded import MAP_SIZE, DrawnLine
from promptad_tutorial.figures import Illustration
from promptad_tutorial.figures.seed_spread import maps_and_spread
from promptad_tutorial.figures.wording import counted, rounded, sentences
from promptad_tutorial.learning.config import PromptADConfig
from promptad_tutorial.prompts.words import product_name
from promptad_tutorial.scoring.metrics import image_auroc, pixel_auroc

_KEPT = 200  # fits: two maps and two numbers each

Make = Callable[[Any, str, PromptADConfig], Detector]
METHODS: Mapping[str, Make] = MappingProxyType(
    {
        "PromptAD": lambda backbone, name, c: PromptAD(backbone, name, c),
        "text branch of PromptAD": lambda backbone, name, c: PromptAD(
            backbone, name, replace(c, use_memory=False)
        ),
        "memory": lambda backbone, name, c: VisualMemory(backbone, name, c.map_size),
        "CoOp, two-class": lambda backbone, name, c: CoOp(backbone, name, c),
        "zero-shot": lambda backbone, name, c: ZeroShot(backbone, name, map_size=c.map_size),
    }
)


class ShotExplorer(Explorer):
    """How much do shots, their draw and the method matter? Every change fits the detector again.

    Controls: `product_line`, `method`, `shots` (k) and `seed` (which draw, and which random start
    of the prompts). Shows the maps of an anomalous and a good test picture, and under them image
    and pixel AUROC of every seed that was seen so far with the same line, method and k.
    """

    kept = 1  # a kept picture would not show the seeds seen since

    def __init__(
        self,
        backbone: Any,
        lines: Mapping[str, DrawnLine],
        config: PromptADConfig | None = None,
        method: str = "PromptAD",
        shots: int = 4,
    ) -> None:
        """`lines` has the features of each product line, from `encode_draws`, all with the same
        draws. `config` says how to learn; its maps must have the size of the masks.

        Raises ValueError for no lines, different draws, other maps than masks, and for a method or
        a number of shots that there is not.
        """
        super().__init__(lines)
        draws = {frozenset(line.draws) for line in lines.values()}
        if len(draws) != 1:
            raise ValueError(
                f"expected the same draws of shots in each line, found {len(draws)} different sets"
            )
        self.config = config or PromptADConfig(map_size=MAP_SIZE)
        sizes = {line.masks.shape[1] for line in lines.values()}
        if sizes != {self.config.map_size}:
            raise ValueError(
                f"expected masks of {self.config.map_size} px, as map_size in the config, found "
                f"{sorted(sizes)}"
            )
        keys = draws.pop()
        numbers = sorted({k for k, _ in keys})
        if method not in METHODS or shots not in numbers:
            raise ValueError(
                f"expected a method of {', '.join(METHODS)} and shots of {numbers}, found "
                f"{method!r} and {shots}"
            )
        self.backbone = backbone
        self._fits = lru_cache(_KEPT)(self._fit)
        self._seen: dict[tuple[str, str, int], dict[int, tuple[float, float]]] = {}
        self.method = widgets.Dropdown(options=list(METHODS), value=method, description="method")
        self.shots = widgets.SelectionSlider(options=numbers, value=shots, description="shots k")
        last = max(seed for _, seed in keys)
        self.seed = widgets.IntSlider(0, 0, last, description="seed of the draw")
        self.start(self.product_line, self.method, self.shots, self.seed)

    def draw(self, name: str, method: str, shots: int, seed: int) -> tuple[Illustration, str]:
        """Maps and AUROC of one setting, beside those of the seeds seen before."""
        line = self.lines[name]
        maps, image, pixel = self._fits(name, method, shots, seed)
        seen = self._seen.setdefault((name, method, shots), {})
        seen[seed] = (image, pixel)
        figures = ("image AUROC", "pixel AUROC")
        measured = {
            figure: {s: found[i] for s, found in sorted(seen.items())}
            for i, figure in enumerate(figures)
        }
        product, with_shots = product_name(name), counted(shots, "shot")
        picture = maps_and_spread(
            [line.pictures[i] for i in line.examples],
            [line.masks[i] for i in line.examples],
            maps,
            ("anomalous", "good"),
            measured,
            seed,
            caption=f"{method} on {product}, {with_shots}",
        )
        spread, values = "", measured[figures[0]].values()
        if len(values) > 1:
            spread = (
                f"Over the {counted(len(values), 'seed')} seen so far image AUROC goes from "
                f"{rounded(min(values))} to {rounded(max(values))}"
            )
        return picture, sentences(
            f"{method} on {product} with {with_shots}, seed {seed}: image AUROC {rounded(image)}, "
            f"pixel AUROC {rounded(pixel)}",
            spread,
        )

    def _fit(
        self, name: str, method: str, shots: int, seed: int
    ) -> tuple[np.ndarray, float, float]:
        """Maps of the two examples, image and pixel AUROC."""
        line = self.lines[name]
        detector = METHODS[method](self.backbone, name, self.config)
        drawn = in_fixed_order(line.pool[list(line.draws[shots, seed])])
        detector.fit_features(drawn, torch.Generator().manual_seed(seed))
        scores = detector.score_features(line.test)
        return (
            scores.anomaly_maps[list(line.examples)],
            image_auroc(line.labels, scores.image_scores),
            pixel_auroc(line.masks, scores.anomaly_maps),
        )
