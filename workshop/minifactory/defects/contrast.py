"""Colours by which a defect can be told from the product, whatever colour the product has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workshop.minifactory.canvas import Canvas
from workshop.minifactory.surface import Colour, Surface


def local_colour(
    surface: Surface, canvas: Canvas, centre: tuple[float, float], reach: float = 0.15
) -> Colour:
    """The product's mean colour within about `reach` (canvas units) of `centre`, shape (3,)."""
    far = (canvas.u - np.float32(centre[0])) ** 2 + (canvas.v - np.float32(centre[1])) ** 2
    weight = np.exp(-far / np.float32(2 * reach**2)) * surface.cover + np.float32(1e-9)
    return np.einsum("yx,yxc->c", weight, surface.albedo) / weight.sum()


def brighter(colour: Colour, change: float) -> Colour:
    """`colour`, `change` brighter (darker where negative); the other way if there is no room."""
    now = float(colour.mean())
    aim = now + change
    if not 0.02 <= aim <= 0.97:
        aim = float(np.clip(now - change, 0.02, 0.97))
    if aim <= now:
        return (colour * (aim / max(now, 1e-6))).astype(np.float32)
    return (colour + (1.0 - colour) * ((aim - now) / (1.0 - now))).astype(np.float32)


def pigment(
    generator: np.random.Generator,
    choices: Sequence[tuple[float, float, float]],
    local: Colour,
    least: float,
) -> Colour:
    """One of `choices` at random that differs from `local` by `least` or more in some channel.

    The one that differs most, if none is as far away. No two draws are quite the same colour.
    """
    colours = np.asarray(choices, dtype=np.float32)
    order = generator.permutation(len(colours))
    off = generator.uniform(-0.03, 0.03, 3)
    gap = np.abs(colours - local).max(axis=1)
    far = [i for i in order if gap[i] >= least]
    chosen = far[0] if far else int(np.argmax(gap))
    return np.clip(colours[chosen] + off, 0.01, 0.97).astype(np.float32)


def darkness(colour: Colour) -> float:
    """1 for black, 0 from a brightness of 0.45 up: how little shading alone can show there."""
    return float(np.clip(1.0 - colour.mean() / 0.45, 0.0, 1.0))
