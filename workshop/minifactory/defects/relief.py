"""Defects of shape without a break: dent, fold and bubble. The light shows them, not the colour.

On black, dull products shading alone can hardly be seen, so there the surface is also polished a
little: what was pressed or stretched shines.
"""

from __future__ import annotations

import numpy as np

from workshop.minifactory.canvas import Canvas, moved, place, smoothstep
from workshop.minifactory.defects.contrast import brighter, darkness, local_colour
from workshop.minifactory.defects.placing import blob, log_uniform, spot, window
from workshop.minifactory.surface import Colour, Surface, tint


def _polish(surface: Surface, local: Colour, alpha: np.ndarray) -> np.ndarray:
    """The gloss, raised towards 0.55 where `alpha` is 1 and the product is dark."""
    least = np.float32(0.55 * min(1.0, 1.5 * darkness(local)))
    return surface.gloss + np.maximum(least - surface.gloss, 0.0) * alpha


def dent(
    surface: Surface, canvas: Canvas, generator: np.random.Generator, strength: float
) -> Surface:
    """A smooth hollow with a raised rim, round or drawn out, at times with a second knock."""
    centre = spot(surface, canvas, generator)
    local = local_colour(surface, canvas, centre)
    pushed, pressed = np.zeros_like(surface.cover), np.zeros_like(surface.cover)
    radius = log_uniform(generator, 0.09, 0.21)
    knocks = 1 if generator.random() < 0.75 else 2
    for _ in range(knocks):
        here = tuple(np.asarray(centre) + generator.normal(0, 0.5, 2) * radius * (knocks - 1))
        deep = radius * generator.uniform(0.55, 0.9) * (1.0 + 0.6 * darkness(local))
        sharp = generator.uniform(0.5, 1.0)  # 1: a bowl; less: a flat floor with steep walls
        distance = blob(canvas.u, canvas.v, generator, here, radius, irregular=0.22, stretch=3.0)
        bowl = smoothstep(distance, 0.15 * radius, -sharp * radius)
        lip = np.exp(-(((distance - 0.2 * radius) / np.float32(0.22 * radius)) ** 2))
        pushed += np.float32(deep) * (0.18 * lip - bowl)
        pressed = np.maximum(pressed, np.maximum(bowl, 0.8 * lip))
        radius *= generator.uniform(0.4, 0.8)
    marked = surface.copy()
    amount = np.float32(strength**0.8) * surface.cover
    marked.height = surface.height + amount * pushed
    marked.gloss = _polish(surface, local, amount * pressed)
    return marked


def fold(
    surface: Surface, canvas: Canvas, generator: np.random.Generator, strength: float
) -> Surface:
    """One to three straight creases: a sharp side and a soft side, worn along the crest."""
    centre = spot(surface, canvas, generator)
    local = local_colour(surface, canvas, centre)
    angle = generator.uniform(0, np.pi)
    raised, worn = np.zeros_like(surface.cover), np.zeros_like(surface.cover)
    for number in range(int(generator.choice([1, 1, 1, 2, 3]))):
        where = np.asarray(centre) + (number > 0) * generator.normal(0, 0.1, 2)
        tilt = angle + (number > 0) * generator.normal(0, 0.5)
        x, y = place(canvas, tuple(where), tilt)
        half = log_uniform(generator, 0.28, 0.75)
        sharp, soft = generator.uniform(0.02, 0.035), generator.uniform(0.05, 0.11)
        high = generator.choice([-1.0, 1.0]) * generator.uniform(0.045, 0.075)
        y = y + np.float32(generator.uniform(-0.08, 0.08)) * x * x  # no crease is dead straight
        ends = smoothstep(np.abs(x), half, 0.55 * half)
        across = np.exp(-(np.abs(y / np.where(y > 0, sharp, soft).astype(np.float32)) ** 1.4))
        raised += np.float32(high * (1.0 + 0.6 * darkness(local))) * across * ends
        worn = np.maximum(worn, ends * np.exp(-((y / np.float32(0.012)) ** 2)))
    wear = generator.uniform(0.1, 0.45)
    change = generator.choice([0.22, 0.22, -0.18])
    marked = surface.copy()
    amount = np.float32(strength**0.8) * surface.cover
    marked.height = surface.height + amount * raised
    marked.gloss = _polish(surface, local, amount * np.clip(np.abs(raised) / 0.03, 0, 1))
    marked.albedo = tint(surface.albedo, brighter(local, change), np.float32(wear) * amount * worn)
    return marked


def bubble(
    surface: Surface, canvas: Canvas, generator: np.random.Generator, strength: float
) -> Surface:
    """A cluster of small blisters under the skin, or of pinholes where they have burst."""
    centre = spot(surface, canvas, generator)
    local = local_colour(surface, canvas, centre)
    burst = generator.random() < 0.4
    count = int(generator.integers(3, 16))
    spread = generator.uniform(0.05, 0.08) * np.sqrt(count)
    largest = log_uniform(generator, 0.045, 0.085) * (0.75 if burst else 1.0)
    bulge, pit = np.zeros_like(surface.cover), np.zeros_like(surface.cover)
    for number in range(count):
        at = np.asarray(centre) + (number > 0) * generator.normal(0, spread, 2)
        radius = largest * (generator.uniform(0.35, 1.0) if number > 1 else 1.0)
        area = window(canvas, at - 1.3 * radius, at + 1.3 * radius)
        x, y = moved(canvas.u[area], canvas.v[area], tuple(at), generator.uniform(0, np.pi))
        away = np.hypot(x, y * np.float32(generator.uniform(1.0, 1.25))) / np.float32(radius)
        dome = np.clip(1.0 - away**2, 0.0, 1.0)
        np.maximum(bulge[area], np.float32(0.75 * radius) * dome, out=bulge[area])
        np.maximum(pit[area], smoothstep(away, 1.0, 0.5), out=pit[area])
    marked = surface.copy()
    amount = np.float32(strength**0.8) * surface.cover
    marked.height = surface.height + amount * (-1.2 if burst else 1.0) * bulge
    if burst:
        tone = brighter(local, -0.3) if local.mean() > 0.25 else brighter(local, 0.2)
        marked.albedo = tint(surface.albedo, tone, 0.6 * amount * pit)
    else:
        shine = np.maximum(np.float32(0.5) - surface.gloss, 0.0)
        marked.gloss = surface.gloss + shine * amount * np.clip(3.0 * bulge / largest, 0, 1)
    marked.height = marked.height.astype(np.float32)
    return marked
