"""Surfaces cut from real photographs, for pretraining: what damage looks like on unfamiliar things.

The photographs are those of scikit-image's that are CC0 or in the public domain. The benchmark's
(`photographs.PHOTOGRAPHS`) are never among them. They have no name: captions call them a thing.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.ndimage import map_coordinates

from workshop.minifactory.canvas import Canvas
from workshop.minifactory.kinds import Kind
from workshop.minifactory.surface import Colour, Fault, Surface, plain

SOURCES = (
    "astronaut", "camera", "cell", "chelsea", "clock", "coffee", "hubble_deep_field", "retina",
    "rocket", "text",
)  # fmt: skip


@cache
def source(name: str) -> np.ndarray:
    """A photograph as (height, width, 3) in [0, 1]."""
    from skimage import data

    picture = np.asarray(getattr(data, name)(), dtype=np.float32) / 255.0
    return picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=-1)


def found_surface(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """A window of a photograph, in other colours; pieces of one style lie near each other in it."""
    picture = source(str(style.choice(SOURCES)))
    height, width = picture.shape[:2]
    side = min(height, width)
    half = style.uniform(0.08, 0.28) * side
    gain = (
        style.uniform(0.6, 1.3, 3) if style.random() < 0.7 else np.full(3, style.uniform(0.6, 1.3))
    )
    centre = style.uniform(0.3, 0.7, 2) * (height, width)
    row, column = centre + instance.uniform(-0.25, 0.25, 2) * half
    where = [row + canvas.y * half, column + canvas.x * half]
    layers = [
        map_coordinates(picture[..., c], where, order=1, mode="reflect") * gain[c] for c in range(3)
    ]
    # the photograph brings its own light and relief: the surface under the defect is flat
    return plain(np.clip(np.stack(layers, axis=-1), 0.0, 1.0), canvas.u, gloss=0.1)


FOUND_SURFACE = Kind(
    "found surface",
    "texture",
    found_surface,
    words=("found surface",),
    colours=("grey",),
    turn=float(np.pi),
)
