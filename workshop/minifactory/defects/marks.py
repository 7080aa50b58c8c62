"""Defects that mark a surface: scratch, stain, discoloration, burn. (Print has its own module.)"""

from __future__ import annotations

import numpy as np

from workshop.minifactory.canvas import Canvas, inside, moved, smoothstep
from workshop.minifactory.defects.contrast import brighter, darkness, local_colour, pigment
from workshop.minifactory.defects.placing import blob, log_uniform, spot, stroke, wander
from workshop.minifactory.noise import fractal
from workshop.minifactory.shapes import circle
from workshop.minifactory.surface import Surface, tint

LIQUIDS = (
    (0.26, 0.15, 0.07),  # coffee
    (0.08, 0.07, 0.05),  # oil
    (0.56, 0.40, 0.18),  # tea
    (0.88, 0.86, 0.80),  # milk, lime
    (0.40, 0.08, 0.15),  # wine
    (0.12, 0.22, 0.42),  # dye
)


def scratch(
    surface: Surface, canvas: Canvas, generator: np.random.Generator, strength: float
) -> Surface:
    """A groove with a bright or dark bottom: one, some side by side, or one in a curve."""
    centre = spot(surface, canvas, generator)
    form = generator.choice(["single", "parallel", "curved"])
    turn = generator.uniform(0.8, 2.6) * generator.choice([-1, 1]) if form == "curved" else 0.1
    length = log_uniform(generator, 0.4, 1.2)
    line = wander(generator, centre, length, bend=0.03, steps=12, turn=turn)
    width = log_uniform(generator, 0.006, 0.016)
    count = int(generator.integers(2, 6)) if form == "parallel" else 1
    change = 0.38 if generator.random() < 0.6 else -0.32
    chord = line[-1] - line[0]
    side = np.array([-chord[1], chord[0]]) / max(float(np.hypot(*chord)), 1e-6)
    offsets = np.cumsum(generator.uniform(2.5, 7.0, count)) * width
    soft = max(2.0 / canvas.size, 0.8 * width)

    groove = np.zeros_like(surface.cover)
    for offset in offsets - offsets.mean():
        first, last = int(generator.integers(0, 3)), int(generator.integers(10, 13))
        part = line[first : last + 1] + side * offset
        pressure = np.sin(np.linspace(0.15, np.pi - 0.1, len(part))) ** 0.5
        pressure = pressure * generator.uniform(0.6, 1.1, len(part))
        depth = generator.uniform(0.7, 1.0)
        groove = np.maximum(groove, depth * inside(stroke(canvas, part, width * pressure), soft))
    groove *= surface.cover
    marked = surface.copy()
    marked.height = surface.height - np.float32(0.02 * strength) * groove
    tone = brighter(local_colour(surface, canvas, centre), change)
    marked.albedo = tint(surface.albedo, tone, np.float32(0.85 * strength) * groove)
    return marked


def stain(
    surface: Surface, canvas: Canvas, generator: np.random.Generator, strength: float
) -> Surface:
    """A dried liquid: an uneven blot, at times with drips and splashes, darkest at its edge."""
    centre = spot(surface, canvas, generator)
    local = local_colour(surface, canvas, centre)
    liquid = pigment(generator, LIQUIDS, local, least=0.3)
    radius = log_uniform(generator, 0.08, 0.26)
    body, seam, wet = generator.uniform(0.3, 0.6), generator.uniform(0.2, 0.5), generator.random()
    distance = blob(canvas.u, canvas.v, generator, centre, radius, irregular=0.4, stretch=2.2)
    fall = generator.uniform(0, 2 * np.pi)  # drips run all the same way
    for _ in range(int(generator.integers(0, 4))):
        start = np.asarray(centre) + generator.uniform(-0.6, 0.6, 2) * radius
        drip = wander(
            generator, (0.0, 0.0), radius * generator.uniform(0.8, 2.2), 0.06, 6, 0.0, fall
        )
        taper = radius * np.linspace(generator.uniform(0.12, 0.25), 0.07, len(drip))
        distance = np.minimum(distance, stroke(canvas, drip - drip[0] + start, taper))
    for _ in range(int(generator.integers(0, 6))):
        where, far = generator.uniform(0, 2 * np.pi), radius * generator.uniform(1.2, 2.1)
        u, v = moved(canvas.u, canvas.v, centre, where)
        drop = circle(u - np.float32(far), v, radius * generator.uniform(0.06, 0.18))
        distance = np.minimum(distance, drop)
    uneven = fractal(generator, canvas, roughness=1.6, coarsest=3.0, finest=40.0)
    distance = distance + np.float32(0.07 * radius) * uneven

    filled = inside(distance, 0.022)
    edge = filled * np.exp(-((distance / np.float32(0.16 * radius + 0.008)) ** 2))
    alpha = np.clip(body * filled * (1.0 + 0.15 * uneven) + seam * edge, 0, 0.95) * surface.cover
    marked = surface.copy()
    marked.albedo = tint(surface.albedo, liquid, np.float32(strength) * alpha)
    sheen = (0.4 if wet > 0.6 else 0.1) - surface.gloss
    marked.gloss = surface.gloss + np.float32(0.7 * strength) * filled * surface.cover * sheen
    return marked


