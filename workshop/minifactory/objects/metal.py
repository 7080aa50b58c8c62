"""What machined parts share: how bare metal looks, and how it bends and breaks."""

from __future__ import annotations

import numpy as np

from workshop.minifactory.canvas import Canvas, Field, moved, smoothstep
from workshop.minifactory.noise import fractal
from workshop.minifactory.surface import Fault, Surface


def amount(fault: Fault | None, name: str) -> float:
    """The strength of `fault` if it is the one called `name`, else 0."""
    return fault.strength if fault is not None and fault.name == name else 0.0


def laid(canvas: Canvas, style: np.random.Generator) -> tuple[Field, Field]:
    """Coordinates along and across a long part: every product line has its own direction."""
    return moved(canvas.x, canvas.y, (0.0, 0.0), angle=style.uniform(0, 2 * np.pi))


def finished(albedo: np.ndarray, height: Field, gloss: Field | float, cover: Field) -> Surface:
    """A surface from its layers, as float32 and with colours in [0, 1]; `gloss` may be a number."""
    return Surface(
        np.clip(albedo, 0.0, 1.0).astype(np.float32),
        np.asarray(height, dtype=np.float32),
        np.broadcast_to(np.asarray(gloss, dtype=np.float32), cover.shape).copy(),
        np.asarray(cover, dtype=np.float32),
    )


def wear(
    instance: np.random.Generator,
    canvas: Canvas,
    stretch: tuple[float, float] = (1.0, 1.0),
    angle: float = 0.0,
    depth: float = 0.04,
) -> Field:
    """Brightness of used metal, about 1: fine tool marks along `stretch`, and cloudy stains."""
    marks = fractal(instance, canvas, roughness=0.5, coarsest=10, stretch=stretch, angle=angle)
    stains = fractal(instance, canvas, roughness=1.4, coarsest=2, finest=24)
    return 1.0 + depth * (marks + stains)


def bevel(distance: Field, width: float, drop: float) -> Field:
    """Height of a broken edge: 0 deep inside the shape, `-drop` at its outline and beyond."""
    return -drop * smoothstep(distance, -width, 0.0)


def round_sheen(across: Field, offset: float) -> Field:
    """Reflections along a cylinder, about 0.9: bright and dark bands at `across` in [-1, 1]."""
    across = np.clip(across, -1.0, 1.0)
    glint = np.exp(-np.square((across - offset) / 0.22))
    return 0.78 + 0.5 * glint - 0.25 * np.square(across) + 0.12 * np.cos(7.0 * (across - offset))


def turned_sheen(canvas: Canvas, x: Field, y: Field, facing: float, depth: float) -> Field:
    """Light on a face cut on a lathe, about 1: two opposite bright fans that stay in place."""
    azimuth = np.arctan2(y, x) + (canvas.angle - facing)
    return 1.0 + depth * (np.cos(azimuth) ** 4 * 1.6 - 0.5 + 0.25 * np.cos(5 * azimuth + 1.0))


def bent(x: Field, y: Field, start: float, angle: float, radius: float) -> tuple[Field, Field]:
    """Coordinates (along, across) of a bar that follows the x axis up to `start`, then an arc.

    The bar turns by `angle` radians (the sign says to which side) on a circle of `radius`, and goes
    straight on after it. A builder that draws a straight bar in these coordinates draws it bent.
    """
    side, turn = np.float32(np.sign(angle) or 1.0), abs(angle)
    px, py = x - np.float32(start), side * y - np.float32(radius)  # from the centre of the circle
    swept = np.arctan2(px, -py)
    cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    before, after = swept <= 0, swept >= turn
    along = np.where(after, radius * turn + cos * px + sin * py, radius * swept)
    across = np.where(after, radius + cos * py - sin * px, radius - np.hypot(px, py))
    return np.where(before, x, start + along), side * np.where(before, side * y, across)


def jagged(generator: np.random.Generator, along: Field, size: float = 0.02) -> Field:
    """A torn edge: how far it sticks out, within about +-`size`, along its length."""
    waves = zip(generator.uniform(12, 70, 4), generator.uniform(0, 6.3, 4), strict=True)
    return np.float32(size / 2) * sum(np.sin(f * along + p) for f, p in waves)
