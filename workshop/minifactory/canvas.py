"""Where things are drawn: a square with coordinates, whatever the number of pixels.

Every length in the minifactory is in these units (the picture is 2 wide, from -1 to 1), so the same
seed gives the same product at 96 px and at 240 px.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.floating]  # one number per pixel, shape (size, size)


@dataclass(frozen=True)
class Canvas:
    """A square of `size` x `size` pixels, and the pose of what is drawn on it.

    `u`, `v` are the picture's own coordinates in [-1, 1] (u to the right, v downwards).
    `x`, `y` are the product's: the pose is taken out, so a product is always drawn upright at the
    origin and still appears shifted, turned and scaled.
    """

    size: int  # pixels along one side
    angle: float = 0.0  # how far the product is turned, in radians
    shift: tuple[float, float] = (0.0, 0.0)  # where its centre lies, in picture units
    scale: float = 1.0  # how large it appears

    def __post_init__(self) -> None:
        if self.size < 16:
            raise ValueError(f"a canvas needs at least 16 pixels a side, got {self.size}")
        if self.scale <= 0:
            raise ValueError(f"scale must be positive, got {self.scale}")

    @property
    def pixel(self) -> float:
        """The width of one pixel in the product's units: the width of an anti-aliased edge."""
        return 2.0 / self.size / self.scale

    @cached_property
    def u(self) -> Field:
        line = (np.arange(self.size, dtype=np.float32) + 0.5) * (2.0 / self.size) - 1.0
        return np.broadcast_to(line[None, :], (self.size, self.size))

    @cached_property
    def v(self) -> Field:
        return self.u.T

    @cached_property
    def x(self) -> Field:
        return place(self, self.shift, self.angle, self.scale)[0]

    @cached_property
    def y(self) -> Field:
        return place(self, self.shift, self.angle, self.scale)[1]


def place(
    canvas: Canvas, centre: tuple[float, float], angle: float = 0.0, scale: float = 1.0
) -> tuple[Field, Field]:
    """Picture coordinates seen from something that lies at `centre`, turned and scaled."""
    return moved(canvas.u, canvas.v, centre, angle, scale)


def moved(
    x: Field, y: Field, centre: tuple[float, float], angle: float = 0.0, scale: float = 1.0
) -> tuple[Field, Field]:
    """Local coordinates of a part at `centre` of the coordinates (x, y), turned by `angle`."""
    dx, dy = x - np.float32(centre[0]), y - np.float32(centre[1])
    cos, sin = np.float32(np.cos(angle) / scale), np.float32(np.sin(angle) / scale)
    return cos * dx + sin * dy, cos * dy - sin * dx


def inside(distance: Field, pixel: float) -> Field:
    """Coverage in [0, 1] of a shape, given its signed distance (negative inside): a soft edge."""
    return np.clip(0.5 - distance / np.float32(pixel), 0.0, 1.0)


def smoothstep(value: Field, low: float | Field, high: float | Field) -> Field:
    """0 below `low`, 1 above `high`, and 3t^2 - 2t^3 between; `low` > `high` runs downhill."""
    t = np.clip((value - np.float32(low)) / np.float32(high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)
