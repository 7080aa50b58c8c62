"""Parts with a row of metal legs: chip and connector."""

from __future__ import annotations

import numpy as np

from workshop.minifactory.canvas import Canvas, Field, inside, moved, smoothstep
from workshop.minifactory.noise import fractal
from workshop.minifactory.objects.lettering import stamp
from workshop.minifactory.objects.solids import bevel
from workshop.minifactory.palette import COLOURS
from workshop.minifactory.shapes import box, circle, path
from workshop.minifactory.surface import Colour, Fault, Surface, lay, plain, shaded, tint


def _spoil(count: int, fault: Fault | None) -> tuple[int, float, float]:
    """Which of `count` legs is spoilt (-1: none), the share that is left of it, and its bend."""
    if fault is None or fault.name not in ("missing part", "bent part"):
        return -1, 1.0, 0.0
    draw = fault.generator()
    chosen, side = int(draw.integers(count)), 1.0 if draw.random() < 0.5 else -1.0
    if fault.name == "missing part":
        return chosen, 0.65 * (1.0 - fault.strength), 0.0
    return chosen, 1.0, side * (0.2 + 0.7 * fault.strength)


def _leg(x: Field, y: Field, length: float, radius: float, bend: float) -> Field:
    """A leg from the origin towards positive y that leans over by `bend` radians at its end."""
    if length < 0.01:
        return np.full_like(x, 9.0)
    if bend == 0.0:
        middle, half = np.float32(0.5 * length - 0.03), 0.5 * length + 0.03
        return box(x, y - middle, radius, half, 0.3 * radius)
    turn = np.array((0.0, 0.6, 1.0, 1.1)) * bend
    steps = 0.25 * length * np.stack([np.sin(turn), np.cos(turn)], axis=1)
    line = np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)]).astype(np.float32)
    return path(x, y, line, radius)


def chip(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """A chip from above: a moulded body, legs on two or four sides, a dimple at the first leg."""
    square = style.random() < 0.45
    half = np.array((style.uniform(0.46, 0.52), style.uniform(0.24, 0.40)))
    if square:
        half[1] = half[0]
    per_side = int(style.integers(5, 9 if square else 8))
    length, share = style.uniform(0.15, 0.21), style.uniform(0.22, 0.32)
    notched, dotted = style.random() < 0.35, style.random() < 0.8
    rows = [style.integers(0, 10, int(style.integers(3, 6))) for _ in range(2)]
    pale = style.uniform(0.25, 0.6)
    metal = np.asarray(COLOURS["golden" if style.random() < 0.15 else "silver"], np.float32)
    grain = fractal(instance, canvas, roughness=0.4, coarsest=20)
    leans = instance.normal(0, 0.012, 4 * per_side)

    x, y = canvas.x, canvas.y
    sides = (0, 1, 2, 3) if square else (0, 2)
    chosen, left, bend = _spoil(len(sides) * per_side, fault)
    pitch = 2 * half[0] * 0.9 / per_side
    legs = np.full_like(x, 9.0)
    for number in range(len(sides) * per_side):
        side, place = sides[number // per_side], number % per_side - (per_side - 1) / 2
        sx, sy = moved(x, y, (0.0, 0.0), side * np.pi / 2)
        depth = half[1] if side % 2 == 0 else half[0]
        spoilt = number == chosen
        lx, ly = moved(sx, sy, (place * pitch, depth), leans[number])
        leg = _leg(lx, ly, length * (left if spoilt else 1.0), share * pitch, bend * spoilt)
        legs = np.minimum(legs, leg)

    body = box(x, y, *half, 0.02)
    surface = plain(metal, canvas.u, gloss=0.75)
    surface.albedo = shaded(metal, 0.95 + 0.05 * grain)
    drop = 0.045 * smoothstep(body, 0.25 * length, 0.65 * length)
    surface.height = (0.035 + 0.03 * bevel(legs, 0.8 * share * pitch) - drop).astype(np.float32)
    surface.cover = inside(legs, canvas.pixel)
    dimple = circle(x + np.float32(half[0] - 0.1), y - np.float32(half[1] - 0.1), 0.035)
    notch = circle(x + np.float32(half[0]), y, 0.07)
    hollow = 0.02 * bevel(dimple, 0.02) * dotted + 0.03 * bevel(notch, 0.02) * notched
    height = 0.05 + 0.10 * bevel(body, 0.055) - hollow + 0.0005 * grain
    surface = lay(surface, inside(body, canvas.pixel), colour, height, 0.35)
    ink = np.full(3, 0.62 if colour.mean() < 0.35 else 0.12, np.float32)
    for row, digits in enumerate(rows):
        text = stamp(x, y - np.float32((row - 0.5) * 0.42 * half[1]), digits, 0.30 * half[1])
        surface.albedo = tint(surface.albedo, ink, pale * text)
    return surface


def connector(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """A pin header from the side: a plastic bar, long pins above it, short ones below."""
    count = int(style.integers(4, 10))
    wide, tall = style.uniform(0.60, 0.72), style.uniform(0.12, 0.24)
    above, below = style.uniform(0.38, 0.55), style.uniform(0.14, 0.26)
    share, cut = style.uniform(0.13, 0.20), style.random() < 0.5
    windows, ridge = style.random() < 0.45, style.random() < 0.4
    gold = style.random() < 0.6
    metal = np.asarray(COLOURS["golden" if gold else "silver"], np.float32)
    streaks = fractal(instance, canvas, roughness=0.6, coarsest=10, stretch=(1, 5))
    leans = instance.normal(0, 0.015, count)

    pitch = 2 * wide / count
    middle = 0.5 * (above - below)  # so that the whole lies in the middle of the picture
    x, y = canvas.x, canvas.y - np.float32(middle)
    chosen, left, bend = _spoil(count, fault)
    pins = np.full_like(x, 9.0)
    for number in range(count):
        spoilt = number == chosen
        place = (number - (count - 1) / 2) * pitch
        upper = moved(x, y, (place, -tall), np.pi + leans[number])
        pin = _leg(*upper, above * (left if spoilt else 1.0), share * pitch, bend * spoilt)
        pins = np.minimum(pins, pin)
        lower = moved(x, y, (place, tall), -leans[number])
        if not (spoilt and left < 1.0):
            pins = np.minimum(pins, _leg(*lower, below, share * pitch, 0.0))

    cell = x - np.float32(pitch) * np.round(x / np.float32(pitch) + 0.5 * (count % 2 == 0))
    cell = cell + np.float32(0.5 * pitch * (count % 2 == 0))
    body = box(x, y, wide, tall, 0.02)
    gap = np.float32(0.5 * pitch) - np.abs(cell)  # how far the seam between two places is
    if cut:
        body = np.maximum(body, np.abs(y) - np.float32(tall - 0.05) - np.minimum(gap, 0.05))
    surface = plain(metal, canvas.u, gloss=0.75)
    surface.albedo = shaded(metal, 0.95 + 0.06 * streaks)
    surface.height = (0.02 + 0.05 * bevel(pins, share * pitch)).astype(np.float32)
    surface.cover = inside(pins, canvas.pixel)
    window = box(cell, y, 0.30 * pitch, 0.45 * tall, 0.01)
    height = 0.05 + 0.11 * bevel(body, 0.05) + 0.0008 * streaks
    height = height - 0.018 * smoothstep(gap, 0.02, 0.0) - 0.05 * windows * bevel(window, 0.03)
    height = height + 0.03 * ridge * smoothstep(np.abs(y + np.float32(0.7 * tall)), 0.05, 0.03)
    return lay(surface, inside(body, canvas.pixel), colour, height, 0.4)
