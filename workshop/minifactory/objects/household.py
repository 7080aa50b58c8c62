"""Small things of the house: button and bottle cap."""

from __future__ import annotations

import numpy as np

from workshop.minifactory.canvas import Canvas, Field, inside, moved, smoothstep
from workshop.minifactory.noise import fractal
from workshop.minifactory.objects.lettering import stamp
from workshop.minifactory.objects.solids import bevel, blob, break_off, nearest
from workshop.minifactory.palette import mix
from workshop.minifactory.shapes import circle
from workshop.minifactory.surface import Colour, Fault, Surface, plain, shaded, tint

LABELS = ("white", "golden", "black", "red", "blue", "green", "yellow", "silver")


def button(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """A sewing button with two or four holes. Missing: a hole, or a piece of the rim.

    Misplaced: the holes are drilled off the centre.
    """
    radius = style.uniform(0.60, 0.72)
    holes, wide = int(style.choice((2, 4))), style.uniform(0.065, 0.095)
    spread = style.uniform(0.15, 0.20) * (1.15 if holes == 4 else 1.0)
    rim, dish = radius * style.uniform(0.14, 0.28), style.uniform(0.02, 0.06)
    gloss, pearl = style.uniform(0.35, 0.75), float(style.choice((0.02, 0.12)))
    ridges, well = style.random() < 0.3, style.random() < 0.4
    cloud = fractal(instance, canvas, roughness=1.3, coarsest=2, stretch=(2, 1), angle=0.5)
    turn = instance.uniform(0, np.pi)

    x, y = canvas.x, canvas.y
    at = turn + np.arange(holes) * 2 * np.pi / holes
    centres = spread * np.stack([np.cos(at), np.sin(at)], axis=1)
    chipped = None
    if fault is not None:
        draw = fault.generator()
        heading, chunk = draw.uniform(0, 2 * np.pi), draw.random()
        chosen = int(draw.integers(holes))
        aim = np.array((np.cos(heading), np.sin(heading)))
        if fault.name == "misplaced part":
            centres = centres + (0.03 + 0.14 * fault.strength) * aim
        elif fault.name == "missing part" and chunk < 0.5 and fault.strength > 0.5:
            centres = np.delete(centres, chosen, axis=0)
        elif fault.name == "missing part":
            size = 0.12 + 0.22 * fault.strength
            chipped = blob(*moved(x, y, tuple(radius * aim)), draw, size)

    outline, bore = circle(x, y, radius), nearest(x, y, centres) - np.float32(wide)
    surface = plain(colour, canvas.u, gloss=gloss)
    lip = np.abs(outline + np.float32(0.5 * rim)) / np.float32(0.5 * rim)
    height = 0.10 * bevel(outline, 0.06) + dish * np.clip(1 - lip**2, 0, 1)
    if well:
        height = height - 0.02 * smoothstep(outline, -rim - 0.16, -rim - 0.2)
    if ridges:
        height = height + 0.006 * np.cos(outline * np.float32(2 * np.pi / 0.055)) * (lip > 1)
    surface.height = (height - 0.05 * smoothstep(bore, 0.03, -0.005)).astype(np.float32)
    surface.albedo = shaded(colour, 1.0 + pearl * cloud)
    surface.cover = inside(np.maximum(outline, -bore), canvas.pixel)
    if chipped is not None:
        surface = break_off(surface, canvas, chipped, 0.9 * colour, cloud)
    return surface


def bottle_cap(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """A cap from above: a crown cork with its crimps, or a screw cap with its ribs.

    Bent: some crimps are pressed in or levered out. Misplaced: the emblem is off the centre.
    """
    crown, radius = style.random() < 0.6, style.uniform(0.62, 0.72)
    waves = 21 if crown else int(style.integers(40, 64))
    amplitude = radius * (style.uniform(0.035, 0.055) if crown else 0.012)
    top = radius * (style.uniform(0.72, 0.80) if crown else style.uniform(0.86, 0.92))
    label, emblem = mix(str(style.choice(LABELS)), style), int(style.integers(0, 4))
    points, size = int(style.integers(4, 9)), style.uniform(0.5, 0.8) * top
    digits, gloss = style.integers(0, 10, 2), style.uniform(0.45, 0.75)
    wear = fractal(instance, canvas, roughness=1.0, coarsest=4)
    dents = fractal(instance, canvas, roughness=2.0, coarsest=1, finest=6)
    turn = instance.uniform(0, 2 * np.pi)

    x, y = moved(canvas.x, canvas.y, (0.0, 0.0), turn)
    angle, far = np.arctan2(y, x), np.hypot(x, y)
    shift, push, teeth = (0.0, 0.0), np.float32(0.0), np.float32(1.0)
    if fault is not None:
        draw = fault.generator()
        where, spread = draw.uniform(-np.pi, np.pi), draw.uniform(0.22, 0.4)
        sign = 1.0 if draw.random() < 0.4 else -1.0
        if fault.name == "misplaced part":
            reach = 0.04 + 0.18 * fault.strength
            shift = (reach * np.cos(where), reach * np.sin(where))
        elif fault.name == "bent part":
            apart = np.angle(np.exp(1j * (angle - where))).astype(np.float32)
            sector = np.exp(-((apart / np.float32(spread)) ** 2))
            push = np.float32(sign * (0.03 + 0.12 * fault.strength)) * sector
            teeth = 1.0 - 0.8 * sector

    tooth = np.cos(np.float32(waves) * angle) * teeth
    outline = far - np.float32(radius) - np.float32(amplitude) * tooth - push
    dent = np.minimum(push, 0.0)  # a crimp that is pressed in takes the edge of the top along
    skirt = np.clip((far - top - dent) / (radius + push - dent - top), 0.0, 1.2)
    fall = 0.13 * skirt**2 if crown else 0.10 * smoothstep(skirt, 0.2, 1.0)
    height = 0.17 - fall + (0.028 if crown else 0.02) * tooth * smoothstep(skirt, 0.0, 0.5)
    height = height - 0.012 * smoothstep(np.abs(far - dent - np.float32(0.94 * top)), 0.03, 0.0)
    surface = plain(colour, canvas.u, gloss=gloss)
    ex, ey = x - np.float32(shift[0]), y - np.float32(shift[1])
    drawn = _emblem(ex, ey, emblem, points, size, digits, canvas.pixel)
    drawn = drawn * inside(far - np.float32(0.95 * top), canvas.pixel)
    raised = 0.012 * drawn * (not crown)
    surface.height = (height + raised + 0.004 * dents).astype(np.float32)
    if np.abs(label - colour).max() < 0.25:  # paint that nobody could see
        label = np.full(3, 0.88 if colour.mean() < 0.5 else 0.12, np.float32)
    paint = label if crown else 0.92 * colour
    surface.albedo = tint(shaded(colour, 1.0 + 0.03 * wear), paint, drawn)
    surface.cover = inside(outline, canvas.pixel)
    return surface


def _emblem(
    x: Field, y: Field, emblem: int, points: int, size: float, digits: np.ndarray, pixel: float
) -> Field:
    """What is painted on a cap: a star, a ring with a number, rays, or a disc with a star hole."""
    far, angle = np.hypot(x, y), np.arctan2(y, x)
    star = far - np.float32(0.6 * size) * (1 + 0.45 * np.cos(np.float32(points) * angle))
    disc, band = far - np.float32(size), np.abs(far - np.float32(size)) - np.float32(0.025)
    if emblem == 0:
        return np.maximum(inside(star, pixel), inside(band, pixel))
    if emblem == 1:
        return np.maximum(inside(band, pixel), stamp(x, y, digits, 0.8 * size))
    if emblem == 2:
        rays = np.sin(np.float32(2 * points) * angle) * far
        return np.maximum(inside(np.maximum(rays, disc), pixel), inside(band, pixel))
    return inside(disc, pixel) * (1.0 - inside(star, pixel))
