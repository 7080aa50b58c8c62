"""Tables of a benchmark as pictures: dots with intervals, and the spread from seed to seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from promptad_tutorial.figures.illustration import Illustration, blank_axes, illustrate
from promptad_tutorial.figures.inputs import ArrayLike, as_names, as_numbers
from promptad_tutorial.figures.palette import (
    ANOMALOUS_MARK_COLOUR,
    FONT_SIZE,
    GOOD_COLOUR,
    LETTER,
    legend_above,
)
from promptad_tutorial.figures.wording import counted, listed, rounded

_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")  # a seed has the same one in every row


def intervals(
    names: Sequence[str],
    values: ArrayLike,
    lows: ArrayLike,
    highs: ArrayLike,
    axis: str,
    reference: float | None = 0.0,
    signed: bool = True,
    labels: tuple[str, str] = ("mean", "95 % interval"),
    caption: str = "",
) -> Illustration:
    """A row for each name: a dot at its value and a bar from low to high.

    `labels` say what dot and bar are; the dot need not lie in the bar. `reference` is drawn as a
    line. `signed` numbers have a plus or minus. Raises ValueError for lengths that differ, and for
    a low above its high.
    """
    dots, left, right = map(as_numbers, (values, lows, highs), ("values", "lows", "highs"))
    rows = as_names(names, len(dots), "names")
    if not len(dots) == len(left) == len(right) or (left > right).any():
        raise ValueError(
            f"expected one low and one high for each value, low at most high, found {len(dots)} "
            f"values, {len(left)} lows and {len(right)} highs"
        )
    figure, axes = _rows(rows, axis)
    places = np.arange(len(rows))
    axes.hlines(places, left, right, color=GOOD_COLOUR, linewidth=2.5, label=labels[1])
    axes.plot(dots, places, "o", color="black", markersize=6, label=labels[0])
    for ends in (left, right):  # also where low and high are one, under or beside the dot
        axes.plot(ends, places, "|", color=GOOD_COLOUR, markersize=13, markeredgewidth=2)
    if reference is not None:
        axes.axvline(reference, color="black", linestyle=":", linewidth=1)
    legend_above(figure, 4)

    def number(x: float) -> str:
        text = rounded(x, 1)
        return f"+{text}" if signed and not text.startswith("-") else text

    told = [
        f"{row} {number(value)} ({number(low)} to {number(high)})"
        for row, value, low, high in zip(rows, dots, left, right, strict=True)
    ]
    what = f"{axis}: {labels[0]} ({labels[1]}) of {counted(len(rows), 'row')}"
    return illustrate(figure, caption, f"{what}: {listed(told, 20)}", short=(caption, what))


def seed_dots(
    values: Mapping[str, Sequence[float]],
    axis: str,
    reference: float | None = None,
    reference_name: str = "zero-shot",
    caption: str = "",
) -> Illustration:
    """A row for each name with one mark for each seed; the same seed has the same mark everywhere.

    `reference` is drawn as a line. Raises ValueError for no name, or a name without a seed.
    """
    if not values or not all(len(each) for each in values.values()):
        raise ValueError(f"expected at least one value for each name, found {dict(values)}")
    figure, axes = _rows(list(values), axis)
    most = max(map(len, values.values()))
    for seed in range(most):
        here = [(v[seed], i) for i, v in enumerate(values.values()) if seed < len(v)]
        marker = _MARKERS[seed % len(_MARKERS)]
        style = {"color": GOOD_COLOUR, "markeredgecolor": "white", "markersize": 8}
        axes.plot(*zip(*here, strict=True), marker, label=f"seed {seed}", **style)
    across = ""
    if reference is not None:
        level = f"{reference_name} {rounded(reference, 0)}"
        axes.axvline(reference, color=ANOMALOUS_MARK_COLOUR, linestyle="--", label=level)
        across = f"The line across is {level}"
    legend_above(figure, 4)
    told = [f"{row} {rounded(min(v), 0)} to {rounded(max(v), 0)}" for row, v in values.items()]
    what = f"{axis} of {counted(most, 'seed')}"
    ranges = f"{what}, lowest to highest: {listed(told, 20)}"
    return illustrate(figure, caption, ranges, across, short=(caption, what, across))


def _rows(names: Sequence[str], axis: str) -> tuple[Figure, Axes]:
    """Axes with a row for each name, the first on top."""
    width = min(7.4, 4.6 + LETTER * max(map(len, names)))
    figure, axes = blank_axes(width, 1.1 + 0.3 * len(names))
    axes.set_yticks(range(len(names)), names, fontsize=FONT_SIZE)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(axis="x", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel(axis, fontsize=FONT_SIZE)
    return figure, axes
