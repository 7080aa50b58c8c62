"""What all figures share: colours that colour-blind readers can tell apart, how good and anomalous
pictures are drawn, the scale and the legend, and outlines that show on any picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import cycle
from typing import Any

import numpy as np
import seaborn
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Normal, Stroke

_COLOURS = seaborn.color_palette("colorblind").as_hex()
GOOD_COLOUR, ANOMALOUS_COLOUR = _COLOURS[0], _COLOURS[1]  # blue, orange
ANOMALOUS_MARK_COLOUR = "#8a5600"  # the orange, darker: small marks need more contrast
CLASSES = (("good", "o", GOOD_COLOUR), ("anomalous", "x", ANOMALOUS_MARK_COLOUR))  # labels 0, 1
SHADES = ("#0173b2", "#d55e00", "#029e73", "#a23b80")  # of several lines in one figure
MAP_COLOURS = "cividis"  # from dark blue to yellow, brighter is higher: also right in grey

FONT_SIZE = 10  # points; nothing in a figure is smaller
LETTER = 0.085  # inches a letter of a name takes
PICTURE_EXTENT = (0.0, 1.0, 1.0, 0.0)  # left, right, bottom, top: maps of any size lie on it


def line_styles() -> Iterator[dict[str, str]]:
    """Dash and colour of one line after the other, without end; neither comes alone."""
    for dash, shade in zip(cycle(("-", "--", ":", "-.")), cycle(SHADES), strict=True):
        yield {"linestyle": dash, "color": shade}


def mark_classes(
    axes: Axes,
    x: Float[np.ndarray, " n"],
    y: Float[np.ndarray, " n"],
    anomalous: Bool[np.ndarray, " n"],
    **style: Any,
) -> None:
    """Good and anomalous pictures as points, each class in its own marker, colour and label."""
    for label, (name, marker, colour) in enumerate(CLASSES):
        chosen = anomalous == label
        axes.plot(x[chosen], y[chosen], marker, **({"color": colour, "label": name} | style))


def class_histogram(
    axes: Axes,
    scores: Float[np.ndarray, " n"],
    anomalous: Bool[np.ndarray, " n"],
    edges: Float[np.ndarray, " bins"],
) -> None:
    """How many pictures of each class score between two edges: filled, and hatched over it."""
    good = {"facecolor": GOOD_COLOUR, "alpha": 0.75, "edgecolor": "white"}
    bad = {"facecolor": (0, 0, 0, 0), "edgecolor": ANOMALOUS_COLOUR, "linewidth": 1.5}
    bad |= {"hatch": "///", "histtype": "stepfilled"}  # a second sign, beside the colour
    axes.hist(scores[~anomalous], edges, label="good", **good)
    axes.hist(scores[anomalous], edges, label="anomalous", **bad)
    axes.set(xlabel="image score", ylabel="pictures", xlim=(edges[0], edges[-1]))


def legend_above(figure: Figure, columns: int, *shown: Any) -> None:
    """One legend for all axes, above them; of the handles and labels `shown`, or of all."""
    how = {"ncols": columns, "fontsize": FONT_SIZE, "frameon": False}
    figure.legend(*shown, loc="outside upper center", **how)


def colour_bar(
    figure: Figure, norm: Normalize, axes: Iterable[Axes], label: str, **how: Any
) -> None:
    """The scale of the maps on `axes`, beside them."""
    bar = figure.colorbar(ScalarMappable(norm, MAP_COLOURS), ax=list(axes), shrink=0.8, **how)
    bar.set_label(label, fontsize=FONT_SIZE)


def bare(axes: Axes, aspect: float = 1.0) -> None:
    """Axes for a picture: no ticks, and `aspect` = height / width of what is shown.

    Comes after everything that is drawn: matplotlib's imshow sets the aspect anew.
    """
    axes.set(xticks=[], yticks=[], xlim=(0, 1), ylim=(1, 0))
    axes.set_aspect(aspect)


def outline(axes: Axes, mask: Bool[np.ndarray, "h w"]) -> None:
    """The border of a mask as a white line between black ones."""
    if mask.any() and min(mask.shape) > 1:
        # a border of zeros closes the line where the mask touches the picture's edge
        padded = np.pad(mask.astype(float), 1)
        y = (np.arange(-1, mask.shape[0] + 1) + 0.5) / mask.shape[0]
        x = (np.arange(-1, mask.shape[1] + 1) + 0.5) / mask.shape[1]
        lines = axes.contour(x, y, padded, levels=[0.5], colors="white", linewidths=1.2)
        lines.set_path_effects([Stroke(linewidth=3, foreground="black"), Normal()])


def frame_patch(axes: Axes, grid: tuple[int, int], patch: tuple[int, int]) -> None:
    """A frame around one patch (row, column) of a grid of (rows, columns)."""
    (rows, columns), (row, column) = grid, patch
    frame = Rectangle((column / columns, row / rows), 1 / columns, 1 / rows, fill=False)
    frame.set(edgecolor="white", linewidth=1.5, zorder=5)
    frame.set_path_effects([Stroke(linewidth=3.5, foreground="black"), Normal()])
    axes.add_patch(frame)
