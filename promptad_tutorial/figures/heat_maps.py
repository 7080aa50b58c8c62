"""Heat maps as files: the map itself as grey values, and the map over the picture."""

from __future__ import annotations

from pathlib import Path, PurePath

import matplotlib
import numpy as np
from jaxtyping import Float
from PIL import Image

from promptad_tutorial.figures.palette import MAP_COLOURS

OPACITY = 0.55  # of the colours over the picture
GREY_LEVELS = 65535  # a map's value v in [0, 1] is the 16-bit grey round(65535 v)


def plain_map(height: Float[np.ndarray, "s s"]) -> Image.Image:
    """The map as a 16-bit grey picture, whose values divided by 65535 are the map's in [0, 1]."""
    return Image.fromarray(np.rint(np.clip(height, 0, 1) * GREY_LEVELS).astype(np.uint16))


def overlay(
    picture: Image.Image, height: Float[np.ndarray, "s s"], limits: tuple[float, float]
) -> Image.Image:
    """The map in colours, dark blue to yellow, over the picture in grey, at the picture's size.

    `limits` (low, high) are the values of the two ends of the colours; what is outside is cut.
    """
    low, high = limits
    share = np.clip((height - low) / max(high - low, 1e-12), 0, 1).astype(np.float32)
    # the map lies over all of `picture`, whatever its shape: of a cropped one that is a square
    fitted = Image.fromarray(share).resize(picture.size, Image.Resampling.BILINEAR)
    colours = matplotlib.colormaps[MAP_COLOURS](np.asarray(fitted))[..., :3] * 255
    grey = np.asarray(picture.convert("L"), dtype=np.float32)[..., None]
    mixed = OPACITY * colours + (1 - OPACITY) * grey
    return Image.fromarray(np.rint(mixed).astype(np.uint8))


def heat_map_path(folder: Path, picture: PurePath) -> Path:
    """Where the heat map of `picture`, a path relative to the pictures' folder, goes.

    Sub-folders and the whole name are kept, so that neither `a/1.png` and `b/1.png` nor `1.png` and
    `1.jpg` meet: `a/1.png` becomes `<folder>/a/1.png.png`.
    """
    return folder / picture.parent / f"{picture.name}.png"


def save_png(image: Image.Image, path: Path) -> None:
    """Write a PNG in one move: a run that is killed leaves no half picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        image.save(part, format="PNG")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
