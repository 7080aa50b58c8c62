"""Fuse two branches in other ways, and put a threshold from good pictures on the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets
import numpy as np
import torch
from jaxtyping import Float, Int

from promptad_tutorial.explorers.base import Explorer
from promptad_tutorial.figures import Illustration, score_histogram
from promptad_tutorial.figures.wording import percent, rounded, sentences
from promptad_tutorial.prompts.words import product_name
from promptad_tutorial.scoring.fusion import FUSIONS, fuse
from promptad_tutorial.scoring.metrics import image_auroc
from promptad_tutorial.scoring.threshold import student_bound


@dataclass(frozen=True)
class BranchScores:
    """Both branches' scores of one product line's test pictures, and of left-out good ones.

    Raises ValueError unless they fit together, with two left-out pictures or more.
    """

    text: Float[np.ndarray, " _"]
    visual: Float[np.ndarray, " _"]
    labels: Int[np.ndarray, " _"]  # 0 good, 1 anomalous
    normal_text: Float[np.ndarray, " _"]  # of good pictures that nothing was learnt from
    normal_visual: Float[np.ndarray, " _"]

    def __post_init__(self) -> None:
        n, k = len(self.labels), len(self.normal_text)
        fits = (len(self.text), len(self.visual), len(self.normal_visual)) == (n, n, k)
        if not fits or k < 2 or set(self.labels.tolist()) != {0, 1}:
            raise ValueError(
                f"expected two scores for each of {n} test pictures, good and anomalous ones, and "
                f"for two or more left-out pictures, found {len(self.text)}, {len(self.visual)} "
                f"and {k}, {len(self.normal_visual)}"
            )


class FusionExplorer(Explorer):
    """What do the kind of fusion, the weight of the memory and a threshold change?

    Controls: `product_line`, `fusion`, `weight` (of the visual branch: 0 is the text branch alone,
    1 the visual one) and `rate` (the share of false alarms that the threshold is set for). Shows
    the histogram of the fused scores with the threshold; the status gives the image AUROC, how many
    of the good pictures raise an alarm and how many of the anomalous ones are found.
    """

    def __init__(self, lines: Mapping[str, BranchScores]) -> None:
        """`lines` has the branches of each product line. Raises ValueError for no lines."""
        super().__init__(lines)
        self.fusion = widgets.Dropdown(options=list(FUSIONS), description="fusion")
        self.weight = widgets.FloatSlider(
            value=0.5, min=0, max=1, step=0.05, description="weight of visual"
        )
        self.rate = widgets.FloatSlider(
            value=0.1,
            min=0.01,
            max=0.5,
            step=0.01,
            description="false alarms",
            readout_format=".0%",
        )
        self.start(self.product_line, self.fusion, self.weight, self.rate)

    def draw(self, name: str, kind: str, weight: float, rate: float) -> tuple[Illustration, str]:
        """The histogram of the fused scores; AUROC and what the threshold does as the status."""
        line = self.lines[name]
        scores = _fused(line.text, line.visual, kind, weight)
        threshold = student_bound(_fused(line.normal_text, line.normal_visual, kind, weight), rate)
        good, bad, called = line.labels == 0, line.labels == 1, scores > threshold
        product = product_name(name)
        picture = score_histogram(
            scores,
            line.labels,
            threshold,
            # the threshold stays in the picture, wherever it lies
            limits=(min(0.0, threshold), max(float(scores.max()), 1.05 * threshold) + 1e-6),
            caption=f"{product}, {kind}, weight {rounded(weight)} of the visual branch, threshold "
            f"set for {percent(rate)} false alarms",
        )
        return picture, sentences(
            f"Image AUROC {rounded(image_auroc(line.labels, scores))} for {product} with {kind}, "
            f"weight {rounded(weight)}",
            f"The threshold {rounded(threshold, 3)}, set for {percent(rate)} false alarms, calls "
            f"{called[good].sum()} of {good.sum()} good pictures anomalous and finds "
            f"{called[bad].sum()} of {bad.sum()} anomalous ones",
        )


def _fused(text: Any, visual: Any, kind: str, weight: float) -> Float[np.ndarray, " n"]:
    branches = (torch.from_numpy(np.asarray(one, dtype=np.float64)) for one in (text, visual))
    return fuse(*branches, kind, weight).numpy()
