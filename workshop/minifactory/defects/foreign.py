"""Defects that do not belong to the product: contamination, thread, glue and rust."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from workshop.minifactory.canvas import Canvas, inside, smoothstep
from workshop.minifactory.defects.contrast import local_colour, pigment
from workshop.minifactory.defects.placing import blob, log_uniform, spot, stroke, wander, window
from workshop.minifactory.noise import fractal
from workshop.minifactory.surface import Surface, tint

GRAINS = (
    (0.07, 0.06, 0.06),  # grit
    (0.90, 0.89, 0.86),  # plastic
    (0.58, 0.42, 0.24),  # sawdust
    (0.30, 0.20, 0.12),  # soil
    (0.62, 0.63, 0.65),  # metal
    (0.15, 0.30, 0.65),  # paint
)
FIBRES = (
    (0.05, 0.04, 0.04),
    (0.92, 0.91, 0.88),
    (0.30, 0.18, 0.10),
    (0.75, 0.12, 0.12),
    (0.15, 0.25, 0.60),
    (0.70, 0.55, 0.30),
)
GLUES = ((0.93, 0.92, 0.89), (0.80, 0.80, 0.78), (0.70, 0.52, 0.22), (0.55, 0.56, 0.55))
RUSTS = ((0.55, 0.26, 0.09), (0.42, 0.18, 0.07), (0.74, 0.40, 0.14), (0.20, 0.09, 0.05))


def contamination(
    surface: Surface, canvas: Canvas, generator: np.random.Generator, strength: float
) -> Surface:
    """Foreign grains that lie on the product: a large one, or a scatter of small ones."""
    centre = spot(surface, canvas, generator)
    local = local_colour(surface, canvas, centre)
    count = int(generator.choice([1, 2, 4, 7, 11, 15]))
    spread = generator.uniform(0.05, 0.09) * np.sqrt(count)
    largest = log_uniform(generator, 0.05, 0.11) if count < 3 else generator.uniform(0.03, 0.055)
    stretch = generator.choice([1.5, 4.0])  # grains or splinters
    stuff = pigment(generator, GRAINS, local, least=0.3)
    shine = generator.uniform(0.05, 0.5)
    amount = np.float32(strength**0.8)
    littered = surface.copy()
    for number in range(count):
        at = np.asarray(centre) + (number > 0) * generator.normal(0, spread, 2)
        radius = largest * (generator.uniform(0.4, 1.0) if number else 1.0)
        reach = radius * (1.8 * np.sqrt(stretch) + 1.0)
        area = window(canvas, at - reach, at + reach)
        tone = np.clip(stuff * generator.uniform(0.8, 1.2), 0.02, 0.97).astype(np.float32)
        high = radius * generator.uniform(0.3, 0.6)
        shadow = generator.uniform(0.25, 0.5)
        u, v = canvas.u[area], canvas.v[area]
        distance = blob(u, v, generator, tuple(at), radius, irregular=0.45, stretch=stretch)
        body = inside(distance, 0.014) * surface.cover[area] * amount
        under = np.exp(-np.maximum(distance, 0.0) / np.float32(0.35 * radius)) * shadow
        under = under * smoothstep(distance, 0.8 * radius, 0.0) * surface.cover[area] * amount
        dark = littered.albedo[area] * (1.0 - under[..., None])  # where the grain keeps light off
        facets = 1.0 + 0.2 * smoothstep(distance, 0.0, -0.8 * radius)
        lit = tint(dark, tone, body) * (1.0 + (facets - 1.0) * body)[..., None]
        littered.albedo[area] = np.clip(lit, 0.0, 1.0)
        dome = smoothstep(distance, 0.0, -0.7 * radius)
        littered.height[area] += np.float32(high) * dome * body
        littered.gloss[area] += (np.float32(shine) - littered.gloss[area]) * body
    return littered


def thread(
    surface: Surface, canvas: Canvas, generator: np.random.Generator, strength: float
) -> Surface:
    """A hair or fibre that lies on the product in loose curls; at times two or three."""
    centre = spot(surface, canvas, generator)
    fibre = pigment(generator, FIBRES, local_colour(surface, canvas, centre), least=0.35)
    thick = log_uniform(generator, 0.006, 0.014)
    steps, near = 30, np.full_like(surface.cover, 1.0)
    for _ in range(int(generator.choice([1, 1, 1, 2, 3]))):
        along = np.linspace(0, 1, steps)
        curl, waves = generator.uniform(0.4, 2.4), generator.uniform(0.5, 2.2)
        swing = curl * np.sin(2 * np.pi * (waves * along + generator.random()))
        course = generator.uniform(0, 2 * np.pi) + swing + generator.uniform(-3.0, 3.0) * along
        step = np.stack([np.cos(course), np.sin(course)], 1)
        line = np.cumsum(step, axis=0) * (log_uniform(generator, 0.5, 1.6) / steps)
        line = line - line.mean(axis=0) + centre + generator.normal(0, 0.03, 2)
        near = np.minimum(near, stroke(canvas, line, thick))
    body = inside(near, max(2.0 / canvas.size, 0.7 * thick)) * surface.cover
    shadow = np.exp(-((np.maximum(near, 0.0) / np.float32(1.6 * thick)) ** 2)) * surface.cover
    amount = np.float32(strength**0.8)
    laid = surface.copy()
    laid.albedo = surface.albedo * (1.0 - (0.3 * amount * shadow)[..., None])
    laid.albedo = tint(laid.albedo, fibre, 0.92 * amount * body)
    laid.height = surface.height + np.float32(1.2 * thick) * amount * body
    laid.gloss = surface.gloss + (np.float32(0.3) - surface.gloss) * amount * body
    return laid


def glue(
    surface: Surface, canvas: Canvas, generator: np.random.Generator, strength: float
) -> Surface:
    """A raised glossy drop, clear or whitish, at times with a string or wiped to a smear."""
    centre = spot(surface, canvas, generator)
    resin = pigment(generator, GLUES, local_colour(surface, canvas, centre), least=0.22)
    radius = log_uniform(generator, 0.08, 0.22)
    smeared = generator.random() < 0.35
    stretch = 5.0 if smeared else 1.8
    milky = generator.uniform(0.3, 0.7)
    distance = blob(canvas.u, canvas.v, generator, centre, radius, irregular=0.3, stretch=stretch)
    if generator.random() < 0.5:
        tail = wander(generator, (0.0, 0.0), radius * generator.uniform(1.5, 3.5), 0.15, 8)
        taper = radius * np.linspace(0.3, 0.08, len(tail))
        distance = np.minimum(distance, stroke(canvas, tail - tail[0] + centre, taper))
    uneven = fractal(generator, canvas, roughness=1.6, coarsest=3.0, finest=30.0)
    distance = distance + np.float32((0.16 if smeared else 0.04) * radius) * uneven
    into = np.clip(-distance / np.float32(radius), 0.0, 1.0)
    high = radius * (0.12 if smeared else 0.3)
    dome = np.float32(high) * (into * (2.0 - into) + 0.05 * uneven * smoothstep(into, 0.0, 0.3))

    body = inside(distance, 0.02) * surface.cover
    amount = np.float32(strength**0.8)
    alpha = amount * milky * body * (0.75 + 0.25 * np.clip(into, 0, 1) + 0.1 * uneven)
    level = gaussian_filter(surface.height, 0.03 * canvas.size / 2.0, mode="nearest")
    glued = surface.copy()
    glued.albedo = tint(surface.albedo, resin, np.clip(alpha, 0.0, 1.0))
    glued.height = surface.height + amount * body * (0.6 * (level - surface.height) + dome)
    glued.gloss = surface.gloss + np.maximum(np.float32(0.75) - surface.gloss, 0) * amount * body
    return glued


def rust(
    surface: Surface, canvas: Canvas, generator: np.random.Generator, strength: float
) -> Surface:
    """A rough, speckled, orange-brown patch with outlying specks, as wet iron leaves it."""
    centre = spot(surface, canvas, generator)
    local = local_colour(surface, canvas, centre)
    first = pigment(generator, RUSTS, local, least=0.22)
    second = np.clip(first * generator.uniform(0.45, 0.75), 0.02, 1.0).astype(np.float32)
    radius = log_uniform(generator, 0.09, 0.21)
    frayed, dense = generator.uniform(0.2, 0.5), generator.uniform(-0.6, 0.2)
    distance = blob(canvas.u, canvas.v, generator, centre, radius, irregular=0.4, stretch=2.5)
    cloud = fractal(generator, canvas, roughness=1.1, coarsest=4.0, finest=48.0)
    speckle = fractal(generator, canvas, roughness=0.3, coarsest=14.0, finest=44.0)
    edge = distance + np.float32(frayed * radius) * cloud
    bloom = smoothstep(edge, 0.15 * radius, -0.35 * radius)
    specks = smoothstep(speckle + 1.6 * bloom, dense + 0.7, dense + 1.7)
    near = smoothstep(distance, 0.6 * radius, -0.2 * radius)
    alpha = np.clip(0.75 * bloom + 0.6 * specks * near, 0.0, 0.95)
    alpha = np.float32(strength) * alpha * surface.cover
    rusty = surface.copy()
    mixed = smoothstep(cloud + 0.6 * speckle, -1.0, 1.2)[..., None]
    colour = first * mixed + second * (1.0 - mixed)
    rusty.albedo = surface.albedo * (1.0 - alpha[..., None]) + colour * alpha[..., None]
    rusty.gloss = surface.gloss * (1.0 - 0.9 * alpha)
    rusty.height = surface.height + np.float32(0.005) * alpha * (1.0 + speckle)
    return rusty
