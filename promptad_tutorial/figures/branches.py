"""Two branches, one score: where pictures lie, and which of them a fusion calls alike."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int

from promptad_tutorial.figures.illustration import Illustration, blank_axes, illustrate
from promptad_tutorial.figures.palette import FONT_SIZE, legend_above, mark_classes
from promptad_tutorial.figures.wording import rounded
from promptad_tutorial.scoring.fusion import fuse

_LINES = 7  # level lines of a fusion


def branch_scatter(
    text: Float[np.ndarray, " _"],
    visual: Float[np.ndarray, " _"],
    labels: Int[np.ndarray, " _"],
    kinds: tuple[str, ...] = ("harmonic", "arithmetic mean"),
    caption: str = "",
) -> Illustration:
    """A panel for each fusion: pictures by their two scores, and lines of equal fused score.

    `labels`: 0 good, 1 anomalous. Where the lines lie flat, the fused ranking is the visual
    branch's; where they stand upright, it is the text branch's. Raises ValueError for arrays of
    different lengths, or only one class.
    """
    if not len(text) == len(visual) == len(labels) or set(np.unique(labels)) != {0, 1}:
        raise ValueError(
            "expected two scores and a label for each picture, some labels 0 and some 1, found "
            f"{len(text)} text scores, {len(visual)} visual ones and labels {set(labels.tolist())}"
        )
    right, top = 1.05 * text.max(), 1.15 * visual.max()
    x, y = np.meshgrid(np.linspace(1e-3, right, 120), np.linspace(1e-4, top, 120))
    shared = {"sharex": True, "sharey": True, "squeeze": False}
    figure, (panels,) = blank_axes(7.4, 3.3, 1, len(kinds), **shared)
    for axes, kind in zip(panels, kinds, strict=True):
        level = fuse(torch.from_numpy(x), torch.from_numpy(y), kind).numpy()
        steps = np.linspace(level.min(), level.max(), _LINES + 2)[1:-1]
        axes.contour(x, y, level, levels=steps, colors="0.45", linewidths=1)
        mark_classes(axes, text, visual, labels == 1, markersize=5)
        axes.plot([], [], color="0.45", linewidth=1, label="equal fused score")
        axes.set(xlim=(0, right), ylim=(0, top), xlabel="text score")
        axes.set_title(kind, fontsize=FONT_SIZE)
    panels[0].set_ylabel("visual score")
    legend_above(figure, 3, *panels[0].get_legend_handles_labels())
    ratio = np.median(text) / max(float(np.median(visual)), 1e-9)
    medians = f"text {rounded(np.median(text))}, visual {rounded(np.median(visual))}"
    return illustrate(
        figure,
        caption,
        f"{len(text)} pictures by text score (across) and visual score (up), with lines of equal "
        f"fused score: {' and '.join(kinds)}",
        f"Medians: {medians}, a factor of {rounded(ratio, 1)}",
    )
