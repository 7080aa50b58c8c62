"""Defects that break a surface: crack, cut, hole and chipped edge."""

from __future__ import annotations

import numpy as np

from workshop.minifactory.canvas import Canvas, Field, inside, smoothstep
from workshop.minifactory.defects.contrast import brighter, darkness, local_colour
from workshop.minifactory.defects.placing import blob, log_uniform, rim, spot, stroke, wander
from workshop.minifactory.noise import fractal
from workshop.minifactory.surface import Colour, Surface, shaded, tint

CRISP = 0.014  # the width of a broken edge, in canvas units: still a slope at 120 px


def _gape(
    surface: Surface, local: Colour, distance: Field, lip: float, deep: float, strength: float
) -> Surface:
    """A copy that gapes where `distance` is negative: dark and deep, with lips `lip` wide.

    The lips stand up a little and are paler, the more so the darker the product: a black gap in a
    black product is seen by its lips.
    """
    gap = inside(distance, CRISP) * surface.cover
    lips = np.exp(-(((distance - np.float32(0.8 * lip)) / np.float32(lip)) ** 2))
    lips = lips * (1.0 - gap) * surface.cover
    opened = surface.copy()
    amount = np.float32(strength**0.6)
    opened.height = surface.height + np.float32(deep * strength) * (0.3 * lips - gap)
    pale = np.float32(0.15 + 0.6 * darkness(local)) * amount
    albedo = tint(surface.albedo, brighter(local, 0.28), pale * lips)
    opened.albedo = tint(albedo, np.float32(0.12) * local, np.float32(0.92) * amount * gap)
    opened.gloss = surface.gloss * (1.0 - amount * gap)
    return opened


def _jagged(
    generator: np.random.Generator, start: np.ndarray, heading: float, length: float
) -> np.ndarray:
    """A broken line that keeps its direction on the whole: points (n, 2), the first is `start`."""
    steps = max(4, int(length / 0.06))
    line = wander(generator, (0.0, 0.0), length, bend=0.12, steps=steps, heading=heading)
    line = line - line[0] + start
    line[1:] += generator.normal(0, 0.016, (steps, 2))
    return line


def crack(
    surface: Surface, canvas: Canvas, generator: np.random.Generator, strength: float
) -> Surface:
    """A jagged gap that branches, or that spreads from a knock in all directions."""
    centre = np.asarray(spot(surface, canvas, generator))
    width = log_uniform(generator, 0.007, 0.017)
    heading = generator.uniform(0, 2 * np.pi)
    arms = int(generator.integers(3, 7)) if generator.random() < 0.3 else 2
    length = log_uniform(generator, 0.28, 0.62) * (0.6 if arms > 2 else 1.0)
    distance = np.full_like(surface.cover, 1.0)
    for arm in range(arms):
        towards = heading + 2 * np.pi * arm / arms + generator.normal(0, 0.2)
        main = _jagged(generator, centre, towards, length * generator.uniform(0.6, 1.2))
        thin = np.linspace(1.0, 0.2, len(main)) * generator.uniform(0.45, 1.15, len(main))
        distance = np.minimum(distance, stroke(canvas, main, width * thin))
        for _ in range(int(generator.integers(0, 3))):
            at = int(generator.integers(1, len(main) - 1))
            aside = towards + generator.choice([-1, 1]) * generator.uniform(0.4, 1.1)
            twig = _jagged(generator, main[at], aside, length * generator.uniform(0.25, 0.6))
            thin = np.linspace(0.6, 0.15, len(twig))
            distance = np.minimum(distance, stroke(canvas, twig, width * thin))
    local = local_colour(surface, canvas, tuple(centre))
    return _gape(surface, local, distance + (1.0 - strength) * 0.3 * width, 0.012, 0.03, strength)


