"""Anomaly maps beside what they are about: image, mask, map and overlay."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np

from promptad_tutorial.figures.illustration import Illustration, blank_figure
from promptad_tutorial.figures.inputs import (
    ArrayLike,
    as_maps,
    as_masks,
    as_names,
    as_numbers,
    as_pictures,
)
from promptad_tutorial.figures.maps import colour_scale, draw_map, inside_outside
from promptad_tutorial.figures.palette import FONT_SIZE, PICTURE_EXTENT, bare, colour_bar, outline
from promptad_tutorial.figures.wording import counted, listed, rounded, sentences

_SIDE = 1.6  # inches a panel


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
    values = None if scores is None else as_numbers(scores, "scores")
    if values is not None and len(values) != count:
        raise ValueError(f"expected {count} scores, one for each picture, found {len(values)}")
    kinds = ["image"] + ["mask"] * (marked is not None)
    kinds += ["anomaly map", "overlay"] * (heights is not None)
    norm = None if heights is None else colour_scale(heights, limits)

    figure = blank_figure(_SIDE * len(kinds) + 0.9, _SIDE * count + 0.3)
    grid = figure.subplots(count, len(kinds), squeeze=False)
    for row, picture in enumerate(pictures):
        mask = None if marked is None else marked[row]
        for axes, kind in zip(grid[row], kinds, strict=True):
            if row == 0:
                axes.set_title(kind, fontsize=FONT_SIZE)
            if kind == "image":
                axes.imshow(picture, extent=PICTURE_EXTENT)
            elif kind == "mask" and mask is not None:
                axes.imshow(mask, extent=PICTURE_EXTENT, cmap="gray", vmin=0, vmax=1)
            elif heights is not None and norm is not None:
                under = picture if kind == "overlay" else None
                draw_map(axes, heights[row], norm, under, mask)
            bare(axes, picture.shape[0] / picture.shape[1])
        label = [textwrap.fill(names[row], 18)] if names[row] else []
        label += [] if values is None else [f"score {rounded(values[row])}"]
        grid[row, 0].set_ylabel("\n".join(label), fontsize=FONT_SIZE)
    if norm is not None:
        colour_bar(figure, norm, grid.flat, "anomaly score", aspect=15 * count)

    inside = [inside_outside(m, h) for m, h in zip(marked or [], heights or [], strict=False)]
    short = sentences(
        caption,
        counted(count, "picture") + (f": {listed(kinds)}" if len(kinds) > 1 else ""),
        "The outline on the overlay is the mask"
        if heights is not None and any(mask.any() for mask in marked or [])
        else "",
        _average([pair for pair in inside if pair is not None]),
    )
    rows = [
        _describe_row(
            row,
            names[row],
            None if values is None else float(values[row]),
            inside[row] if inside else None,
        )
        for row in range(count)
    ]
    return Illustration(figure, sentences(short, *rows), short)


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
    heights = dict(zip(maps, as_maps(list(maps.values()), len(maps)), strict=True))
    marked = None if mask is None else as_masks([mask], 1)[0]
    norm = colour_scale(list(heights.values()), limits)
    side = min(2.2, 6.4 / (1 + len(heights)))
    figure = blank_figure(side * (1 + len(heights)) + 0.8, side + 0.3)
    row = figure.subplots(1, 1 + len(heights))
    row[0].imshow(pictures[0], extent=PICTURE_EXTENT)
    row[0].set_title("image", fontsize=FONT_SIZE)
    if marked is not None:
        outline(row[0], marked)
    facts = []
    for axes, (name, height) in zip(row[1:], heights.items(), strict=True):
        draw_map(axes, height, norm, None, marked, outlined=True)
        axes.set_title(name, fontsize=FONT_SIZE)
        pair = None if marked is None else inside_outside(marked, height)
        low, high = rounded(height.min()), rounded(height.max())
        fact = f"from {low} to {high}"
        if pair is not None:
            fact += f", {rounded(pair[0])} inside the mask and {rounded(pair[1])} outside"
        facts.append(f"{name}: {fact}")
    for axes in row:
        bare(axes, pictures[0].shape[0] / pictures[0].shape[1])
    colour_bar(figure, norm, row, "anomaly score")
    about = f"One picture and {counted(len(heights), 'map')} of it"
    about += ", the mask as an outline" if marked is not None else ""
    return Illustration(figure, sentences(caption, about, *facts))


def _average(pairs: list[tuple[float, float]]) -> str:
    if not pairs:
        return ""
    inside, outside = np.mean(pairs, axis=0)
    return f"On average the map is {rounded(inside)} inside the mask and {rounded(outside)} outside"


def _describe_row(
    row: int, name: str, score: float | None, pair: tuple[float, float] | None
) -> str:
    facts = [] if score is None else [f"score {rounded(score)}"]
    if pair is not None:
        facts.append(f"map {rounded(pair[0])} inside the mask and {rounded(pair[1])} outside")
    words = ", ".join(facts)
    if not words and not name:
        return ""
    return f"Row {row + 1}{f', {name}' if name else ''}{f': {words}' if words else ''}"
