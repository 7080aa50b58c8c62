"""Textures of hard sheets: tile and plastic panel; and the list of all hard kinds."""

from __future__ import annotations

import numpy as np

from workshop.minifactory.canvas import Canvas, Field, moved, smoothstep
from workshop.minifactory.kinds import Kind
from workshop.minifactory.noise import fractal
from workshop.minifactory.palette import METALS
from workshop.minifactory.shapes import box
from workshop.minifactory.surface import Colour, Fault, Surface, plain, shaded
from workshop.minifactory.textures.metalwork import metal_plate, staggered, wire_grid

DECORS = ("plain", "plain", "cloudy", "cloudy", "speckled", "motif")


def _decor(name: str, x: Field, y: Field, cloud: Field, grain: Field, reach: float) -> Field:
    """What the glaze shows on a tile with the local coordinates x, y in [-1, 1]: about [-1, 1]."""
    if name == "cloudy":
        return 0.6 * cloud + 0.15 * grain
    if name == "speckled":
        return smoothstep(grain, 1.0, 1.5) - smoothstep(-grain, 1.2, 1.7)
    if name == "motif":  # rings around the corners meet those of the next tile
        corner = np.hypot(np.abs(x) - 1.0, np.abs(y) - 1.0)
        rings = smoothstep(np.abs(corner - reach), 0.10, 0.06)
        petal = smoothstep(np.abs(x) ** 0.7 + np.abs(y) ** 0.7, 0.72 * reach + 0.1, 0.72 * reach)
        return -np.maximum(rings, petal) + 0.1 * cloud
    return 0.08 * cloud


def tile(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """A few glazed tiles, straight or diagonal, in grout: each laid a little differently."""
    width = 2.0 / style.uniform(1.7, 4.6)
    length = width * float(style.choice([1.0, 1.0, 1.0, style.uniform(1.3, 2.0)]))
    grout = width * style.uniform(0.02, 0.07)
    diagonal = np.pi / 4 if style.random() < 0.25 else 0.0
    start = (float(style.uniform(-0.5, 0.5)), float(style.uniform(-0.5, 0.5)))
    decor, reach = str(style.choice(DECORS)), style.uniform(0.55, 0.95)
    contrast = style.uniform(0.08, 0.3) + 0.15 * (decor == "motif")
    bevel = style.uniform(0.015, 0.10) * width
    gloss = style.uniform(0.25, 0.75)
    grout_tone = float(style.choice([style.uniform(0.15, 0.35), style.uniform(0.55, 0.85)]))
    spread, lippage = style.uniform(0.0, 0.05), style.uniform(0.002, 0.02)
    waves = style.uniform(1.5, 8)
    cloud = fractal(instance, canvas, roughness=1.5, coarsest=waves)
    grain = fractal(instance, canvas, roughness=0.4, coarsest=25)
    tones = instance.standard_normal((3, 64, 64), dtype=np.float32)

    x, y = moved(canvas.x, canvas.y, start, diagonal)
    column, row = np.round(x / np.float32(length)), np.round(y / np.float32(width))
    dx, dy = x - column * np.float32(length), y - row * np.float32(width)
    at = (row.astype(np.intp) % 64, column.astype(np.intp) % 64)
    edge = box(dx, dy, (length - grout) / 2, (width - grout) / 2, 0.03 * width)
    body = smoothstep(edge, max(0.5 * canvas.pixel, 0.1 * grout), -0.1 * grout)
    show = _decor(decor, dx * (2 / length), dy * (2 / width), cloud, grain, reach)
    face = shaded(colour, 1.0 + contrast * show + spread * tones[0][at] + 0.01 * grain)
    joint = shaded(np.float32(grout_tone) * np.array([1.0, 0.98, 0.94]), 1.0 + 0.08 * grain)
    weight = body[..., None]
    surface = plain(colour, canvas.u)
    surface.albedo = (joint * (1 - weight) + face * weight).astype(np.float32)
    pillow = smoothstep(edge, 0.0, -bevel)
    tilt = lippage * (tones[1][at] * dx + tones[2][at] * dy)
    relief = 0.012 * body + 0.3 * bevel * pillow + tilt * body + 0.0003 * cloud
    surface.height = (relief + 0.0008 * grain * (1 - body)).astype(np.float32)
    surface.gloss = (0.05 + (gloss - 0.05) * body).astype(np.float32)
    return surface


MOULDED = ("grain", "ribs", "ribs", "dimples", "dimples", "frame")


def _moulding(name: str, canvas: Canvas, style: np.random.Generator) -> Field:
    """The panel's relief in [0, 1]: parallel ribs, a dimple pattern, a frame, or none."""
    pitch, share = style.uniform(0.16, 0.6), style.uniform(0.15, 0.5)
    upright = style.random() < 0.5
    dot = style.uniform(0.06, 0.16)
    frame, corner = style.uniform(0.6, 0.8), style.uniform(0.05, 0.25)
    if name == "ribs":
        across = canvas.x if upright else canvas.y
        off = np.abs(across - np.float32(pitch) * np.round(across / np.float32(pitch)))
        return smoothstep(off, 0.5 * share * pitch + 0.012, 0.5 * share * pitch - 0.012)
    if name == "dimples":
        px, py, _ = staggered(canvas.x, canvas.y, 2.0 * dot + 0.06, upright)
        return 1.0 - smoothstep(np.hypot(px, py), 0.35 * dot, 0.75 * dot)
    if name == "frame":
        edge = box(canvas.x, canvas.y, frame, frame * (0.7 if upright else 1.0), corner)
        inner = np.maximum(edge, -0.06 - edge)
        return smoothstep(inner, 0.015, -0.015)
    return np.zeros_like(canvas.x)


def plastic_panel(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """An injection-moulded panel: one dyed mass, fine leather-like grain, ribs or dimples."""
    moulding = str(style.choice(MOULDED))
    relief = _moulding(moulding, canvas, style)
    depth = style.uniform(0.012, 0.03) * float(style.choice([-1.0, 1.0]))
    waves = style.uniform(25, 55)
    fine = style.uniform(0.0002, 0.0014)
    gloss = style.uniform(0.2, 0.55)
    grain = fractal(instance, canvas, roughness=0.8, coarsest=waves)
    sink = fractal(instance, canvas, roughness=2.0, coarsest=1.0, finest=6)

    surface = plain(colour, canvas.u, gloss=gloss)
    leather = np.tanh(1.2 * grain)  # flat tops and narrow valleys, as etched moulds leave them
    surface.height = (depth * relief + fine * leather + 0.003 * sink).astype(np.float32)
    surface.albedo = shaded(colour, 1.0 + 0.02 * leather + 0.01 * sink)
    return surface


HARD: tuple[Kind, ...] = (
    Kind(
        "tile",
        "texture",
        tile,
        words=("tile", "floor tile", "ceramic tile"),
        colours=("white", "grey", "beige", "blue", "green", "brown", "black", "red"),
    ),
    Kind(
        "grid",
        "texture",
        wire_grid,
        words=("grid", "metal grid", "wire mesh", "mesh"),
        colours=METALS,
        faults=("missing part", "bent part"),
    ),
    Kind(
        "metal plate",
        "texture",
        metal_plate,
        words=("metal plate", "metal sheet", "sheet metal"),
        colours=METALS,
    ),
    Kind(
        "plastic panel",
        "texture",
        plastic_panel,
        words=("plastic panel", "plastic sheet", "plastic cover"),
        colours=("white", "black", "grey", "red", "blue", "green", "yellow", "orange"),
    ),
)
