"""Print: ink where no ink belongs."""

from __future__ import annotations

import numpy as np

from workshop.minifactory.canvas import Canvas, inside, smoothstep
from workshop.minifactory.defects.contrast import local_colour, pigment
from workshop.minifactory.defects.placing import log_uniform, spot, stroke
from workshop.minifactory.noise import fractal
from workshop.minifactory.shapes import ring
from workshop.minifactory.surface import Surface, tint

INKS = (
    (0.04, 0.04, 0.05),
    (0.08, 0.14, 0.50),
    (0.70, 0.07, 0.10),
    (0.06, 0.36, 0.16),
    (0.92, 0.92, 0.90),
)
Lines = tuple[tuple[tuple[float, float], ...], ...]
GLYPHS: tuple[Lines, ...] = (  # broken lines in a box 2 wide and 4 high
    (((0, 4), (1, 0), (2, 4)), ((0.4, 2.6), (1.6, 2.6))),  # A
    (((2, 0), (0.0, 0.0), (0, 4), (2, 4)), ((0, 2), (1.6, 2))),  # E
    (((0.0, 0.0), (0, 4)), ((2, 0), (2, 4)), ((0, 2), (2, 2))),  # H
    (((0.0, 0.0), (0, 4)), ((2, 0), (0, 2.2), (2, 4))),  # K
    (((0.0, 0.0), (0, 4), (2, 4)),),  # L
    (((0, 4), (0.0, 0.0), (2, 4), (2, 0)),),  # N
    (((0, 4), (0.0, 0.0), (1.6, 0), (2, 0.6), (2, 1.6), (1.6, 2.2), (0, 2.2)),),  # P
    (((2, 0.4), (1.5, 0), (0.5, 0), (0, 0.6), (0, 1.4), (2, 2.6), (2, 3.5), (1.5, 4), (0, 3.8)),),
    (((0.0, 0.0), (2, 0)), ((1, 0), (1, 4))),  # T
    (((0.0, 0.0), (2, 4)), ((2, 0), (0, 4))),  # X
    (((0.0, 0.0), (2, 0), (0, 4), (2, 4)),),  # Z
    (((0.2, 0.9), (1.1, 0), (1.1, 4)),),  # 1
    (((0, 0.8), (0.6, 0), (1.5, 0), (2, 0.9), (0, 4), (2, 4)),),  # 2
    (((1.5, 4), (1.5, 0), (0, 2.8), (2.1, 2.8)),),  # 4
    (((0.0, 0.0), (2, 0), (0.8, 4)),),  # 7
    (((0.5, 0), (1.5, 0), (2, 1), (2, 3), (1.5, 4), (0.5, 4), (0, 3), (0, 1), (0.5, 0)),),  # 0
    (((0, 2.4), (0.8, 3.6), (2.4, 0.4)),),  # tick
    (((-0.6, 2), (2.6, 2)), ((1.6, 1.2), (2.6, 2), (1.6, 2.8))),  # arrow
)


def ink_mark(
    surface: Surface, canvas: Canvas, generator: np.random.Generator, strength: float
) -> Surface:
    """A stamped mark: one to five letters, digits or signs, at times in a ring, unevenly inked."""
    centre = spot(surface, canvas, generator)
    ink = pigment(generator, INKS, local_colour(surface, canvas, centre), least=0.35)
    angle, high = generator.uniform(0, 2 * np.pi), log_uniform(generator, 0.13, 0.32)
    ringed = generator.random() < 0.3
    count = int(generator.integers(1, 3 if ringed else 6 if high < 0.22 else 4))
    pen = high * generator.uniform(0.05, 0.1)
    unit = high / 4.0
    slant = generator.uniform(-0.25, 0.25)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    distance = np.full_like(surface.cover, 1.0)
    for place in range(count):
        for line in GLYPHS[int(generator.integers(len(GLYPHS)))]:
            points = np.asarray(line, dtype=float) - (1.0, 2.0)
            points[:, 0] += 3.2 * (place - (count - 1) / 2) - slant * points[:, 1]
            distance = np.minimum(distance, stroke(canvas, points * unit @ turn + centre, pen))
    if ringed:
        frame = unit * (2.9 + 1.6 * (count - 1))
        u, v = canvas.u - np.float32(centre[0]), canvas.v - np.float32(centre[1])
        distance = np.minimum(distance, ring(u, v, frame, 1.6 * pen))

    patchy = fractal(generator, canvas, roughness=0.9, coarsest=4.0, finest=40.0)
    wear = generator.uniform(-2.4, -0.9)  # the pad was dry in places
    bleed = max(0.012, 0.5 * pen)
    inked = inside(distance + np.float32(0.15 * pen) * patchy, bleed)
    inked = inked * (0.25 + 0.75 * smoothstep(patchy, wear, wear + 1.0)) * surface.cover
    marked = surface.copy()
    marked.albedo = tint(surface.albedo, ink, np.float32(0.9 * strength) * inked)
    return marked
