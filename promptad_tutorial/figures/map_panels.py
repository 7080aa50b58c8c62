"""Pictures in a grid, and anomaly maps beside what they are about: image, mask, overlay."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np

from promptad_tutorial.figures.illustration import Illustration, blank_axes, illustrate
from promptad_tutorial.figures.inputs import (
    ArrayLike,
    as_maps,
    as_masks,
    as_names,
    as_numbers,
    as_pictures,
)
from promptad_tutorial.figures.maps import colour_scale, draw_map, inside_outside, told
from promptad_tutorial.figures.palette import FONT_SIZE, PICTURE_EXTENT, bare, colour_bar, outline
from promptad_tutorial.figures.wording import counted, listed, rounded, sentences

_SIDE = 1.6  # inches a panel
_WIDTH = 7.2  # inches of a gallery


def gallery(images: Any, titles: Any = None, columns: int = 5, caption: str = "") -> Illustration:
    """A grid of pictures, row by row, with a title over each.

    `images`: one or many of anything that `images.read_image` takes. `titles`: a text for each.
    `columns`: pictures in a row. `caption`: a sentence that goes before the figure's own.

    Raises ValueError for no pictures, another number of titles, or less than one column.
    """
    pictures = as_pictures(images)
    if columns < 1:
        raise ValueError(f"expected at least 1 column, found {columns}")
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    labels = [] if titles is None else as_names(titles, len(pictures), "titles")
    side = min(_WIDTH / columns, 2.4)
    # letters are about 0.09 inch wide: a title is wrapped to its picture
    lines = [textwrap.fill(label, max(8, int(side / 0.09))) for label in labels]
    high = max((text.count("\n") + 1 for text in lines), default=0)
    size = side * columns, (side + 0.19 * high) * rows
    figure, grid = blank_axes(*size, rows, columns, squeeze=False)
    for axes in grid.flat[len(pictures) :]:
        axes.set_axis_off()
    for number, (axes, picture) in enumerate(zip(grid.flat, pictures, strict=False)):
        axes.imshow(picture, extent=PICTURE_EXTENT)
        bare(axes, picture.shape[0] / picture.shape[1])
        if lines:
            axes.set_title(lines[number], fontsize=FONT_SIZE)
    what = f"{counted(len(pictures), 'picture')} in {counted(rows, 'row')} of {columns}"
    told = f"{what}: {listed(labels, 20)}" if labels else what
    # the titles are over the pictures already: the caption need not repeat them
    return illustrate(figure, caption, told, short=(caption, what))


def panels(
    images: Any,
    masks: ArrayLike = None,
    maps: ArrayLike = None,
    titles: Any = None,
    scores: ArrayLike = None,
    limits: tuple[float, float] | None = None,
    caption: str = "",
) -> Illustration:
    """A row for each picture: the image, its mask, its anomaly map, and the map laid over it.

    `images`: one or many of anything that `images.read_image` takes. For each of them `masks`
    may hold an array (h, w), above 0 where it is anomalous, or None; `maps` an array (h, w) of
    any size; `titles` a text; `scores` its image score. All maps share one colour scale, from
    and to `limits` (default: their smallest and largest value). The overlay shows the mask's
    outline. `caption` is a sentence that goes before the figure's own.

    Raises ValueError for what does not fit together.
    """
    pictures = as_pictures(images)
    count = len(pictures)
    marked = None if masks is None else as_masks(masks, count)
    heights = None if maps is None else as_maps(maps, count)
    names = [""] * count if titles is None else as_names(titles, count, "titles")
    values = [] if scores is None else as_numbers(scores, "scores").tolist()
    if scores is not None and len(values) != count:
        raise ValueError(f"expected {count} scores, one for each picture, found {len(values)}")
    kinds = ["image"] + ["mask"] * (marked is not None)
    kinds += ["anomaly map", "overlay"] * (heights is not None)
    norm = None if heights is None else colour_scale(heights, limits)

    figure, grid = blank_axes(
        _SIDE * len(kinds) + 0.9, _SIDE * count + 0.3, count, len(kinds), squeeze=False
    )
    for row, picture in enumerate(pictures):
        mask = None if marked is None else marked[row]
        for axes, kind in zip(grid[row], kinds, strict=True):
            if row == 0:
                axes.set_title(kind, fontsize=FONT_SIZE)
            if kind == "image":
                axes.imshow(picture, extent=PICTURE_EXTENT)
            elif kind == "mask":
                axes.imshow(mask, extent=PICTURE_EXTENT, cmap="gray", vmin=0, vmax=1)
            elif kind == "overlay":
                draw_map(axes, heights[row], norm, mask, picture)
            else:
                draw_map(axes, heights[row], norm)
            bare(axes, picture.shape[0] / picture.shape[1])
        label = [textwrap.fill(names[row], 18)] if names[row] else []
        label += [f"score {rounded(value)}" for value in values[row : row + 1]]
        grid[row, 0].set_ylabel("\n".join(label), fontsize=FONT_SIZE)
    if norm is not None:
        colour_bar(figure, norm, grid.flat, "anomaly score", aspect=15 * count)

    inside = [inside_outside(m, h) for m, h in zip(marked or [], heights or [], strict=False)]
    found = [pair for pair in inside if pair is not None]
    outlined = heights is not None and any(mask.any() for mask in marked or [])
    short = (
        caption,
        counted(count, "picture") + (f": {listed(kinds)}" if len(kinds) > 1 else ""),
        "The outline on the overlay is the mask" if outlined else "",
        f"On average the map is {told(np.mean(found, axis=0).tolist())}" if found else "",
    )
    rows = []
    for row, name in enumerate(names):
        facts = [f"score {rounded(value)}" for value in values[row : row + 1]]
        facts += [f"map {told(pair)}" for pair in inside[row : row + 1] if pair is not None]
        start = f"Row {row + 1}, {name}" if name else f"Row {row + 1}"
        rows.append(f"{start}: {', '.join(facts)}" if facts else start if name else "")
    return illustrate(figure, sentences(*short), *rows, short=short)


def side_by_side_maps(
    image: Any,
    maps: Mapping[str, ArrayLike],
    mask: ArrayLike = None,
    limits: tuple[float, float] | None = None,
    caption: str = "",
) -> Illustration:
    """One picture and several maps of it in a row, as from plain and from V-V attention.

    `maps`: the map (h, w) of each name. They share one colour scale, from and to `limits`
    (default: their smallest and largest value). `mask` (h, w) is drawn as an outline.

    Raises ValueError for more than one picture, no map, or arrays that are no maps.
    """
    pictures = as_pictures(image)
    if len(pictures) != 1 or not maps:
        raise ValueError(
            f"expected one picture and at least one map, found {counted(len(pictures), 'picture')} "
            f"and {counted(len(maps), 'map')}"
        )
    heights = as_maps(list(maps.values()), len(maps))
    marked = None if mask is None else as_masks([mask], 1)[0]
    norm = colour_scale(heights, limits)
    side = min(2.2, 6.4 / (1 + len(maps)))
    figure, row = blank_axes(side * (1 + len(maps)) + 0.8, side + 0.3, 1, 1 + len(maps))
    row[0].imshow(pictures[0], extent=PICTURE_EXTENT)
    about = f"One picture and {counted(len(maps), 'map')} of it"
    if marked is not None:
        outline(row[0], marked)
        about += ", the mask as an outline"
    facts = []
    for axes, name, height in zip(row[1:], maps, heights, strict=True):
        draw_map(axes, height, norm, marked)
        facts.append(f"{name}: from {rounded(height.min())} to {rounded(height.max())}")
        pair = None if marked is None else inside_outside(marked, height)
        if pair is not None:
            facts[-1] += f", {told(pair)}"
    for axes, name in zip(row, ("image", *maps), strict=True):
        axes.set_title(name, fontsize=FONT_SIZE)
        bare(axes, pictures[0].shape[0] / pictures[0].shape[1])
    colour_bar(figure, norm, row, "anomaly score")
    return illustrate(figure, caption, about, *facts)
