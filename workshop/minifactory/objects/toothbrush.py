"""The head of a toothbrush, seen from above."""

from __future__ import annotations

import numpy as np

from workshop.minifactory.canvas import Canvas, inside
from workshop.minifactory.noise import fractal
from workshop.minifactory.objects.solids import bevel
from workshop.minifactory.palette import mix
from workshop.minifactory.shapes import box, rod
from workshop.minifactory.surface import Colour, Fault, Surface, lay, plain, shaded

BRISTLES = ("white", "white", "blue", "green", "yellow", "red", "pink", "purple", "orange")


def toothbrush(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """A long head with rows of tufts, and the neck that leads out of the picture.

    Missing: a tuft, or two where the fault is strong. Bent: the bristles of a tuft are splayed.
    """
    half = (style.uniform(0.28, 0.36), style.uniform(0.62, 0.72))
    columns, rows = int(style.integers(3, 5)), int(style.integers(7, 11))
    first, second = (mix(str(name), style) for name in style.choice(BRISTLES, 2, replace=False))
    pattern, neck = int(style.integers(0, 4)), style.uniform(0.09, 0.14)
    staggered, fat = style.random() < 0.4, style.uniform(0.50, 0.60)
    taper, gloss = style.uniform(0.6, 1.0), style.uniform(0.4, 0.7)
    fibres = fractal(instance, canvas, roughness=0.1, coarsest=24, finest=60)
    cloud = fractal(instance, canvas, roughness=1.5, coarsest=3, finest=30)

    rest = -0.12  # the head sits a little above the middle, the neck leaves below
    x, y = canvas.x, canvas.y - np.float32(rest)
    head = box(x, y, *half, 0.95 * half[0])
    stalk = rod(x, y, (0, half[1] - 0.1), (0, 2.0), neck)
    outline = -0.06 * np.logaddexp(-head / 0.06, -stalk / 0.06)  # a smooth union
    surface = plain(colour, canvas.u, gloss=gloss)
    surface.albedo = shaded(colour, 1.0 + 0.02 * cloud)
    surface.height = (0.09 * bevel(outline, 0.07)).astype(np.float32)
    surface.cover = inside(outline, canvas.pixel)

    column, row = (g.ravel() for g in np.meshgrid(np.arange(columns), np.arange(rows)))
    along = (row + 0.5 + 0.5 * staggered * (column % 2 - 0.5)) / rows * 2 - 1
    pinch = 1 - (1 - taper) * along**6  # the rows at both ends are narrower
    across = (column + 0.5) / columns * 2 - 1
    centres = np.stack([0.84 * half[0] * across * pinch, 0.86 * half[1] * along], axis=1)
    corner = (np.abs(across) > 1 - 1.5 / columns) & (np.abs(along) > 1 - 1.5 / rows)
    radius = fat * 2 * 0.86 * half[1] / rows * (1 + 0.06 * instance.normal(0, 1, len(row)))
    radius = np.minimum(radius, 1.15 * fat * 2 * 0.84 * half[0] / columns)
    centres = centres + instance.normal(0, 0.006, centres.shape)
    rise = 0.22 + 0.03 * instance.normal(0, 1, len(row)).astype(np.float32)
    inner = (np.abs(across) < 0.6, row % 2 == 0, np.abs(along) > 0.55, (row + column) % 2 == 0)
    choice = inner[pattern]

    keep, splay = ~corner, None
    if fault is not None:
        draw = fault.generator()
        chosen = int(draw.choice(np.flatnonzero(keep)))
        fan = draw.normal(0, 0.45, 14), draw.uniform(0.6, 1.0, 14)
        if fault.name == "missing part":
            keep = keep.copy()
            keep[chosen] = False
            if fault.strength > 0.6 and keep[(chosen + columns) % len(row)]:
                keep[(chosen + columns) % len(row)] = False
        elif fault.name == "bent part":
            chosen = int(draw.choice(np.flatnonzero(keep & (np.abs(across) > 1 - 1.5 / columns))))
            splay = chosen, fan

    px, py = (centres[keep, axis, None, None].astype(np.float32) for axis in (0, 1))
    size = radius[keep].astype(np.float32)
    # each tuft is a little ragged: its bristles end where the cloud of fibres lets them
    ratio = np.hypot(x - px, y - py) / size[:, None, None]
    mine = ratio.argmin(axis=0)
    edge = (np.take_along_axis(ratio, mine[None], axis=0)[0] - 1.0) * size.mean()
    tuft = (edge + np.float32(0.006) * fibres).astype(np.float32)
    shade = (0.92 + 0.11 * fibres).clip(0.5, 1.2)[..., None]
    dye = np.where(choice[keep][mine][..., None], first, second) * shade
    height = rise[keep][mine] * (0.7 + 0.3 * bevel(tuft, 0.06)) + 0.007 * fibres
    surface = lay(surface, inside(tuft, canvas.pixel), np.clip(dye, 0, 1), height, 0.25)
    if splay is not None:
        chosen, (spread, reach) = splay
        towards = np.arctan2(0.5 * along[chosen], np.sign(across[chosen]))
        dye = first if choice[chosen] else second
        far = radius[chosen] * (1.2 + 2.2 * fault.strength)
        for lean, share in zip(towards + spread, reach, strict=True):
            tip = centres[chosen] + far * share * np.array((np.cos(lean), np.sin(lean)))
            bristle = rod(x, y, centres[chosen].tolist(), tip.tolist(), 0.009)
            height = 0.20 + 0.04 * bevel(bristle, 0.009)
            surface = lay(surface, inside(bristle, canvas.pixel), 0.95 * dye, height, 0.3)
    return surface
