"""Boxes and arrows: what the drawings of the method are made of.

Frozen is grey, learnt is green with a thick edge; normal is blue, anomalous orange, as in all
figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from promptad_tutorial.figures.illustration import Illustration, blank_axes, illustrate
from promptad_tutorial.figures.palette import ANOMALOUS_COLOUR, FONT_SIZE, GOOD_COLOUR

WIDTH = 7.0  # inches: a notebook's column
KINDS = {  # fill, edge, width of the edge
    "frozen": ("#e6e6e6", "#555555", 1.0),
    "learnt": ("#bfe8d9", "#017a59", 2.5),
    "normal": ("#cfe5f3", GOOD_COLOUR, 1.5),
    "anomalous": ("#fbe6c4", ANOMALOUS_COLOUR, 1.5),
    "value": ("#ffffff", "#555555", 1.0),
}


@dataclass(frozen=True)
class Box:
    """A word or two in a box; places and sizes in inches, from the lower left."""

    text: str
    x: float  # of the centre
    y: float
    width: float
    height: float = 0.36
    kind: str = "value"

    @property
    def name(self) -> str:
        """Its text on one line."""
        return self.text.replace("\n", " ")


def drawn(
    boxes: Sequence[Box], arrows: Sequence[tuple[int, int]], height: float, said: str
) -> Illustration:
    """Boxes, arrows from one to the other by their places, and a key of the kinds that occur."""
    kinds = [kind for kind in KINDS if kind != "value" and any(b.kind == kind for b in boxes)]
    key = [Box(kind, 0.6 + 1.15 * i, 0.17, 0.95, 0.26, kind) for i, kind in enumerate(kinds)]
    figure, axes = blank_axes(WIDTH, height)
    axes.set(xlim=(0, WIDTH), ylim=(0, height))
    axes.axis("off")
    for box in (*boxes, *key):
        _draw_box(axes, box)
    for start, end in arrows:
        _draw_arrow(axes, boxes[start], boxes[end])
    names = dict.fromkeys(box.name.strip() for box in boxes if box.text)
    links = [f"{boxes[i].name.strip()} to {boxes[j].name.strip()}" for i, j in arrows]
    return illustrate(
        figure,
        said,
        f"Boxes: {', '.join(names)}",
        f"Arrows: {'; '.join(links)}" if links else "",
        short=[said],
    )


def _draw_box(axes: Axes, box: Box) -> None:
    fill, edge, line = KINDS[box.kind]
    corner = (box.x - box.width / 2, box.y - box.height / 2)
    shape = FancyBboxPatch(corner, box.width, box.height, "round,pad=0,rounding_size=0.06")
    shape.set(facecolor=fill, edgecolor=edge, linewidth=line)
    axes.add_patch(shape)
    axes.text(box.x, box.y, box.text, ha="center", va="center", fontsize=FONT_SIZE)


def _draw_arrow(axes: Axes, start: Box, end: Box) -> None:
    """From edge to edge on the line between the centres."""
    line = np.array([end.x - start.x, end.y - start.y])

    def edge(box: Box) -> np.ndarray:
        share = min(
            half / abs(part) if part else np.inf
            for half, part in zip((box.width / 2, box.height / 2), line, strict=True)
        )
        return min(1.0, share) * line

    begin = np.array([start.x, start.y]) + edge(start)
    stop = np.array([end.x, end.y]) - edge(end)
    how = {
        "arrowstyle": "-|>",
        "mutation_scale": 12,
        "color": "#333333",
        "shrinkA": 1,
        "shrinkB": 1,
    }
    axes.add_patch(FancyArrowPatch(tuple(begin), tuple(stop), **how))
