"""Product lines made of real photographs: scikit-image's brick, grass and gravel (CC0).

Good pieces are crops of the photograph itself; defects are rendered onto it. The left half gives
the training pieces and the right half the test pieces, so no test picture shows a trained pixel.
Nothing of these photographs is used in pretraining.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import map_coordinates

from workshop.minifactory.canvas import Canvas
from workshop.minifactory.kinds import Kind
from workshop.minifactory.surface import Colour, Fault, Surface, plain

PHOTOGRAPHS = ("brick", "grass", "gravel")
WINDOW = 0.40  # side of a crop, as a share of the photograph's side


def photograph(name: str) -> np.ndarray:
    """The grey photograph (512, 512) in [0, 1].

    Raises ValueError for another name, ImportError if scikit-image, which only the building of the
    benchmark needs, is not installed.
    """
    if name not in PHOTOGRAPHS:
        raise ValueError(f"expected one of {PHOTOGRAPHS}, got {name!r}")
    try:
        from skimage import data
    except ImportError as error:
        raise ImportError(
            "the photographs come with scikit-image, which is not installed: "
            "python -m pip install scikit-image"
        ) from error
    return np.asarray(getattr(data, name)(), dtype=np.float32) / 255.0


def kind_of(name: str, side: str) -> Kind:
    """The photograph as a kind of product; `side` is "left" (train) or "right" (test).

    Raises ValueError for another side, and what `photograph` raises.
    """
    if side not in ("left", "right"):
        raise ValueError(f"side must be 'left' or 'right', got {side!r}")
    picture = photograph(name)
    height, width = picture.shape
    first = 0.0 if side == "left" else 0.5

    def build(
        canvas: Canvas,
        colour: Colour,
        style: np.random.Generator,
        instance: np.random.Generator,
        fault: Fault | None = None,
    ) -> Surface:
        half = WINDOW / 2
        across = first + instance.uniform(half, 0.5 - half)
        down = instance.uniform(half, 1.0 - half)
        mirror = 1.0 if instance.random() < 0.5 else -1.0
        columns = (across + mirror * canvas.u * half) * width - 0.5
        rows = (down + canvas.v * half) * height - 0.5
        grey = map_coordinates(picture, [rows, columns], order=1, mode="reflect")
        # the photograph brings its own light and relief: the surface under the defect is flat
        return plain(grey[..., None], canvas.u, gloss=0.05)

    return Kind(name, "texture", build, words=(name,), colours=("grey",), turn=0.0)
