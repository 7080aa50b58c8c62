"""A figure that says in words what it shows: one bundle of a picture and its alt text.

Pictures differ by a pixel between two machines, words do not: strict nbval compares the alt text
and overlooks the PNG beside it. So the alt text holds the figure's key numbers, in few digits.
"""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from promptad_tutorial.figures.fonts import families, letters_wide, make_readable, readable
from promptad_tutorial.figures.palette import FONT_SIZE
from promptad_tutorial.figures.wording import sentences

DPI = 100  # pixels an inch: 7 inches are as wide as a notebook's column
_LINE = 1.35 * FONT_SIZE / 72  # inches from one line of a caption to the next
_TOP = 0.08  # inches left free at the top: the layout may let a title stick out by two pixels
_LETTER = 0.57 * FONT_SIZE / 72  # inches a letter takes, with room to spare
LARGE = 150_000  # bytes of a PNG beyond which a palette is worth its small loss


def blank_figure(width: float, height: float) -> Figure:
    """A white figure of `width` x `height` inches, drawn off screen: pyplot knows nothing of it.

    Its axes make room for their labels by themselves (matplotlib's constrained layout).
    """
    return Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor="white")


def blank_axes(
    width: float, height: float, rows: int = 1, columns: int = 1, **how: Any
) -> tuple[Figure, Any]:
    """A `blank_figure`, and its axes as matplotlib's `subplots` makes them."""
    figure = blank_figure(width, height)
    return figure, figure.subplots(rows, columns, **how)


@dataclass(frozen=True, eq=False, repr=False)
class Illustration:
    """A figure, its description in words, and the caption that is drawn under it.

    It takes the figure over: the figure grows by the height of its caption. As the last value of
    a notebook cell it is shown. Raises ValueError for an empty alt text.
    """

    figure: Figure  # drawn off screen, see `blank_figure`
    alt: str  # what the figure shows, with its key numbers in few digits
    caption: str = ""  # drawn under the axes; the alt text if empty

    def __post_init__(self) -> None:
        if not self.alt.strip():
            raise ValueError("expected an alt text that says what the figure shows, found none")
        object.__setattr__(self, "caption", self.caption.strip() or self.alt)
        make_readable(self.figure)
        _draw_caption(self.figure, self.caption)

    def __repr__(self) -> str:
        return self.alt

    @cached_property
    def png(self) -> bytes:
        """The picture as a PNG file."""
        canvas = FigureCanvasAgg(self.figure)
        canvas.draw()
        return encode_png(Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"))

    def save(self, path: str | Path) -> None:
        """Write the picture to `path`, which ends in .png; ValueError if it does not."""
        path = Path(path)
        if path.suffix.lower() != ".png":
            raise ValueError(f"expected a file name that ends in .png, found {path.name!r}")
        path.write_bytes(self.png)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """The one output of a notebook cell: the picture, and the alt text beside it."""
        return {"image/png": base64.b64encode(self.png).decode("ascii"), "text/plain": self.alt}


def illustrate(figure: Figure, *facts: str, short: Sequence[str] = ()) -> Illustration:
    """The figure with these sentences as its alt text, and the `short` ones as its caption."""
    return Illustration(figure, sentences(*facts), sentences(*short))


def encode_png(picture: Image.Image) -> bytes:
    """An RGB picture as a PNG file; one that would be large gets a palette of 256 colours."""
    file = BytesIO()
    picture.save(file, format="png")
    if file.tell() > LARGE:
        # of Pillow's ways to choose a palette the one with the smallest largest error: it keeps
        # the ends of a map's scale, and one round of k-means keeps smooth maps smooth
        how = {"method": Image.Quantize.MAXCOVERAGE, "kmeans": 1, "dither": Image.Dither.NONE}
        file = BytesIO()
        picture.quantize(256, **how).save(file, format="png")
    return file.getvalue()


def caption_height(caption: str, width: int) -> int:
    """Pixels at the bottom of a picture, `width` pixels wide, that `caption` is drawn in."""
    return round(_wrapped(caption, width / DPI)[1] * DPI)


def _wrapped(caption: str, width: float) -> tuple[list[str], float]:
    """The lines of a caption, and their height in inches."""
    caption = readable(caption)
    letters = max(10, int((width - 0.2) / (_LETTER * letters_wide(caption))))
    lines = textwrap.wrap(caption, letters)
    return lines, len(lines) * _LINE + 0.15


def _draw_caption(figure: Figure, caption: str) -> None:
    width, height = figure.get_size_inches()
    lines, room = _wrapped(caption, width)
    total = height + room + _TOP
    figure.set_size_inches(width, total)
    # the rest of the figure is for the axes and their labels
    figure.set_layout_engine("constrained", rect=(0, room / total, 1, height / total))
    place = {"va": "bottom", "ha": "left", "fontfamily": list(families())}
    figure.text(0.1 / width, 0.08 / total, "\n".join(lines), fontsize=FONT_SIZE, **place)
