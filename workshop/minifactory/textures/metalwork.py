"""Textures of metal: a grid of wires and a plate of sheet metal."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workshop.minifactory.canvas import Canvas, Field, inside, moved, smoothstep
from workshop.minifactory.noise import fractal
from workshop.minifactory.shapes import rod
from workshop.minifactory.surface import Colour, Fault, Surface, lay, plain, shaded


def staggered(
    x: Field, y: Field, pitch: float, offset: bool = True
) -> tuple[Field, Field, NDArray[np.intp]]:
    """Coordinates around the nearest point of a lattice, and 0 or 1 for every other point.

    With `offset`, every second row is moved by half a `pitch`.
    """
    row = np.round(y / np.float32(pitch))
    along = x / np.float32(pitch) + 0.5 * (row % 2) * offset
    column = np.round(along)
    parity = (row if offset else row + column).astype(np.intp) % 2
    return (along - column) * np.float32(pitch), y - row * np.float32(pitch), parity


def _wires(
    across: Field,
    along: Field,
    pitch: tuple[float, float],
    radius: float,
    target: tuple[int, int] | None,
    fault: Fault | None,
    bend: float,
) -> tuple[Field, Field]:
    """Distance to the nearest of parallel wires (negative inside) and the number of the wire.

    `pitch` is the distance between these wires and between those that cross them. A fault
    starts at the segment `target`: (number of the wire, number of the crossing before it).
    """
    number = np.round(across / np.float32(pitch[0]))
    distance = np.abs(across - number * np.float32(pitch[0])) - np.float32(radius)
    if target is None or fault is None:
        return distance, number
    wire, crossing = target
    part = along / np.float32(pitch[1]) - crossing  # 0 to 1 along the segment
    if fault.name == "missing part":
        length = 1 + round(1.5 * fault.strength)  # segments
        gap = radius / pitch[1]  # the crossing wires hide the cut ends
        gone = (number == wire) & (part > gap) & (part < length - gap)
        return np.where(gone, np.float32(1.0), distance), number
    bump = np.sin(np.pi * np.clip(0.5 * part + 0.25, 0, 1)) ** 3  # zero half a segment away
    straight = np.float32(wire * pitch[0])
    bent = np.abs(across - straight - np.float32(bend) * bump) - np.float32(radius)
    touched = (part > -0.5) & (part < 1.5)
    distance = np.where(touched & (number == wire), np.float32(1.0), distance)
    nearer = touched & (bent < distance)
    return np.where(nearer, bent, distance), np.where(nearer, np.float32(wire), number)


def wire_grid(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """Metal wires that cross over a plain ground: woven over and under, or welded flat."""
    pitch = 2.0 / style.uniform(4.5, 12)
    pitches = (pitch, pitch * float(style.choice([1.0, 1.0, style.uniform(1.2, 1.8)])))
    radius = pitch * style.uniform(0.09, 0.2)
    woven = style.random() < 0.6
    diagonal = np.pi / 4 if style.random() < 0.35 else 0.0
    ground = float(style.choice([style.uniform(0.03, 0.15), style.uniform(0.6, 0.9)]))
    if abs(ground - colour.mean()) < 0.22:  # the wires must stand out
        ground = 0.06 if colour.mean() > 0.4 else 0.8
    gloss = style.uniform(0.45, 0.75)
    slack = style.uniform(0.0, 0.03)
    rust = style.uniform(0.01, 0.06)
    sag = fractal(instance, canvas, roughness=1.6, coarsest=1.5, finest=12)
    speck = fractal(instance, canvas, roughness=0.5, coarsest=15)

    x, y = moved(canvas.x, canvas.y, (0.0, 0.0), diagonal)
    x, y = x + np.float32(slack * pitch) * sag, y - np.float32(slack * pitch) * sag
    first, second, bend = _faulty_segment(fault, pitches, diagonal)
    upright, column = _wires(x, y, pitches, radius, first, fault, bend)
    level, row = _wires(y, x, pitches[::-1], radius, second, fault, bend)

    shadow = smoothstep(np.minimum(upright, level), 1.2 * radius, 0.0)
    surface = plain(np.full(3, ground, np.float32), canvas.u, gloss=0.05)
    surface.albedo = shaded(np.full(3, ground), (1.0 + 0.03 * speck) * (1.0 - 0.35 * shadow))
    weave = np.where((column + row) % 2 == 0, 1.0, -1.0).astype(np.float32)
    swing = 0.8 * radius * weave * np.cos(np.pi * (x / pitches[0] - column)) if woven else 0.0
    swing = swing * np.cos(np.pi * (y / pitches[1] - row)) if woven else swing
    lift = np.float32(0.06)
    wires = []
    for distance, over in ((upright, swing), (level, -swing)):
        bulge = np.sqrt(np.clip(-distance * (2 * radius + distance), 0, radius**2))
        wires.append((inside(distance, canvas.pixel), lift + bulge + over))
    (cover_a, height_a), (cover_b, height_b) = wires
    a_last = (cover_b < 0.5) | (height_a >= height_b)  # what lies on top is laid last
    for cover, height in (
        (cover_a * ~a_last, height_a),
        (cover_b, height_b),
        (cover_a * a_last, height_a),
    ):
        surface = lay(surface, cover, colour, height, gloss)
    tone = 1.0 + rust * speck * np.maximum(cover_a, cover_b)
    surface.albedo = np.clip(surface.albedo * tone[..., None], 0, 1).astype(np.float32)
    surface.height = surface.height.astype(np.float32)
    surface.gloss = surface.gloss.astype(np.float32)
    surface.cover = np.ones_like(surface.height)  # the ground belongs to the picture
    return surface


def _faulty_segment(
    fault: Fault | None, pitches: tuple[float, float], diagonal: float
) -> tuple[tuple[int, int] | None, tuple[int, int] | None, float]:
    """The segment of the upright wires or of the level ones that is at fault, and its bend."""
    if fault is None:
        return None, None, 0.0
    generator = fault.generator()
    cx, cy = generator.uniform(-0.7, 0.7, 2)
    cos, sin = np.cos(diagonal), np.sin(diagonal)
    turned = cos * cx + sin * cy, cos * cy - sin * cx
    sign, level = float(generator.choice([-1.0, 1.0])), generator.random() < 0.5
    bend = sign * fault.strength * 0.45 * min(pitches)
    at = turned[0] / pitches[0], turned[1] / pitches[1]
    if level:
        return None, (round(at[1]), int(np.floor(at[0]))), bend
    return (round(at[0]), int(np.floor(at[1]))), None, bend


EMBOSSED = ("none", "none", "tread", "dimples", "dots")


def metal_plate(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """Sheet metal: brushed or rolled, plain or with a pattern pressed into it."""
    pattern = str(style.choice(EMBOSSED))
    pitch = style.uniform(0.16, 0.36)
    slim = style.uniform(0.10, 0.16) * pitch
    press = style.uniform(0.006, 0.018) * (0.6 + pitch)
    grain_way = float(style.choice([0.0, np.pi / 2, style.uniform(0, np.pi)]))
    stretch = float(style.choice([1.5, style.uniform(8, 30)], p=[0.2, 0.8]))
    streak = style.uniform(0.015, 0.055)
    gloss = style.uniform(0.45, 0.7)
    brushed = fractal(instance, canvas, 0.4, coarsest=12, stretch=(stretch, 1), angle=grain_way)
    bands = fractal(instance, canvas, 1.2, coarsest=1.5, stretch=(3, 1), angle=grain_way)
    buckle = fractal(instance, canvas, roughness=2.2, coarsest=1.0, finest=5)

    raised = np.zeros_like(brushed)
    if pattern == "tread":  # lozenges that lie crosswise by turns, as on a chequer plate
        px, py, parity = staggered(canvas.x, canvas.y, pitch, offset=False)
        slope = np.where(parity == 0, px, -px)
        across, along = (slope - py) * np.float32(0.7071), (slope + py) * np.float32(0.7071)
        shape = rod(along, across, (-0.33 * pitch, 0.0), (0.33 * pitch, 0.0), slim * 0.6)
        raised = smoothstep(shape, 0.35 * slim, -0.5 * slim)
    elif pattern in ("dimples", "dots"):
        px, py, _ = staggered(canvas.x, canvas.y, 0.7 * pitch, pattern == "dots")
        raised = smoothstep(np.hypot(px, py), 0.26 * pitch, 0.10 * pitch)
        raised = -raised if pattern == "dimples" else raised
    surface = plain(colour, canvas.u, gloss=gloss)
    surface.height = (press * raised + 0.0003 * brushed + 0.006 * buckle).astype(np.float32)
    light = 0.97 + streak * brushed + 0.04 * bands + 0.10 * np.maximum(raised, 0)
    surface.albedo = shaded(colour, light)
    return surface
