"""Pictures in a grid, with a title each."""

from __future__ import annotations

import textwrap
from typing import Any

from promptad_tutorial.figures.illustration import Illustration, blank_axes, illustrate
from promptad_tutorial.figures.inputs import as_names, as_pictures
from promptad_tutorial.figures.palette import FONT_SIZE, PICTURE_EXTENT, bare
from promptad_tutorial.figures.wording import counted, listed

_WIDTH = 7.2  # inches


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