def discoloration(
    surface: Surface, canvas: Canvas, generator: np.random.Generator, strength: float
) -> Surface:
    """A large soft patch where the colour has faded, darkened or turned."""
    centre = spot(surface, canvas, generator)
    local = local_colour(surface, canvas, centre)
    radius = log_uniform(generator, 0.13, 0.26)
    hue = generator.normal(0, 1, 3)
    same = generator.choice([-1.0, 1.0])  # bleached or soaked
    weight = generator.random()
    shift = weight * hue / np.abs(hue).max() + (1.0 - weight) * same
    shift *= generator.uniform(0.2, 0.32) * (1.0 - 0.3 * darkness(local)) / np.abs(shift).max()
    shift = np.where((local + shift < 0.02) | (local + shift > 0.98), -shift, shift)
    distance = blob(canvas.u, canvas.v, generator, centre, radius, irregular=0.45, stretch=2.5)
    cloud = fractal(generator, canvas, roughness=1.8, coarsest=2.0, finest=24.0)
    distance = distance + np.float32(0.15 * radius) * cloud
    alpha = smoothstep(distance, 0.30 * radius, -0.45 * radius) * (1.0 + 0.12 * cloud)
    alpha = np.float32(strength) * alpha * surface.cover
    marked = surface.copy()
    changed = surface.albedo + alpha[..., None] * shift.astype(np.float32)
    marked.albedo = np.clip(changed, 0.0, 1.0)
    return marked


def burn(
    surface: Surface, canvas: Canvas, generator: np.random.Generator, strength: float
) -> Surface:
    """Scorched by heat: a charred middle (ash on black products), a brown halo, no gloss left."""
    centre = spot(surface, canvas, generator)
    local = local_colour(surface, canvas, centre)
    radius = log_uniform(generator, 0.09, 0.24)
    distance = blob(canvas.u, canvas.v, generator, centre, radius, irregular=0.3, stretch=3.0)
    rough = fractal(generator, canvas, roughness=1.1, coarsest=4.0, finest=40.0)
    distance = distance + np.float32(0.13 * radius) * rough
    width, depth = generator.uniform(0.25, 0.6), generator.uniform(0.7, 0.95)
    char = np.float32([0.045, 0.04, 0.035])
    brown = np.float32([0.34, 0.19, 0.08]) * generator.uniform(0.7, 1.2)
    if local.mean() < 0.24:  # char on black would not show; ash does
        char = np.float32([0.46, 0.44, 0.42])
    elif np.abs(brown - local).max() < 0.2:
        brown = 0.45 * local
    core = smoothstep(distance, -0.05 * radius, -0.7 * radius) * np.clip(1 + 0.2 * rough, 0, 1.2)
    halo = smoothstep(distance, width * radius, -0.3 * radius)
    alpha = np.float32(strength) * surface.cover
    marked = surface.copy()
    scorched = tint(surface.albedo, brown, 0.65 * alpha * halo)
    marked.albedo = tint(scorched, char, np.clip(depth * alpha * core, 0.0, 1.0))
    marked.gloss = surface.gloss * (1.0 - 0.9 * alpha * halo)
    flakes = np.float32(0.005 + 0.004 * darkness(local))
    marked.height = surface.height + flakes * alpha * core * (rough - 1.0)
    return marked
