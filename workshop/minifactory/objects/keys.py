"""A flat key for a door lock."""

from __future__ import annotations

import numpy as np

from workshop.minifactory.canvas import Canvas, Field, inside, smoothstep
from workshop.minifactory.objects.metal import amount, bent, bevel, finished, jagged, laid, wear
from workshop.minifactory.shapes import box, circle, polygon
from workshop.minifactory.surface import Colour, Fault, Surface, shaded

BOWS = ("round", "oval", "square", "six-sided", "clover")


def bow(x: Field, y: Field, shape: str, radius: float) -> Field:
    """Signed distance to the part of a key that you hold, centred at the origin."""
    if shape == "oval":
        return circle(x * 1.3, y, radius * 1.15) * np.float32(0.8)
    if shape == "square":
        return box(x, y, radius * 0.85, radius * 1.05, corner=0.1)
    if shape == "six-sided":
        return np.maximum(polygon(x, y, 6, radius), circle(x, y, radius * 1.1))
    if shape == "clover":
        lobes = [circle(x + 0.5 * radius, y, radius * 0.6)]
        lobes += [circle(x - 0.15 * radius, y - s * 0.6 * radius, radius * 0.62) for s in (-1, 1)]
        return np.minimum.reduce(lobes)
    return circle(x, y, radius)


def cuts(x: Field, centres: np.ndarray, depths: np.ndarray, flat: float) -> Field:
    """How deep the blade is cut at x: flat-bottomed notches with slanted sides."""
    notches = [
        depth - np.maximum(np.abs(x - np.float32(centre)) - np.float32(flat), 0.0)
        for centre, depth in zip(centres, depths, strict=True)
    ]
    return np.maximum(np.maximum.reduce(notches), 0.0)


def key(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """A door key: a bow with a hole for the ring, a shoulder, a grooved blade with cuts.

    Faults: a tooth or the tip of the blade broken off, the blade bent.
    """
    x, y = laid(canvas, style)
    shape = str(style.choice(BOWS))
    radius, half = style.uniform(0.29, 0.36), style.uniform(0.11, 0.145)
    centre, hole = -0.78 + radius, style.uniform(0.06, 0.1)
    slot = float(style.choice([0.0, style.uniform(0.03, 0.06)]))  # some holes are long
    pins, tip = int(style.integers(4, 7)), style.uniform(0.7, 0.78)
    spacing = (tip - 0.2) / pins
    places = 0.06 + spacing * np.arange(pins)
    depths = half * style.uniform(0.15, 1.15, 6)[:pins]
    flat = spacing * style.uniform(0.1, 0.25)
    rim, recess = style.uniform(0.04, 0.07), float(style.choice([0.0, 0.03]))
    groove, second = style.uniform(-0.5, -0.1) * half, style.random() < 0.4
    double = style.random() < 0.25  # cut on both edges, as keys of cars are
    depths = depths * (0.5 if double else 1.0)
    gloss = style.uniform(0.5, 0.8)
    brightness = wear(instance, canvas, stretch=(5, 1), angle=float(canvas.angle), depth=0.045)

    torn, extra = tip, 0.0
    if bend := amount(fault, "bent part"):
        chance = fault.generator()
        side = chance.choice([-1.0, 1.0])
        turn = float(side * (0.1 + bend * chance.uniform(0.3, 0.55)))
        x, y = bent(x, y, chance.uniform(0.0, 0.3), turn, 0.35)
    if missing := amount(fault, "missing part"):
        chance = fault.generator()
        at, width = chance.uniform(0.1, 0.5), 0.05 + 0.08 * missing
        if chance.random() < 0.5:
            deep = half * (0.9 + 0.7 * missing)
            steep = (width - np.abs(x - at)) * 3.0 + jagged(chance, x)
            extra = np.clip(steep, 0.0, deep + jagged(chance, x, 0.015))
        else:
            torn = tip - (0.05 + 0.35 * missing) + jagged(chance, y) + 0.4 * y

    depth = cuts(x, places, depths, flat)
    low = (y - (half - np.maximum(depth, extra))) * np.float32(0.8)
    high = (-half + (depth if double else 0.0) - y) * np.float32(0.8 if double else 1.0)
    point = (np.abs(y - 0.2 * half) - (tip + 0.02 - x) * 0.9) * np.float32(0.7)
    blade = np.maximum.reduce([low, high, point, x - torn, -0.5 - x])
    shoulder = box(x + 0.22, y, 0.16, half * 1.35, corner=0.03)
    grip = bow(x - centre, y, shape, radius)
    eye_x = x - (centre - (0.5 if shape == "clover" else 0.35) * radius)
    eye = box(eye_x, y, hole, hole + slot, corner=hole)
    outline = np.maximum(np.minimum(np.minimum(blade, shoulder), grip), -eye)

    on_blade = smoothstep(x, -0.22, -0.18)
    channel = smoothstep(np.abs(y - groove), 0.035, 0.015)
    if second:
        channel = np.maximum(channel, 0.8 * smoothstep(np.abs(y - 0.25 * half), 0.03, 0.012))
    channel = channel * on_blade
    sunk = recess * smoothstep(grip, -rim, -rim - 0.03)
    sunk = sunk * smoothstep(eye, 0.03, 0.06)
    height = 0.1 + bevel(outline, 0.035, 0.03) - 0.035 * channel - sunk
    milled = 1.0 + 0.06 * np.sin(x * 150.0) * smoothstep(y, half - depth - 0.05, half - depth)
    light = brightness * (1.0 - 0.3 * channel) * (1.0 - 4.0 * sunk) * milled
    return finished(shaded(colour, light), height, gloss, inside(outline, canvas.pixel))
