"""The components of a circuit board, each sort drawn in one go: pads, outline and body."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from workshop.minifactory.canvas import Canvas, Field, inside, moved
from workshop.minifactory.objects.circuit_layout import Part
from workshop.minifactory.objects.lettering import stamp
from workshop.minifactory.objects.solids import bevel, dome
from workshop.minifactory.shapes import box, circle
from workshop.minifactory.surface import Colour, Surface, lay, tint

SOLDER = np.array((0.72, 0.73, 0.74), np.float32)
INK = np.array((0.85, 0.86, 0.84), np.float32)


@dataclass(frozen=True)
class Seat:
    """Each pixel seen from the part that is nearest to it; all arrays (size, size)."""

    x: Field  # in that part's own coordinates
    y: Field
    w: Field  # half of its width
    h: Field  # half of its height
    legs: Field


def seats(canvas: Canvas, group: list[Part]) -> Seat:
    """The local coordinates of all parts of a group at once: one shape then draws them all."""
    x, y = np.stack([moved(canvas.x, canvas.y, p.centre, p.angle) for p in group], axis=1)
    w, h, legs = np.array([(*p.half, p.legs) for p in group], np.float32).T
    apart = np.maximum(np.abs(x) - w[:, None, None], np.abs(y) - h[:, None, None])
    mine = apart.argmin(axis=0)
    x, y = (np.take_along_axis(local, mine[None], axis=0)[0] for local in (x, y))
    return Seat(x, y, w[mine], h[mine], legs[mine])


def pads(sort: str, at: Seat) -> tuple[Field, Field]:
    """The pads under parts of one sort and the white line around them: signed distances."""
    if sort == "chip":
        line = np.abs(box(at.x, at.y, at.w, 0.8 * at.h))
        return _row(at, np.abs(at.y) - at.h - np.float32(0.02), 0.034), line - np.float32(0.0045)
    if sort == "socket":
        line = np.abs(box(at.x, at.y, at.w + 0.012, at.h + 0.012))
        return _row(at, at.y, 0.05), line - np.float32(0.004)
    if sort == "can":
        line = np.abs(circle(at.x, at.y, at.w + 0.02))
        feet = box(np.abs(at.x) - 0.55 * at.w, at.y, 0.3 * at.w, 0.22 * at.w)
        return feet, line - np.float32(0.0045)
    line = np.abs(box(at.x, at.y, at.w + 0.035, at.h + 0.03, 0.01))
    ends = box(np.abs(at.x) - at.w, at.y, 0.36 * at.w + 0.008, at.h + 0.004, 0.006)
    return ends, line - np.float32(0.0045)


def _row(at: Seat, y: Field, reach: float) -> Field:
    """A row of `at.legs` rectangles along x, `reach` to each side of y = 0."""
    pitch = 2.0 * at.w / np.maximum(at.legs, 1.0)
    last = 0.5 * (at.legs - 1.0)
    place = np.clip(np.round(at.x / pitch + last), 0.0, at.legs - 1.0) - last
    return box(at.x - place * pitch, y, 0.27 * pitch, reach, 0.004)


def _two_poles(canvas: Canvas, surface: Surface, group: list[Part], look: Colour) -> Surface:
    """Resistors or capacitors: a small block with a metal cap at each end."""
    at = seats(canvas, group)
    caps = box(np.abs(at.x) - 0.85 * at.w, at.y, 0.22 * at.w, 1.04 * at.h, 0.006)
    whole = np.minimum(box(at.x, at.y, at.w, at.h, 0.008), caps)
    height = 0.045 + 0.03 * bevel(whole, 0.025)
    surface = lay(surface, inside(whole, canvas.pixel), look, height, 0.35)
    return lay(surface, inside(caps, canvas.pixel), SOLDER, height, 0.7)


def _chips(canvas: Canvas, surface: Surface, group: list[Part], look: Colour) -> Surface:
    """Black packages with legs on two sides and a dimple beside the first leg."""
    at = seats(canvas, group)
    legs = _row(at, np.abs(at.y) - at.h + np.float32(0.02), 0.05)
    bodies = box(at.x, at.y, at.w, at.h - 0.025, 0.01)
    dimples = circle(at.x + 0.8 * at.w, at.y - 0.5 * at.h, 0.09 * at.h)
    height = 0.055 + 0.01 * bevel(legs, 0.012)
    surface = lay(surface, inside(legs, canvas.pixel), SOLDER, height, 0.75)
    height = 0.06 + 0.05 * bevel(bodies, 0.03) - 0.008 * bevel(dimples, 0.02)
    surface = lay(surface, inside(bodies, canvas.pixel), look, height, 0.3)
    for part in group:
        if part.mark:
            x, y = moved(canvas.x, canvas.y, part.centre, part.angle)
            text = stamp(x, y, part.mark, min(0.6 * part.half[1], 0.3 * part.half[0]))
            surface.albedo = tint(surface.albedo, INK, 0.5 * text)
    return surface


def _cans(canvas: Canvas, surface: Surface, group: list[Part], look: Colour) -> Surface:
    """Electrolytic capacitors: aluminium cans on a black foot, one side of the top is black."""
    at = seats(canvas, group)
    feet, cans = box(at.x, at.y, 0.98 * at.w, 0.98 * at.w, 0.02), circle(at.x, at.y, 0.9 * at.w)
    stripe = np.maximum(circle(at.x, at.y, 0.78 * at.w), at.x + 0.35 * at.w)
    cross = np.maximum(np.minimum(np.abs(at.x), np.abs(at.y)), circle(at.x, at.y, 0.6 * at.w))
    black = np.full(3, 0.07, np.float32)
    surface = lay(surface, inside(feet, canvas.pixel), black, 0.05 + 0.01 * bevel(feet, 0.02), 0.3)
    groove = np.clip(1.0 - cross / np.float32(0.012), 0.0, 1.0)
    height = 0.08 + 0.07 * bevel(cans, 0.035) - 0.006 * groove
    surface = lay(surface, inside(cans, canvas.pixel), look, height, 0.75)
    surface.albedo = tint(surface.albedo, black, 0.9 * inside(stripe, canvas.pixel))
    return surface


def _sockets(canvas: Canvas, surface: Surface, group: list[Part], look: Colour) -> Surface:
    """Plastic sockets: a rim around a trough with a row of pins."""
    at = seats(canvas, group)
    walls = box(at.x, at.y, at.w, at.h, 0.012)
    trough = box(at.x, at.y, at.w - 0.025, at.h - 0.025, 0.008)
    pins = _row(at, at.y, 0.022)
    height = 0.06 + 0.06 * bevel(walls, 0.02) - 0.05 * bevel(trough, 0.02)
    surface = lay(surface, inside(walls, canvas.pixel), look, height, 0.4)
    floor = inside(trough, canvas.pixel)[..., None]
    surface.albedo = surface.albedo * (1.0 - 0.35 * floor)
    return lay(surface, inside(pins, canvas.pixel), SOLDER, 0.09 + 2 * dome(pins, 0.02), 0.8)


DRAW: dict[str, Callable[[Canvas, Surface, list[Part], Colour], Surface]] = {
    "resistor": _two_poles,
    "capacitor": _two_poles,
    "chip": _chips,
    "socket": _sockets,
    "can": _cans,
}
