"""Colours that colour-blind readers can tell apart, and outlines that show on any picture."""

from __future__ import annotations

import numpy as np
import seaborn
from jaxtyping import Bool
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Normal, Stroke

_COLOURS = seaborn.color_palette("colorblind").as_hex()
GOOD_COLOUR, ANOMALOUS_COLOUR = _COLOURS[0], _COLOURS[1]  # blue, orange
ANOMALOUS_MARK_COLOUR = "#8a5600"  # the orange, darker: small marks need more contrast
ANOMALOUS_HATCH = "///"  # the second sign of an anomalous picture, beside its colour
GOOD_MARKER, ANOMALOUS_MARKER = "o", "x"
MAP_COLOURS = "cividis"  # from dark blue to yellow, brighter is higher: also right in grey

PICTURE_EXTENT = (0.0, 1.0, 1.0, 0.0)  # left, right, bottom, top: maps of any size lie on it


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
