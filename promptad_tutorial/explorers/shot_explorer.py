"""Choose shots, draw, product and method; the detector is fitted again while you look."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
import numpy as np
import torch
from jaxtyping import Bool, Int

from promptad_tutorial.clip.image_tower import ImageFeatures
from promptad_tutorial.datasets import draw_shots, mask_at
from promptad_tutorial.detectors import CoOp, Detector, PromptAD, VisualMemory, ZeroShot
from promptad_tutorial.detectors.detector import in_fixed_order
from promptad_tutorial.explorers.base import Explorer, choice, line_chooser, slider
from promptad_tutorial.explorers.recent import Recent
from promptad_tutorial.figures import Illustration
from promptad_tutorial.figures.seed_spread import maps_and_spread
from promptad_tutorial.figures.wording import counted, rounded, sentences
from promptad_tutorial.learning.config import PromptADConfig
from promptad_tutorial.prompts.words import product_name
from promptad_tutorial.scoring.metrics import image_auroc, pixel_auroc

if TYPE_CHECKING:
    from promptad_tutorial.datasets import ProductLine

SHOTS = (1, 2, 4, 8)
MAP_SIZE = 120  # pixels a side at which maps and masks are compared, as in results/told
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


@dataclass(frozen=True)
class DrawnLine:
    """One product line, encoded once: every picture that some draw needs, and the test pictures.

    Raises ValueError unless good and anomalous test pictures are there, with a mask each.
    """

    pool: ImageFeatures  # of every drawn picture
    draws: Mapping[tuple[int, int], tuple[int, ...]]  # places in the pool by (shots, seed)
    test: ImageFeatures
    labels: Int[np.ndarray, " n"]  # 0 good, 1 anomalous
    masks: Bool[np.ndarray, "n s s"]
    pictures: tuple[Any, ...]  # of the test set, to be shown

    def __post_init__(self) -> None:
        sizes = {len(self.test), len(self.labels), len(self.masks), len(self.pictures)}
        if len(sizes) != 1 or set(self.labels.tolist()) != {0, 1} or not self.draws:
            raise ValueError(
                "expected draws of shots, and a label, a mask and a picture for each test picture, "
                f"good and anomalous ones, found {len(self.draws)} draws, {sorted(sizes)} and "
                f"labels {sorted(set(self.labels.tolist()))}"
            )

    @property
    def examples(self) -> tuple[int, int]:
        """An anomalous test picture whose defect is of middle size, and the first good one."""
        areas = self.masks.sum(axis=(1, 2)) * (self.labels == 1)
        order = np.argsort(areas, kind="stable")[(self.labels == 0).sum() :]
        return int(order[len(order) // 2]), int(np.flatnonzero(self.labels == 0)[0])


def encode_draws(
    backbone: Any,
    line: ProductLine,
    shots: tuple[int, ...] = SHOTS,
    seeds: int = 5,
    test: ImageFeatures | None = None,
    map_size: int = MAP_SIZE,
) -> DrawnLine:
    """Every picture of `seeds` draws of each number of shots that the line has pictures for.

    Each picture is encoded once; draws of one seed are nested. `test`: features of `line.test`, if
    they are there already. Raises ValueError for a line with fewer pictures than the smallest k.
    """
    possible = [k for k in shots if k <= len(line.train)]
    if not possible:
        raise ValueError(
            f"expected at least {min(shots)} training pictures of {line.name!r}, found "
            f"{len(line.train)}"
        )
    drawn = {(k, s): draw_shots(line.train, k, s) for k in possible for s in range(seeds)}
    different = list(dict.fromkeys(sample.image for draw in drawn.values() for sample in draw))
    return DrawnLine(
        backbone.encode_images(different),
        {key: tuple(different.index(one.image) for one in draw) for key, draw in drawn.items()},
        backbone.encode_images([one.image for one in line.test]) if test is None else test,
        np.array([one.label for one in line.test]),
        np.stack([mask_at(one, (map_size, map_size)) for one in line.test]),
        tuple(one.image for one in line.test),
    )


class ShotExplorer(Explorer):
    """How much do shots, their draw and the method matter? Every change fits the detector again.

    Controls: `product_line`, `method`, `shots` (k) and `seed` (which draw, and which random start
    of the prompts). Shows the maps of an anomalous and a good test picture, and under them image
    and pixel AUROC of every seed that was seen so far with the same line, method and k.
    """

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
        self.product_line = line_chooser(lines)
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
        super().__init__()
        self._answers = Recent(1)  # a kept picture would not show the seeds seen since
        self._fits = Recent(_KEPT)
        self._seen: dict[tuple[str, str, int], dict[int, tuple[float, float]]] = {}
        self.backbone, self.lines = backbone, dict(lines)
        self.method = widgets.Dropdown(options=list(METHODS), value=method, description="method")
        self.shots = choice("shots k", shots, numbers)
        self.seed = slider("seed of the draw", 0, 0, max(seed for _, seed in keys))
        self.start(self.product_line, self.method, self.shots, self.seed)

    def draw(self, name: str, method: str, shots: int, seed: int) -> tuple[Illustration, str]:
        """Maps and AUROC of one setting, beside those of the seeds seen before."""
        line, setting = self.lines[name], (name, method, shots, seed)
        maps, image, pixel = self._fits.get(setting, lambda: self._fit(*setting))
        seen = self._seen.setdefault((name, method, shots), {})
        seen[seed] = (image, pixel)
        measured = {
            "image AUROC": {s: found[0] for s, found in sorted(seen.items())},
            "pixel AUROC": {s: found[1] for s, found in sorted(seen.items())},
        }
        product, plural = product_name(name), "shot" if shots == 1 else "shots"
        picture = maps_and_spread(
            [line.pictures[i] for i in line.examples],
            [line.masks[i] for i in line.examples],
            maps,
            ("anomalous", "good"),
            measured,
            seed,
            caption=f"{method} on {product}, {shots} {plural}",
        )
        spread = ""
        if len(seen) > 1:
            values = list(measured["image AUROC"].values())
            spread = (
                f"Over the {counted(len(seen), 'seed')} seen so far image AUROC goes from "
                f"{rounded(min(values))} to {rounded(max(values))}"
            )
        return picture, sentences(
            f"{method} on {product} with {shots} {plural}, seed {seed}: image AUROC "
            f"{rounded(image)}, pixel AUROC {rounded(pixel)}",
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
