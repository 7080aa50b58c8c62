"""Textures laid of bricks: brick wall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workshop.minifactory.canvas import Canvas, Field, smoothstep
from workshop.minifactory.noise import fractal
from workshop.minifactory.surface import Colour, Fault, Surface, plain, shaded, tint
from workshop.minifactory.textures.stones import earthen

TABLE = 64  # per-brick numbers repeat after so many courses and bricks: more than are in view


@dataclass(frozen=True)
class Bond:
    """How the bricks of one wall are laid. Lengths are in canvas units."""

    course: float  # height of a course, mortar included
    length: float  # mean length of a brick, mortar included
    joint: float  # width of the mortar
    stagger: float  # how far each course is moved along, in bricks; negative: at random
    uneven: float  # how much the lengths differ: 0 is equal, 0.35 is cut stone
    corner: float  # radius of the bricks' corners


def _draw_bond(style: np.random.Generator) -> Bond:
    course = 2.0 / np.exp(style.uniform(np.log(3.0), np.log(17.0)))
    length = course * style.uniform(1.7, 4.4)
    joint = course * style.uniform(0.05, 0.20)
    return Bond(
        course=float(course),
        length=float(length),
        joint=float(max(joint, 0.012)),
        stagger=float(style.choice([0.5, 0.5, 0.5, 1 / 3, 0.25, -1.0])),
        uneven=float(style.choice([0.0, 0.04, style.uniform(0.1, 0.35)])),
        corner=float(course * style.uniform(0.0, 0.16)),
    )


def _lay(
    x: Field, y: Field, bond: Bond, instance: np.random.Generator
) -> tuple[Field, NDArray[np.intp]]:
    """Signed distance to the nearest brick (negative inside), and each brick's number."""
    joints = bond.uneven * instance.uniform(-1, 1, (TABLE, TABLE))
    offsets = instance.random(TABLE)
    row = np.floor(y / np.float32(bond.course)).astype(np.intp)
    if bond.stagger >= 0:
        offsets = (np.arange(TABLE) * bond.stagger) % 1.0
    wrapped = row % TABLE
    along = x / np.float32(bond.length) + offsets[wrapped].astype(np.float32)
    column = np.floor(along).astype(np.intp)
    # the joint between two bricks is not at the whole number: the neighbour may own this point
    column = column - (along < column + joints[wrapped, column % TABLE])
    column = column + (along > column + 1 + joints[wrapped, (column + 1) % TABLE])
    left = column + joints[wrapped, column % TABLE]
    right = column + 1 + joints[wrapped, (column + 1) % TABLE]
    half_width = (right - left) * bond.length / 2 - bond.joint / 2
    half_height = (bond.course - bond.joint) / 2
    dx = np.abs((along - (left + right) / 2) * bond.length) - half_width + bond.corner
    dy = np.abs(y - (row + 0.5) * bond.course) - half_height + bond.corner
    corner = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0))
    distance = corner + np.minimum(np.maximum(dx, dy), 0) - bond.corner
    return distance.astype(np.float32), wrapped * TABLE + column % TABLE


def brick_wall(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """Courses of bricks in mortar: smooth clinker to rough stone, seen straight or at a slant."""
    bond = _draw_bond(style)
    rustic = style.random() ** 2  # 0: machine-made, 1: hewn by hand
    depth = style.uniform(0.2, 1.0) * (0.02 + 0.02 * rustic) * (0.4 + 1.5 * bond.course)
    upright = style.random() < 0.3  # a pavement, or a wall photographed with the camera turned
    slant = style.uniform(-0.32, 0.32) * (style.random() < 0.35)
    spread = style.uniform(0.02, 0.16)  # how much the bricks differ in tone
    burnt = style.uniform(0.0, 0.5) * (style.random() < 0.4)  # share of over-fired, dark bricks
    mortar_tone = float(style.choice([style.uniform(0.15, 0.35), style.uniform(0.5, 0.85)]))
    colour = earthen(colour, share=style.uniform(0.2, 0.6))
    if abs(mortar_tone - colour.mean()) < 0.2:  # the courses must show
        mortar_tone = 0.2 if colour.mean() > 0.42 else 0.75
    painted = style.random() < 0.15 and colour.mean() > 0.3
    mottle = style.uniform(0.01, 0.06) + 0.04 * rustic
    gloss = style.uniform(0.03, 0.3)

    grain = fractal(instance, canvas, roughness=style.uniform(0.2, 0.9), coarsest=20)
    rough = fractal(instance, canvas, roughness=1.4, coarsest=5, finest=40)
    stain = fractal(instance, canvas, roughness=1.4, coarsest=1.5, finest=30)

    x, y = (canvas.y, canvas.x) if upright else (canvas.x, canvas.y)
    away = 1.0 + np.float32(slant) * canvas.y  # a plane seen at a slant: x/z, y/z
    wobble = np.float32(bond.joint * (0.06 + 0.22 * rustic))
    # a cloud turned over is a second cloud for free
    x = x / away + wobble * (0.6 * rough + 0.5 * stain.T)
    y = y / away + wobble * (0.4 * rough.T + 0.7 * stain)
    distance, brick = _lay(x, y, bond, instance)
    tones = instance.standard_normal(TABLE * TABLE, dtype=np.float32)
    fired = instance.random(TABLE * TABLE, dtype=np.float32)
    lean = instance.uniform(-1, 1, (2, TABLE * TABLE)).astype(np.float32)

    body = smoothstep(distance, max(canvas.pixel, 0.1 * bond.joint), -0.06 * bond.joint)
    rounded = smoothstep(distance, 0.2 * bond.joint, -(0.04 + 0.3 * rustic) * bond.course)
    tone = 1.0 + spread * tones[brick] - 0.45 * (fired[brick] < burnt)
    light = tone + mottle * grain + 0.5 * mottle * rough + 0.04 * stain
    hue = 0.06 * lean[0][brick] * spread / 0.16
    face = shaded(colour, light)
    face = face * np.stack([1 + hue, np.ones_like(hue), 1 - hue], axis=-1)
    mortar = shaded(np.float32(mortar_tone) * np.array([1.02, 1.0, 0.95]), 1 + 0.07 * grain)
    if painted:
        mortar = shaded(colour, 0.75 + 0.03 * grain)
        depth = max(depth, 0.02)
    surface = plain(colour, canvas.u, gloss=gloss)
    weight = body[..., None]
    surface.albedo = np.clip(mortar * (1 - weight) + face * weight, 0, 1).astype(np.float32)
    proud = depth * (0.6 * body + 0.4 * rounded + 0.25 * rustic * lean[1][brick] * body)
    hewn = (0.0004 + 0.003 * rustic) * rough * (0.3 + 0.7 * body)
    relief = (0.0002 + 0.0008 * rustic) * grain + hewn
    surface.height = (proud + relief).astype(np.float32)
    surface.gloss = (gloss * (0.3 + 0.7 * body)).astype(np.float32)
    return _dirty_creases(surface, distance, bond, style.uniform(0.0, 0.35))


def _dirty_creases(surface: Surface, distance: Field, bond: Bond, dirt: float) -> Surface:
    """Dirt in the crease where brick meets mortar."""
    crease = np.exp(-np.square(distance / np.float32(0.25 * bond.joint + 0.004)))
    surface.albedo = tint(surface.albedo, np.full(3, 0.08), np.float32(dirt) * crease).astype(
        np.float32
    )
    return surface
