"""A round biscuit."""

from __future__ import annotations

import numpy as np

from workshop.minifactory.canvas import Canvas, inside, moved, smoothstep
from workshop.minifactory.noise import fractal
from workshop.minifactory.objects.solids import bevel, blob, break_off, nearest
from workshop.minifactory.surface import Colour, Fault, Surface, plain, shaded, tint


def cookie(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """A round biscuit, with chips of chocolate or with docking holes. Missing: a bite of it."""
    radius = style.uniform(0.60, 0.70)
    chips, many = style.random() < 0.5, int(style.integers(9, 18))
    scallops, scallop = int(style.integers(18, 32)), style.uniform(0.008, 0.02)
    rings, crust = int(style.integers(1, 3)), style.uniform(0.15, 0.4)
    rough, stamped = style.uniform(0.6, 1.3), style.random() < 0.5
    chocolate = np.array((0.17, 0.09, 0.06), np.float32) * style.uniform(0.8, 1.5)
    crumb = fractal(instance, canvas, roughness=1.1, coarsest=8)
    lumps = fractal(instance, canvas, roughness=1.8, coarsest=2, finest=24)
    scatter = instance.uniform(0, 1, (18, 3))

    x, y = canvas.x, canvas.y
    far, angle = np.hypot(x, y), np.arctan2(y, x)
    wavy = 0.022 * lumps if chips else scallop * np.cos(np.float32(scallops) * angle)
    outline = far - np.float32(radius) + wavy.astype(np.float32)
    surface = plain(colour, canvas.u, gloss=0.08)
    height = 0.16 * bevel(outline, 0.30 if chips else 0.10)
    height = height + rough * (0.007 * crumb + (0.018 if chips else 0.005) * lumps)
    brown = smoothstep(outline, -0.28, 0.0) * crust
    tone = 1.08 - brown + 0.05 * crumb + 0.05 * lumps
    if chips:
        around = 2.4 * np.arange(many) + 0.9 * scatter[:many, 0]
        out = 0.88 * radius * np.sqrt((np.arange(many) + 0.2 + 0.6 * scatter[:many, 1]) / many)
        places = np.stack([out * np.cos(around), out * np.sin(around)], axis=1)
        px, py = (places[:, axis, None, None].astype(np.float32) for axis in (0, 1))
        large = (0.045 + 0.045 * scatter[:many, 2])[:, None, None].astype(np.float32)
        chip = (np.hypot(x - px, y - py) - large).min(axis=0) + 0.012 * lumps
    else:
        turns = [np.arange(6 * k) * 2 * np.pi / (6 * k) + 0.3 * k for k in range(1, rings + 1)]
        at = [
            0.62 * radius * k / rings * np.stack([np.cos(t), np.sin(t)], axis=1)
            for k, t in enumerate(turns, 1)
        ]
        holes = nearest(x, y, np.concatenate([np.zeros((1, 2)), *at])) - np.float32(0.024)
        height = height - 0.06 * smoothstep(holes, 0.015, -0.012)
        tone = tone - 0.35 * smoothstep(holes, 0.012, -0.012)
        if stamped:
            groove = np.abs(far - np.float32(0.8 * radius))
            height = height - 0.025 * smoothstep(groove, 0.035, 0.0)
    surface.albedo = shaded(colour, tone)
    if chips:
        surface.albedo = tint(surface.albedo, chocolate, inside(chip, max(canvas.pixel, 0.012)))
        height = height + 0.05 * bevel(chip, 0.07)
    surface.height = height.astype(np.float32)
    surface.cover = inside(outline, canvas.pixel)
    if fault is not None and fault.name == "missing part":
        draw = fault.generator()
        at, size = draw.uniform(0, 2 * np.pi), 0.12 + 0.28 * fault.strength
        piece = blob(*moved(x, y, (radius * np.cos(at), radius * np.sin(at))), draw, size)
        surface = break_off(surface, canvas, piece + 0.01 * lumps, 1.1 * colour, crumb)
    return surface
