"""From an outline to a solid: rounded edges, domes, holes, and the piece that breaks off."""

from __future__ import annotations

import numpy as np

from workshop.minifactory.canvas import Canvas, Field, inside, smoothstep
from workshop.minifactory.surface import Colour, Surface, tint


def bevel(distance: Field, width: float) -> Field:
    """0 on the edge of a shape, 1 deeper than `width` inside: 1 - (1 - t)^2, a rounded edge."""
    t = np.clip(-distance / np.float32(width), 0.0, 1.0)
    return t * (2.0 - t)


def dome(distance: Field, radius: float) -> Field:
    """The height of a ball or a round bar of `radius`, from the signed distance to its outline."""
    t = np.clip(-distance / np.float32(radius), 0.0, 1.0)
    return np.float32(radius) * np.sqrt(t * (2.0 - t))


def nearest(x: Field, y: Field, points: np.ndarray) -> Field:
    """The distance to the nearest of `points`, shape (n, 2)."""
    px, py = (points[:, axis, None, None].astype(np.float32) for axis in (0, 1))
    return np.sqrt(((x - px) ** 2 + (y - py) ** 2).min(axis=0))


def blob(x: Field, y: Field, generator: np.random.Generator, radius: float) -> Field:
    """A roundish piece with a ragged edge, about `radius` large (approximate signed distance)."""
    angle = np.arctan2(y, x)
    edge = np.ones_like(angle)
    for waves, size in ((2, 0.14), (3, 0.10), (5, 0.08), (9, 0.05)):
        phase = generator.uniform(0, 2 * np.pi)
        edge += np.float32(size) * np.sin(waves * angle + np.float32(phase))
    return np.hypot(x, y) - np.float32(radius) * edge


def break_off(
    surface: Surface, canvas: Canvas, piece: Field, core: Colour, crumbs: Field
) -> Surface:
    """`surface` without the part inside `piece` (signed distance); the fracture shows `core`.

    `crumbs` is a cloud of variance 1 that makes the fracture rough.
    """
    slope = smoothstep(piece + np.float32(0.012) * crumbs, 0.09, 0.0)
    spoilt = surface.copy()
    rough = np.float32(0.010) * crumbs * slope
    spoilt.height = (surface.height * (1.0 - 0.75 * slope) + rough).astype(np.float32)
    grains = np.clip(1.0 + 0.10 * crumbs, 0.6, 1.3)[..., None] * np.asarray(core, np.float32)
    spoilt.albedo = np.clip(tint(surface.albedo, grains, 0.9 * slope), 0.0, 1.0)
    spoilt.gloss = surface.gloss * (1.0 - slope)
    spoilt.cover = surface.cover * (1.0 - inside(piece, canvas.pixel))
    return spoilt
