"""A rolling bearing: balls in a cage between two rings."""

from __future__ import annotations

import numpy as np

from workshop.minifactory.canvas import Canvas, Field, inside, smoothstep
from workshop.minifactory.objects.metal import amount, bevel, finished, turned_sheen, wear
from workshop.minifactory.surface import Colour, Fault, Surface, lay, shaded

STEEL = np.asarray((0.62, 0.64, 0.66), dtype=np.float32)


def _distances(x: Field, y: Field, angles: np.ndarray, radius: float) -> list[Field]:
    """Distance to each of the points at `angles` on the circle of `radius`."""
    points = zip(np.cos(angles) * radius, np.sin(angles) * radius, strict=True)
    return [np.hypot(x - np.float32(px), y - np.float32(py)) for px, py in points]


def ball_bearing(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """A bearing from above: an outer and an inner ring, and polished balls in a cage between them.

    Faults: a ball is missing, balls have run together.
    """
    outer = style.uniform(0.7, 0.8)
    bore = outer * style.uniform(0.34, 0.46)
    wall = (outer - bore) * style.uniform(0.22, 0.3)  # thickness of each ring
    middle, gap = (outer + bore) / 2, outer - bore - 2 * wall
    ball = gap * style.uniform(0.42, 0.5)
    balls = int(np.pi * middle / ball * style.uniform(0.6, 0.78))
    alloy = ((0.66, 0.67, 0.68), (0.72, 0.55, 0.24), (0.12, 0.12, 0.13), (0.75, 0.68, 0.52))
    cage = np.asarray(alloy[style.integers(4)], dtype=np.float32)
    ribbon, collar = style.uniform(0.22, 0.5) * gap, style.uniform(1.1, 1.22)
    gloss, facing, fan = style.uniform(0.55, 0.8), style.uniform(0, 6.3), style.uniform(0.12, 0.3)
    brightness = wear(instance, canvas, depth=0.035)
    angles = instance.uniform(0, 6.3) + np.arange(balls) * (2 * np.pi / balls)

    seats, present = angles.copy(), np.ones(balls, dtype=bool)
    if missing := amount(fault, "missing part"):
        lost = fault.generator().integers(balls)
        present[(lost + np.arange(1 if missing < 0.7 else 2)) % balls] = False
    if off := amount(fault, "misplaced part"):
        chance = fault.generator()
        first, side = chance.integers(balls), chance.choice([-1, 1])
        room = 2 * np.pi / balls - 2 * np.arcsin(min(0.98 * ball / middle, 1.0))
        for place in range(1, 4):  # the neighbours on one side roll up to the first ball
            angles[(first + side * place) % balls] -= side * room * place * (0.4 + 0.6 * off)
    x, y = canvas.x, canvas.y
    radius = np.hypot(x, y)
    track = np.abs(radius - np.float32(middle)) - np.float32(gap / 2)
    whole = np.maximum(radius - outer, bore - radius)
    race = finished(shaded(0.22 * STEEL, brightness), 0.03 + 0 * radius, 0.3, 0 * radius)
    band = np.abs(radius - np.float32(middle)) - np.float32(ribbon / 2)
    gaps = _distances(x, y, angles, middle)
    held = _distances(x, y, seats, middle) if off else gaps
    pocket = np.minimum.reduce(held) - np.float32(ball)
    holder = np.maximum(np.minimum(band, pocket - (collar - 1) * ball), -pocket)
    surface = lay(race, inside(holder, canvas.pixel), cage, 0.075 + bevel(holder, 0.03, 0.02), 0.5)
    nearest = np.minimum.reduce([g for g, here in zip(gaps, present, strict=True) if here])
    t = nearest / np.float32(ball)
    dome = np.sqrt(np.maximum(1.0 - np.square(t), 0.02))
    on = inside(nearest - ball, canvas.pixel)
    surface = lay(surface, on, STEEL, 0.02 + 0.7 * ball * dome, 0.95)
    surface.albedo = surface.albedo * (1.0 - 0.5 * np.clip(t, 0, 1) ** 3 * (t < 1))[..., None]
    shade = 0.6 + 0.4 * smoothstep(track, 0.0, -0.06)  # the rings stand above the balls
    surface.albedo = surface.albedo * shade[..., None]

    on = inside(-track, canvas.pixel)
    edge = np.maximum(whole, -track)
    lathe = 0.02 * np.sin(radius * (2 * np.pi / 0.035))
    light = brightness * turned_sheen(canvas, x, y, facing, fan) + lathe
    ring = shaded(colour, light * (1.0 - 0.25 * smoothstep(edge, -0.03, 0.0)))
    albedo = surface.albedo * (1.0 - on[..., None]) + ring * on[..., None]
    height = surface.height * (1.0 - on) + (0.17 + bevel(edge, 0.035, 0.03)) * on
    polish = surface.gloss * (1.0 - on) + gloss * on
    return finished(albedo, height, polish, inside(whole, canvas.pixel))
