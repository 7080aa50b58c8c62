"""A round battery cell."""

from __future__ import annotations

import numpy as np

from workshop.minifactory.canvas import Canvas, Field, inside, smoothstep
from workshop.minifactory.noise import fractal
from workshop.minifactory.objects.bolts import barrel
from workshop.minifactory.objects.metal import amount, finished, laid, round_sheen
from workshop.minifactory.palette import COLOURS
from workshop.minifactory.shapes import box
from workshop.minifactory.surface import Colour, Fault, Surface, shaded, tint

INKS = ("white", "black", "golden", "silver", "grey", "red", "yellow", "blue")


def printed(x: Field, y: Field, layout: str, edge: float, stripe: float) -> Field:
    """Where the second ink lies on the sleeve, as a signed distance. `y` is around the sleeve."""
    if layout == "end band":
        return edge - x
    if layout == "stripes":
        return np.minimum(np.abs(x - edge) - stripe, np.abs(x - edge + 4 * stripe) - stripe / 2)
    if layout == "wave":
        return x - (0.3 - edge) - 0.08 * np.sin(9 * y)
    if layout == "diamond":
        return (np.abs(x) * 0.6 + np.abs(y) - 2.5 * stripe) * np.float32(0.8)
    return np.maximum(np.abs(y) - stripe, np.abs(x) - 0.4)  # "bar"


def battery(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """A round cell on its side: a printed sleeve, a metal foot (minus), a cap with a nub (plus).

    Faults: the cap is missing, the sleeve has slipped along the cell.
    """
    x, y = laid(canvas, style)
    half, radius = style.uniform(0.62, 0.74), style.uniform(0.2, 0.36)
    nub, nub_radius = style.uniform(0.06, 0.1), radius * style.uniform(0.3, 0.45)
    foot, rim = style.uniform(0.03, 0.06), style.uniform(0.05, 0.09)  # bare metal at the ends
    layout = str(style.choice(["end band", "stripes", "wave", "diamond", "bar"]))
    ink = np.asarray(COLOURS[str(style.choice(INKS))], dtype=np.float32)
    if np.abs(ink - colour).max() < 0.3:  # the print must show
        ink = np.float32(1.0) - colour if np.ptp(colour) < 0.15 else np.full(3, 0.9, np.float32)
    edge, stripe = style.uniform(0.1, 0.35), style.uniform(0.03, 0.06)
    sheen, gloss, tail = (
        style.uniform(-0.45, 0.45),
        style.uniform(0.45, 0.75),
        style.uniform(0, 0.3),
    )
    shrink = instance.normal(0.0, 0.004, 2).tolist()
    scuffs = fractal(instance, canvas, roughness=0.9, coarsest=3)

    slip = 0.0
    if off := amount(fault, "misplaced part"):
        slip = float(fault.generator().choice([-1.0, 1.0]) * (0.04 + 0.14 * off))
    missing = amount(fault, "missing part")
    gone = missing > 0
    body = box(x, y, half, radius, corner=0.035)
    pin = box(x - (half + nub / 2 - 0.02), y, nub / 2 + 0.02, nub_radius, corner=0.025)
    cap = np.where(x > half - 0.4 * rim, np.minimum(pin, body), 9.0)
    start, end = -half + foot + slip + shrink[0], half - rim + slip + shrink[1]
    sleeve = np.maximum(np.maximum(start - x, x - end), np.abs(y) - radius * 1.02)
    metal = body
    if gone:  # what the cap leaves: a shorter can, with a dark open end
        metal = np.maximum(body, x - (half - 0.9 * rim - 0.1 * missing))
        sleeve = np.maximum(sleeve, x - (half - 0.9 * rim - 0.1 * missing))
        cap = np.full_like(x, 9.0)

    t = y / np.float32(radius)
    around = np.arcsin(np.clip(t, -0.99, 0.99)) * radius
    light = round_sheen(t, sheen) * (1.0 + 0.03 * scuffs)
    bare = shaded(np.asarray((0.64, 0.65, 0.66), np.float32), light)
    crimp = smoothstep(np.abs(x - (half - 0.55 * rim)), 0.02, 0.005)
    open_end = smoothstep(x, half - 2.2 * rim, half - rim) if gone else 0.0 * x
    bare = bare * (1.0 - 0.4 * crimp - 0.7 * open_end * (1.0 - crimp))[..., None]
    on_sleeve = inside(sleeve, canvas.pixel)
    along = x - slip
    wrap = np.broadcast_to(colour, bare.shape)
    wrap = tint(wrap, ink, inside(printed(along, around, layout, edge, stripe), canvas.pixel))
    arm, thick = 0.28 * radius, 0.07 * radius
    plus_x, minus_x = along - (half - rim - 0.5 * radius), along + (half - foot - 0.5 * radius)
    plus = np.minimum(box(plus_x, around, arm, thick), box(plus_x, around, thick, arm))
    marks = np.minimum(plus, box(minus_x, around, thick, arm))
    contrast = 0.92 if wrap.mean() < 0.45 else 0.08
    wrap = tint(wrap, np.full(3, contrast, np.float32), inside(marks, canvas.pixel))
    wrap = wrap * (0.35 + 0.7 * light - 0.1 * tail * np.square(t))[..., None]
    albedo = bare * (1.0 - on_sleeve[..., None]) + wrap * on_sleeve[..., None]

    on_pin = inside(pin, canvas.pixel) * (x > half - 0.005)
    height = radius * barrel(t) + 0.012 * on_sleeve + 0.0004 * scuffs
    height = height - 0.06 * radius * smoothstep(np.abs(x), half - 0.05, half) - 0.015 * crimp
    height = height * (1 - on_pin) + nub_radius * barrel(y / np.float32(nub_radius)) * on_pin
    bright = shaded(np.asarray((0.7, 0.71, 0.72), np.float32), round_sheen(y / nub_radius, sheen))
    albedo = albedo * (1.0 - on_pin[..., None]) + bright * on_pin[..., None]
    cover = inside(np.minimum(np.minimum(metal, cap), sleeve), canvas.pixel)
    polish = 0.7 * (1 - on_sleeve) + gloss * on_sleeve
    return finished(albedo, 0.7 * height, polish, cover)
