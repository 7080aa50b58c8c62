"""Medicines: capsule and tablet."""

from __future__ import annotations

import numpy as np

from workshop.minifactory.canvas import Canvas, inside, moved, smoothstep
from workshop.minifactory.noise import fractal
from workshop.minifactory.objects.lettering import stamp
from workshop.minifactory.objects.solids import bevel, blob, break_off, dome
from workshop.minifactory.palette import mix
from workshop.minifactory.shapes import box, circle, rod
from workshop.minifactory.surface import Colour, Fault, Surface, lay, plain, shaded, tint

BODIES = ("white", "beige", "yellow", "orange", "red", "black", "grey", "pink", "blue", "green")


def capsule(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """A two-piece capsule lying on its side: a cap pushed over a body of another colour.

    Missing: the end of the body is broken off. Misplaced: the cap sits askew and too far out.
    """
    half = style.uniform(0.64, 0.76)
    radius = half * style.uniform(0.32, 0.42)
    seam, tight = style.uniform(-0.10, 0.12), style.uniform(0.92, 0.96)
    other = mix(str(style.choice(BODIES)), style)
    gloss, depth = style.uniform(0.5, 0.75), style.uniform(0.5, 0.7)
    digits = style.integers(0, 10, int(style.integers(2, 4)))
    on_cap, ink = style.random() < 0.5, style.random() < 0.7
    grooved = style.random() < 0.6
    cloud = fractal(instance, canvas, roughness=1.5, coarsest=2, finest=30)
    slip = instance.normal(0, 0.008)

    if np.abs(other - colour).max() < 0.2:  # two halves of one colour would hide the seam
        other = np.full(3, 0.85 if colour.mean() < 0.5 else 0.12, np.float32)
    x, y = canvas.x, canvas.y
    askew, out, lost = 0.0, 0.0, None
    if fault is not None:
        draw = fault.generator()
        sign, phase = (1 if draw.random() < 0.5 else -1), draw.uniform(0, 2 * np.pi, 3)
        if fault.name == "misplaced part":
            askew, out = sign * (0.05 + 0.2 * fault.strength), 0.02 + 0.16 * fault.strength
        elif fault.name == "missing part":
            ragged = sum(
                np.float32(size) * np.sin(np.float32(waves) * y + np.float32(p))
                for size, waves, p in zip((0.05, 0.03, 0.015), (7, 17, 41), phase, strict=True)
            )
            lost = np.float32(half - radius * (0.25 + 1.2 * fault.strength)) - x + ragged

    end = half - radius
    body = np.maximum(rod(x, y, (-end, 0), (end, 0), tight * radius), -x - np.float32(0.3))
    cx, cy = moved(x, y, (slip - out, 0.0), askew)
    shell = rod(cx, cy, (-end, 0), (end, 0), radius)
    cap = np.maximum(shell, cx - np.float32(seam))
    surface = plain(other, canvas.u, gloss=gloss)
    tube = rod(x, y, (-end, 0), (end, 0), tight * radius)
    ring = np.abs(cx + np.float32(0.35 * end)) if grooved else np.full_like(x, 9.0)
    surface.albedo = shaded(other, 1.0 + 0.03 * cloud)
    surface.height = (depth * dome(tube, tight * radius)).astype(np.float32)
    surface.cover = inside(body, canvas.pixel)
    if lost is not None:
        hollow = smoothstep(np.hypot(lost / 0.4, y) - np.float32(0.8 * radius), 0.03, -0.03)
        surface.albedo = tint(surface.albedo, 0.25 * other, 0.85 * hollow)
        surface.height = (surface.height - 0.08 * hollow).astype(np.float32)
        surface.cover = surface.cover * (1.0 - inside(lost, canvas.pixel))
    lip = smoothstep(cx - np.float32(seam), -0.03, 0.0)
    height = depth * dome(shell, radius) - 0.012 * lip - 0.012 * smoothstep(ring, 0.03, 0.0)
    surface = lay(surface, inside(cap, canvas.pixel), colour, height.astype(np.float32), gloss)
    tx, ty = (cx + np.float32(0.45 * end), cy) if on_cap else (x - np.float32(0.55 * end), y)
    paint = 0.08 if (colour if on_cap else other).mean() > 0.3 else 0.9
    text = stamp(tx, ty, digits, 0.5 * radius) * ink * surface.cover
    surface.albedo = tint(surface.albedo, np.full(3, paint, np.float32), 0.75 * text)
    return surface


def tablet(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """A pressed tablet, round or oblong, with a score line or a number. Missing: a chip of it."""
    long, wide = style.uniform(0.52, 0.68), style.uniform(0.50, 0.62)
    oblong = style.random() < 0.45
    edge, domed = style.uniform(0.04, 0.12), style.uniform(0.0, 0.10)
    coated = style.random() < 0.5
    gloss, grit = (0.5, 0.0005) if coated else (0.12, 0.0013)
    mark = style.choice(("score", "cross", "number", "both"), p=(0.45, 0.1, 0.2, 0.25))
    digits = style.integers(0, 10, int(style.integers(2, 4)))
    speckled, ledge = style.random() < 0.35, style.random() < 0.4
    tint_of_specks = style.uniform(0.55, 0.8)
    powder = fractal(instance, canvas, roughness=0.6, coarsest=12)
    cloud = fractal(instance, canvas, roughness=1.6, coarsest=2, finest=30)

    x, y = canvas.x, canvas.y
    half = (1.1 * long, 1.1 * long * wide) if oblong else (long, long)
    outline = box(x, y, *half, half[1] * 0.999) if oblong else circle(x, y, long)
    surface = plain(colour, canvas.u, gloss=gloss)
    height = 0.14 * bevel(outline, edge) + domed * bevel(outline, half[1])
    if ledge:
        height = height - 0.015 * smoothstep(np.abs(outline + np.float32(edge + 0.05)), 0.025, 0.0)
    if mark != "number":
        groove = np.abs(x) if mark != "cross" else np.minimum(np.abs(x), np.abs(y))
        height = height - 0.05 * np.exp(-((groove / np.float32(0.028)) ** 2))
    if mark in ("number", "both"):
        tall = 0.45 * half[1] if mark == "number" else 0.32 * half[1]
        for side in (0.0,) if mark == "number" else (-0.5, 0.5):
            height = height - 0.022 * stamp(x - np.float32(side * half[0]), y, digits[:2], tall)
    surface.height = (height + grit * powder).astype(np.float32)
    specks = smoothstep(powder, 1.5, 2.3) * speckled * (1 - tint_of_specks)
    surface.albedo = shaded(colour, 1.0 + 0.025 * powder + 0.02 * cloud - 1.6 * specks)
    surface.cover = inside(outline + 0.004 * cloud, canvas.pixel)
    if fault is not None and fault.name == "missing part":
        draw = fault.generator()
        at, size = draw.uniform(0, 2 * np.pi), 0.10 + 0.24 * fault.strength
        place = (half[0] * np.cos(at), half[1] * np.sin(at))
        piece = blob(*moved(x, y, place), draw, size)
        core = np.clip(0.6 * colour + 0.38, 0, 1) if coated else 0.95 * colour
        surface = break_off(surface, canvas, piece, core, powder)
    return surface
