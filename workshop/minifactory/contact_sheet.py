"""One picture of everything that the factory makes: a row a kind, a column a defect."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from PIL import Image, ImageDraw
from tqdm.auto import tqdm

from workshop.minifactory.catalogue import KINDS, defects_of
from workshop.minifactory.kinds import Kind
from workshop.minifactory.render import render

GAP = 4  # white pixels between two pictures
HEADER = 16  # height of the line of names on top, in pixels
LABELS = 130  # width of the column of names on the left, in pixels


def contact_sheet(
    kinds: Iterable[Kind] | None = None, size: int = 96, style: int = 0, strength: float = 0.8
) -> Image.Image:
    """Every kind (by default all), good and with each of its defects, `size` pixels a picture.

    A place stays white where a kind cannot have that defect, or where it cannot be seen on the look
    number `style`. Raises ValueError for no kinds.
    """
    kinds = tuple(KINDS.values() if kinds is None else kinds)
    if not kinds:
        raise ValueError("a contact sheet needs at least one kind, got none")
    columns = [None, *sorted({name for kind in kinds for name in defects_of(kind)})]
    step = size + GAP
    sheet = Image.new("RGB", (LABELS + len(columns) * step, HEADER + len(kinds) * step), "white")
    pen = ImageDraw.Draw(sheet)
    for column, defect in enumerate(columns):
        pen.text((LABELS + column * step, 2), defect or "good", fill="black")
    for row, kind in enumerate(tqdm(kinds, desc="contact sheet", unit="kind")):
        pen.text((2, HEADER + row * step + size // 2), kind.name, fill="black")
        for column, defect in enumerate(columns):
            picture = _picture(kind, defect, size, style, strength)
            if picture is not None:
                corner = (LABELS + column * step, HEADER + row * step)
                sheet.paste(Image.fromarray(picture), corner)
    return sheet


def _picture(
    kind: Kind, defect: str | None, size: int, style: int, strength: float
) -> np.ndarray | None:
    if defect is not None and defect not in defects_of(kind):
        return None
    try:
        return render(kind, style, 0, size, defect, strength).image
    except ValueError:  # this defect cannot be seen on this look
        return None
