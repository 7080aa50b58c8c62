"""What a detector sees on two pictures, and how its figures scatter over the draws seen so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from promptad_tutorial.figures.illustration import Illustration, blank_figure, illustrate
from promptad_tutorial.figures.inputs import ArrayLike, as_maps, as_masks, as_pictures
from promptad_tutorial.figures.maps import colour_scale, draw_map
from promptad_tutorial.figures.palette import (
    FONT_SIZE,
    GOOD_COLOUR,
    PICTURE_EXTENT,
    bare,
    colour_bar,
    outline,
)
from promptad_tutorial.figures.wording import counted, rounded

_MARKERS = ("o", "s", "^")


def maps_and_spread(
    images: Any,
    masks: ArrayLike,
    maps: ArrayLike,
    titles: Sequence[str],
    measured: Mapping[str, Mapping[int, float]],
    shown: int,
    caption: str = "",
) -> Illustration:
    """Above, pictures with their maps on one colour scale; below, each figure of every seed.

    `images`, `masks`, `maps`, `titles`: one for each picture; the mask is drawn as an outline.
    `measured`: for each figure, as "image AUROC", its value in [0, 1] by seed. `shown` is the seed
    of the maps; its marks are filled. Raises ValueError for a seed that was not measured.
    """
    if not measured or any(shown not in values for values in measured.values()):
        raise ValueError(f"expected figures measured with seed {shown}, found {dict(measured)}")
    pictures = as_pictures(images)
    marked, heights = as_masks(masks, len(pictures)), as_maps(maps, len(pictures))
    norm = colour_scale(heights, None)
    figure = blank_figure(7.4, 3.5)
    grid = figure.add_gridspec(2, 2 * len(pictures), height_ratios=(2.1, 1))
    shaded = [figure.add_subplot(grid[0, i]) for i in range(2 * len(pictures))]
    highs = []
    for i, (title, picture) in enumerate(zip(titles, pictures, strict=True)):
        left, right = shaded[2 * i : 2 * i + 2]
        left.imshow(picture, extent=PICTURE_EXTENT)
        outline(left, marked[i])
        draw_map(right, heights[i], norm, marked[i])
        for axes, name in ((left, title), (right, "its map")):
            axes.set_title(name, fontsize=FONT_SIZE)
            bare(axes, picture.shape[0] / picture.shape[1])
        highs.append(f"The {title} picture's map goes up to {rounded(heights[i].max())}")
    colour_bar(figure, norm, shaded, "anomaly score")
    _strip(figure.add_subplot(grid[1, :]), measured, shown)
    facts = [
        f"{name[:1].upper()}{name[1:]}: {rounded(values[shown])} with seed {shown}, "
        f"{_range(values)}"
        for name, values in measured.items()
    ]
    return illustrate(figure, caption, *highs, *facts)


def _strip(axes: Axes, measured: Mapping[str, Mapping[int, float]], shown: int) -> None:
    for row, values in enumerate(measured.values()):
        marker = _MARKERS[row % len(_MARKERS)]
        for seed, value in values.items():
            face = GOOD_COLOUR if seed == shown else "white"
            style = {"markerfacecolor": face, "markeredgecolor": GOOD_COLOUR, "markersize": 9}
            axes.plot([value], [row], marker, alpha=0.85, **style)
    lowest = min(min(values.values()) for values in measured.values())
    axes.set(xlim=(min(0.45, lowest - 0.03), 1.01), ylim=(len(measured) - 0.5, -0.5))
    axes.set_yticks(range(len(measured)), list(measured))
    axes.grid(axis="x", color="0.85")
    axes.set_xlabel("filled: the seed above; hollow: the others seen so far")


def _range(values: Mapping[int, float]) -> str:
    found = list(values.values())
    if len(found) == 1:
        return "the only seed so far"
    low, high = rounded(min(found)), rounded(max(found))
    return f"{low} to {high} over {counted(len(found), 'seed')}, mean {rounded(np.mean(found))}"
