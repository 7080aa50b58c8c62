"""The hinge of the explicit anomaly margin, drawn: where it acts on the sphere, and how much."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from promptad_tutorial.figures.boxes import WIDTH
from promptad_tutorial.figures.illustration import Illustration, blank_axes, illustrate
from promptad_tutorial.figures.palette import (
    ANOMALOUS_COLOUR,
    ANOMALOUS_MARK_COLOUR,
    FONT_SIZE,
    GOOD_COLOUR,
    legend_above,
)
from promptad_tutorial.figures.wording import rounded

_NORMAL, _ANOMALOUS = 68.0, 22.0  # degrees of w_n and w_a on the circle
_PROTOTYPES = (("w_n", _NORMAL, GOOD_COLOUR), ("w_a", _ANOMALOUS, ANOMALOUS_MARK_COLOUR))
_SHOTS = (("z_1", 84.0), ("z_2", 36.0))  # one on either side
_LOOKS = (  # where the hinge is 0, and where it acts
    {"color": GOOD_COLOUR, "linestyle": "-", "label": "hinge is 0"},
    {"color": ANOMALOUS_COLOUR, "linestyle": (0, (1.4, 0.7)), "label": "hinge acts"},
)


def hinge(margin: float = 0.0) -> Illustration:
    """Two pictures z on the sphere with w_n and w_a, and relu(d(z, w_n) - d(z, w_a) + margin).

    d is the squared Euclidean distance, in [0, 4].
    """
    figure, (sphere, line) = blank_axes(WIDTH, 3.3, 1, 2, width_ratios=(1, 1.15))
    arc = np.linspace(-8, 102, 441)
    gaps = np.linspace(-1.3, 1.3, 521)
    for acts, look in enumerate(_LOOKS):
        shown = np.where((_gap(arc) + margin > 0) == acts, arc, np.nan)
        sphere.plot(*_point(shown).T, linewidth=4, zorder=1, **look)
        shown = np.where((gaps + margin > 0) == acts, gaps, np.nan)
        line.plot(shown, np.maximum(0, shown + margin), linewidth=4, zorder=1, **look)
    for name, angle, colour in _PROTOTYPES:
        how = {"arrowstyle": "-|>", "color": colour, "linewidth": 2, "shrinkA": 0, "shrinkB": 0}
        sphere.annotate("", _point(angle), (0, 0), arrowprops=how)
        _write(sphere, name, 1.13 * _point(angle))
    told = []
    for name, angle in _SHOTS:
        z, gap = _point(angle), float(_gap(angle))
        for _, other, colour in _PROTOTYPES:
            sphere.plot(*zip(z, _point(other), strict=True), ":", color=colour, linewidth=1.8)
        loss = max(0.0, gap + margin)
        for axes, place in ((sphere, z), (line, (gap, loss))):
            axes.plot(*place, "o", color="black", markersize=7, zorder=4)
        _write(sphere, name, 1.13 * z)
        _write(line, name, (gap, loss + 0.16))
        squared = [rounded(float(_squared(angle, other))) for _, other, _ in _PROTOTYPES]
        told.append(
            f"{name} has the squared distances {squared[0]} to w_n and {squared[1]} to w_a, and "
            f"its hinge is {rounded(loss)}"
        )
    sphere.set(xlim=(-0.18, 1.3), ylim=(-0.18, 1.22))
    sphere.set_aspect("equal")
    sphere.axis("off")
    line.set_xlabel("d(z, $w_n$) - d(z, $w_a$)", fontsize=FONT_SIZE)
    line.set_ylabel("hinge", fontsize=FONT_SIZE)
    line.set(xlim=(-1.3, 1.3), ylim=(-0.12, max(1.45, 1.45 + margin)))
    line.spines[["top", "right"]].set_visible(False)
    legend_above(figure, 2, *line.get_legend_handles_labels())
    rule = (
        "The margin loss relu(d(z, w_n) - d(z, w_a) + margin) on the sphere and as a line, here "
        f"with margin {margin:g}; dotted are the distances, which d squares"
    )
    return illustrate(figure, rule, *told, short=[rule])


def _point(angle: float | Float[np.ndarray, " n"]) -> Float[np.ndarray, "*n 2"]:
    """On the circle, from degrees."""
    turn = np.radians(angle)
    return np.stack([np.cos(turn), np.sin(turn)], axis=-1)


def _squared(
    angle: float | Float[np.ndarray, " n"], other: float
) -> float | Float[np.ndarray, " n"]:
    return np.square(_point(angle) - _point(other)).sum(axis=-1)


def _gap(angle: float | Float[np.ndarray, " n"]) -> float | Float[np.ndarray, " n"]:
    return _squared(angle, _NORMAL) - _squared(angle, _ANOMALOUS)


def _write(axes: Axes, name: str, place: tuple[float, float] | Float[np.ndarray, " 2"]) -> None:
    axes.annotate(f"${name}$", place, ha="center", va="center", fontsize=FONT_SIZE + 2)
