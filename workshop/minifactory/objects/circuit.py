"""A circuit board with everything that is soldered to it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from workshop.minifactory.canvas import Canvas, Field, inside
from workshop.minifactory.noise import fractal
from workshop.minifactory.objects.circuit_layout import Layout, Part, draw_layout
from workshop.minifactory.objects.circuit_parts import DRAW, INK, pads, seats
from workshop.minifactory.objects.solids import bevel
from workshop.minifactory.palette import COLOURS
from workshop.minifactory.shapes import box, circle, path
from workshop.minifactory.surface import Colour, Fault, Surface, lay, plain, shaded, tint

FAR = np.float32(9.0)  # the distance to a part that is not there


def circuit_board(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """A board from above: lacquer over copper traces, pads, white marking, and components.

    A missing component shows its pads; a misplaced one is shifted and turned on them.
    """
    layout = draw_layout(style)
    gold = style.random() < 0.4
    plastic, chalk = (
        np.asarray(COLOURS[str(style.choice(names))], np.float32)
        for names in (("white", "black", "beige", "blue"), ("beige", "brown", "golden"))
    )
    weave = fractal(instance, canvas, roughness=0.8, coarsest=6)
    nudges = instance.normal(0, 1, (len(layout.parts), 3)) * (0.004, 0.004, 0.015)

    metal = np.asarray(COLOURS["golden" if gold else "silver"], np.float32)
    surface = _bare_board(canvas, colour, layout, metal, weave)
    groups = {sort: [part for part in layout.parts if part.sort == sort] for sort in DRAW}
    laid = [pads(sort, seats(canvas, group)) for sort, group in groups.items() if group]
    pad, ink = (np.minimum.reduce(distances) for distances in zip(*laid, strict=True))
    surface.albedo = tint(surface.albedo, INK, 0.8 * inside(ink, canvas.pixel))
    height = 0.043 + 0.006 * bevel(pad, 0.02)
    surface = lay(surface, inside(pad, canvas.pixel), metal, height, 0.75)

    bodies = _soldered(layout.parts, nudges, fault)
    looks = {
        "resistor": np.array((0.09, 0.09, 0.10), np.float32),
        "capacitor": chalk,
        "chip": np.array((0.085, 0.085, 0.095), np.float32),
        "socket": plastic,
        "can": np.array((0.70, 0.71, 0.72), np.float32),
    }
    for sort, look in looks.items():
        group = [body for body in bodies if body.sort == sort]
        if group:
            surface = DRAW[sort](canvas, surface, group, look)
    return surface


def _bare_board(
    canvas: Canvas, colour: Colour, layout: Layout, metal: Colour, weave: Field
) -> Surface:
    x, y = canvas.x, canvas.y
    outline = box(x, y, *layout.half, 0.05)
    traces = np.full_like(x, FAR)
    pitch = np.float32(0.042)
    for line, beside in layout.buses:
        apart = path(x, y, line.astype(np.float32), 0.0)
        lane = np.clip(np.round(apart / pitch), 0, beside)
        traces = np.minimum(traces, np.abs(apart - pitch * lane) - np.float32(0.009))
    vx, vy = layout.vias.T.astype(np.float32)[..., None, None]
    via = np.sqrt(((x - vx) ** 2 + (y - vy) ** 2).min(axis=0))
    hole = np.minimum.reduce([circle(x - hx, y - hy, 0.042) for hx, hy in layout.holes.tolist()])

    surface = plain(colour, canvas.u, gloss=0.5)
    copper = inside(traces, max(canvas.pixel, 0.012))
    surface.albedo = shaded(colour, 0.85 + 0.45 * copper + 0.03 * weave)
    surface.albedo = np.clip(surface.albedo + 0.04 * copper[..., None], 0, 1).astype(np.float32)
    surface.height = (0.04 * bevel(outline, 0.02) + 0.003 * copper).astype(np.float32)
    ring = inside(np.minimum(via - np.float32(0.019), hole - np.float32(0.03)), canvas.pixel)
    surface = lay(surface, ring, metal, surface.height + np.float32(0.002), 0.7)
    pit = inside(via - np.float32(0.008), max(canvas.pixel, 0.008))
    surface.albedo = surface.albedo * (1.0 - 0.8 * pit[..., None])
    surface.cover = inside(np.maximum(outline, -hole), canvas.pixel)
    return surface


def _soldered(parts: tuple[Part, ...], nudges: np.ndarray, fault: Fault | None) -> list[Part]:
    """The parts where they really are: a little off, and one of them gone or far off."""
    bodies = [
        replace(p, centre=(p.centre[0] + dx, p.centre[1] + dy), angle=p.angle + turn)
        for p, (dx, dy, turn) in zip(parts, nudges, strict=True)
    ]
    if fault is None or fault.name not in ("missing part", "misplaced part"):
        return bodies
    draw = fault.generator()
    chosen, heading = int(draw.integers(len(parts))), draw.uniform(0, 2 * np.pi)
    sign = 1.0 if draw.random() < 0.5 else -1.0
    if fault.name == "missing part":
        return bodies[:chosen] + bodies[chosen + 1 :]
    old = bodies[chosen]
    far = (0.02 + 0.05 * fault.strength) * (1.0 if max(old.half) < 0.15 else 1.4)
    centre = (old.centre[0] + far * np.cos(heading), old.centre[1] + far * np.sin(heading))
    turn = sign * (0.1 + 0.5 * fault.strength)
    bodies[chosen] = replace(old, centre=centre, angle=old.angle + turn)
    return bodies