def cut(
    surface: Surface, canvas: Canvas, generator: np.random.Generator, strength: float
) -> Surface:
    """A straight slit of a blade, widest in the middle, lips open; now and then two."""
    centre = spot(surface, canvas, generator)
    distance = np.full_like(surface.cover, 1.0)
    for number in range(int(generator.choice([1, 1, 1, 2]))):
        length = log_uniform(generator, 0.28, 0.85)
        width = length * generator.uniform(0.02, 0.05) + 0.006
        at = np.asarray(centre) + (number > 0) * generator.normal(0, 0.08, 2)
        line = wander(generator, tuple(at), length, 0.01, 10, generator.uniform(-0.15, 0.15))
        wide = width * np.sin(np.pi * np.linspace(0, 1, 11) ** generator.uniform(0.8, 1.25))
        distance = np.minimum(distance, stroke(canvas, line, wide * (0.5 + 0.5 * strength)))
    deep, lip = generator.uniform(0.05, 0.08), generator.uniform(0.018, 0.03)
    return _gape(surface, local_colour(surface, canvas, centre), distance, lip, deep, strength)


def hole(
    surface: Surface, canvas: Canvas, generator: np.random.Generator, strength: float
) -> Surface:
    """A round-ish hole with a crisp rim: dark inside, or right through to the backdrop."""
    centre = spot(surface, canvas, generator)
    radius = log_uniform(generator, 0.07, 0.2) * (0.5 + 0.5 * strength)
    torn = generator.choice([0.06, 0.18, 0.3])  # drilled, worn or torn
    through, wall = generator.random() < 0.5, generator.uniform(0.12, 0.35)
    lip = generator.uniform(0.018, 0.035)
    distance = blob(canvas.u, canvas.v, generator, centre, radius, irregular=torn, stretch=1.4)
    ragged = fractal(generator, canvas, roughness=1.2, coarsest=6.0, finest=40.0)
    distance = distance + np.float32(0.25 * torn * radius) * ragged
    local = local_colour(surface, canvas, centre)
    opened = _gape(surface, local, distance, lip, 0.10, strength**0.5)
    if through:  # the wall of the hole stays in sight all round
        opened.cover = surface.cover * (1.0 - inside(distance + np.float32(wall * radius), CRISP))
    return opened


def chipped_edge(
    surface: Surface, canvas: Canvas, generator: np.random.Generator, strength: float
) -> Surface:
    """A bite out of the outline, or a flake off the face where no outline is in the picture.

    Either way the rough core of the material shows, paler or darker than its face.
    """
    inner = spot(surface, canvas, generator)
    edge = rim(surface, canvas, generator)
    centre = inner if edge is None else edge
    radius = log_uniform(generator, 0.12, 0.25) * (0.55 + 0.45 * strength)
    distance = blob(canvas.u, canvas.v, generator, centre, radius, irregular=0.45, stretch=2.0)
    rough = fractal(generator, canvas, roughness=1.5, coarsest=6.0, finest=48.0)
    change = 0.3 if generator.random() < 0.6 else -0.28
    shell, deep = generator.uniform(0.1, 0.4), generator.uniform(0.04, 0.07)
    tilt = generator.uniform(-0.5, 0.5, 2)  # the face of a fracture slopes
    distance = distance + np.float32(0.07 * radius) * rough

    broken = inside(distance, CRISP) * surface.cover
    u, v = canvas.u - np.float32(centre[0]), canvas.v - np.float32(centre[1])
    face = deep * (1.0 + smoothstep(distance, 0.0, -radius)) - 0.01 * rough
    face = (face - tilt[0] * deep * u / radius - tilt[1] * deep * v / radius).astype(np.float32)
    amount = np.float32(strength**0.6)
    chipped = surface.copy()
    chipped.height = surface.height - amount * broken * face
    core = shaded(brighter(local_colour(surface, canvas, centre), change), 1.0 + 0.1 * rough)
    alpha = (0.85 * amount * broken)[..., None]
    chipped.albedo = surface.albedo * (1.0 - alpha) + core * alpha
    chipped.gloss = surface.gloss * (1.0 - 0.85 * amount * broken)
    if edge is not None:
        chipped.cover = surface.cover * (1.0 - inside(distance + np.float32(shell * radius), CRISP))
    return chipped
