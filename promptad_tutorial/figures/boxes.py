"""Boxes, arrows and panels: what the drawings of the method are made of.

Frozen is grey, learnt green with a thick edge; normal blue, anomalous orange with a dashed edge: in
print without colours the edges say it. Places and sizes are in inches, from the lower left.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from promptad_tutorial.figures.illustration import Illustration, blank_axes, illustrate
from promptad_tutorial.figures.palette import (
    ANOMALOUS_COLOUR,
    FONT_SIZE,
    GOOD_COLOUR,
    LETTER,
)

WIDTH = 7.0  # a notebook's column
KINDS = {  # fill, edge, width of the edge, its dashes
    "frozen": ("#d6d6d6", "#555555", 1.0, "-"),
    "learnt": ("#bfe8d9", "#017a59", 2.5, "-"),
    "normal": ("#e3f1fb", GOOD_COLOUR, 1.5, "-"),
    "anomalous": ("#fdebcf", ANOMALOUS_COLOUR, 1.5, "--"),
    "value": ("#ffffff", "#555555", 1.0, "-"),
}
PANEL = ("#f6f6f6", "#c4c4c4", 0.8, "-")
_ROUND = 0.07  # of corners
_SYMBOL = re.compile(r"\b([wz])_(\w)\b")  # set as mathematics: w_n


@dataclass(frozen=True)
class Box:
    """A word or two in a box; `x` and `y` are of its centre."""

    text: str
    x: float
    y: float
    width: float
    height: float = 0.36
    kind: str = "value"
    turned: bool = False  # reads from below to above

    @property
    def name(self) -> str:
        """Its text on one line."""
        return " ".join(self.text.split())


@dataclass(frozen=True)
class Panel:
    """A part of the drawing, behind its boxes, with a title along its top or its bottom."""

    title: str
    left: float
    bottom: float
    right: float
    top: float
    title_below: bool = False


def drawn(
    boxes: Mapping[str, Box],
    chains: Sequence[str],
    height: float,
    said: str,
    panels: Sequence[Panel] = (),
    notes: Sequence[tuple[str, float, float]] = (),
    bent: Sequence[str] = (),
) -> Illustration:
    """Boxes with arrows along the chains, as "picture > tower > z", and a key of what occurs.

    Arrows run level or upright, and turn twice where they must; along `bent` ones they leave a
    box sideways and turn once. `notes` are texts without a box: what it says, and its centre.
    """
    figure, axes = blank_axes(WIDTH, height)
    axes.set(xlim=(0, WIDTH), ylim=(0, height))
    axes.axis("off")
    for panel in panels:
        size = panel.right - panel.left, panel.top - panel.bottom
        _draw_shape(axes, panel.left, panel.bottom, *size, PANEL)
        y = panel.bottom + 0.13 if panel.title_below else panel.top - 0.14
        _write(axes, panel.left + 0.1, y, panel.title, ha="left", color="#444444")
    for box in boxes.values():
        corner = box.x - box.width / 2, box.y - box.height / 2
        _draw_shape(axes, *corner, box.width, box.height, KINDS[box.kind])
        _write(axes, box.x, box.y, box.text, rotation=90 if box.turned else 0)
    for text, x, y in notes:
        _write(axes, x, y, text)
    links = []
    for turns, some in ((False, chains), (True, bent)):
        for chain in some:
            names = chain.split(" > ")
            for start, end in pairwise(names):
                _draw_arrow(axes, _route(boxes[start], boxes[end], turns))
                links.append(f"{boxes[start].name} to {boxes[end].name}")
    _draw_key(axes, [kind for kind in KINDS if any(b.kind == kind for b in boxes.values())])
    names = dict.fromkeys(box.name for box in boxes.values() if box.text)
    told = [panel.title for panel in panels] + [text for text, _, _ in notes]
    return illustrate(
        figure,
        said,
        f"Boxes: {', '.join(names)}",
        f"Arrows: {'; '.join(links)}" if links else "",
        f"Beside them: {'; '.join(told)}" if told else "",
        short=[said],
    )


def _draw_shape(
    axes: Axes, x: float, y: float, width: float, height: float, look: tuple[str, str, float, str]
) -> None:
    fill, edge, line, dashes = look
    shape = FancyBboxPatch((x, y), width, height, f"round,pad=0,rounding_size={_ROUND}")
    shape.set(facecolor=fill, edgecolor=edge, linewidth=line, linestyle=dashes)
    axes.add_patch(shape)


def _write(axes: Axes, x: float, y: float, text: str, **how: object) -> None:
    said = text if "$" in text else _SYMBOL.sub(r"$\1_\2$", text)
    place = {"ha": "center", "va": "center", "fontsize": FONT_SIZE, "parse_math": said != text}
    axes.text(x, y, said, **(place | how))


def _route(start: Box, end: Box, bent: bool) -> list[tuple[float, float]]:
    """The corners of an arrow from edge to edge."""
    right, up = (1 if end.x > start.x else -1), (1 if end.y > start.y else -1)
    begin = start.x + right * start.width / 2
    stop = end.x - right * end.width / 2
    if bent:
        return [(begin, start.y), (end.x, start.y), (end.x, end.y - up * end.height / 2)]
    if abs(end.x - start.x) < max(start.width, end.width) / 2:  # one above the other
        x = min(start, end, key=lambda box: box.width).x
        return [(x, start.y + up * start.height / 2), (x, end.y - up * end.height / 2)]
    if abs(end.y - start.y) < max(start.height, end.height) / 2:  # side by side
        y = min(start, end, key=lambda box: box.height).y
        return [(begin, y), (stop, y)]
    middle = (begin + stop) / 2
    return [(begin, start.y), (middle, start.y), (middle, end.y), (stop, end.y)]


def _draw_arrow(axes: Axes, corners: list[tuple[float, float]]) -> None:
    """Along the corners, which are rounded."""
    points, codes = [corners[0]], [Path.MOVETO]
    for before, corner, after in zip(corners[:-2], corners[1:-1], corners[2:], strict=True):
        points += [_towards(corner, before), corner, _towards(corner, after)]
        codes += [Path.LINETO, Path.CURVE3, Path.CURVE3]
    points.append(corners[-1])
    codes.append(Path.LINETO)
    how = {"arrowstyle": "-|>,head_length=0.45,head_width=0.2", "mutation_scale": 12}
    axes.add_patch(FancyArrowPatch(path=Path(points, codes), color="#333333", **how))


def _towards(corner: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    """The point where the curve of a corner begins; lines are level or upright."""
    x, y = (min(_ROUND, max(-_ROUND, b - a)) for a, b in zip(corner, other, strict=True))
    return corner[0] + x, corner[1] + y


def _draw_key(axes: Axes, kinds: Sequence[str]) -> None:
    left = 0.15
    for kind in kinds:
        if kind != "value":
            _draw_shape(axes, left, 0.08, 0.26, 0.18, KINDS[kind])
            _write(axes, left + 0.34, 0.17, kind, ha="left")
            left += 0.62 + LETTER * len(kind)
