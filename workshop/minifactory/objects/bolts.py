"""A fastener with a thread: the bolt."""

from __future__ import annotations

import numpy as np

from workshop.minifactory.canvas import Canvas, Field, inside, smoothstep
from workshop.minifactory.objects.metal import (
    amount,
    bent,
    finished,
    jagged,
    laid,
    round_sheen,
    wear,
)
from workshop.minifactory.shapes import box
from workshop.minifactory.surface import Colour, Fault, Surface, shaded


def barrel(across: Field) -> Field:
    """Height of a lying cylinder of radius 1 at `across`, flat beyond its silhouette."""
    return np.sqrt(np.maximum(1.0 - np.square(across), 0.03))


def bolt_head(
    x: Field, y: Field, kind: str, left: float, length: float, half: float, knurls: float
) -> tuple[Field, Field, Field]:
    """Signed distance, height and brightness of a head between x = `left` and `left + length`."""
    t = y / np.float32(half)
    block = box(x - (left + length / 2), y, length / 2, half, corner=0.03)
    if kind == "hexagonal":  # the near facet and the two that slant away from it
        bow = 0.22 * length * np.square((np.abs(t) - np.where(np.abs(t) < 0.5, 0, 0.75)) / 0.5)
        shape = np.maximum(block, left + bow - x)
        slant = np.maximum(np.abs(t) - 0.5, 0.0)
        facets = np.where(np.abs(t) < 0.5, 1.05, np.where(t > 0, 0.72, 0.85))
        return shape, half * (0.87 - 1.2 * slant), facets
    if kind == "round":
        rise = np.sqrt(np.maximum(1.0 - np.square(t), 0.0))
        shape = np.maximum(block, (left + length * (1.0 - rise) - x) * 0.6)
        depth = np.clip((x - left) / length, 0.0, 1.0)
        inner = np.maximum(rise**2 - np.square(1.0 - depth), 0.02)
        return shape, half * np.sqrt(inner), 0.95 + 0.15 * depth
    ridges = np.arcsin(np.clip(t, -0.99, 0.99)) * knurls
    knurled = 0.012 * np.cos(ridges) * smoothstep(x, left + 0.2 * length, left + 0.3 * length)
    return block, half * barrel(t) + knurled, round_sheen(t, -0.2) + 5.0 * knurled


def bolt(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """A bolt on its side: a hexagonal, round or cylindrical head and a shank with a thread.

    Faults: the end of the shank broken off, the shank bent.
    """
    x, y = laid(canvas, style)
    kind = str(style.choice(["hexagonal", "round", "cylindrical"], p=[0.5, 0.3, 0.2]))
    half, radius = style.uniform(0.66, 0.8), style.uniform(0.10, 0.17)
    head = radius * style.uniform(1.7, 2.1)  # its half width
    head_length = radius * style.uniform(1.1, 1.6)
    neck = -half + head_length  # where the shank begins
    smooth = float(style.choice([0.04, style.uniform(0.15, 0.5)])) * (
        half - neck
    )  # shank without thread
    pitch, depth = style.uniform(0.055, 0.085), style.uniform(0.12, 0.2) * radius
    collar = style.random() < 0.3
    knurls, sheen = style.uniform(18, 30), style.uniform(-0.4, 0.4)
    gloss, phase = style.uniform(0.5, 0.8), instance.uniform(0, 1)
    brightness = wear(instance, canvas, depth=0.05)

    end = half
    if bend := amount(fault, "bent part"):
        chance = fault.generator()
        side = chance.choice([-1.0, 1.0])
        turn = side * (0.1 + bend * chance.uniform(0.35, 0.6))
        x, y = bent(x, y, neck + chance.uniform(0.15, 0.45), float(turn), 0.4)
    if missing := amount(fault, "missing part"):
        chance = fault.generator()
        torn = end - (half - neck) * (0.08 + missing * chance.uniform(0.3, 0.5))
        end = torn + jagged(chance, y, 0.03) + chance.uniform(-0.5, 0.5) * y

    around = np.arcsin(np.clip(y / radius, -0.99, 0.99)) / (2 * np.pi)  # turns of the helix
    turns = x / pitch + around + phase
    tooth = 1.0 - 2.0 * np.abs(turns - np.floor(turns) - 0.5)  # 0 in the valley, 1 on the crest
    threaded = smoothstep(x, neck + smooth, neck + smooth + 0.03)
    reach = radius - depth * (1.0 - tooth) * threaded
    reach = reach - np.maximum(x - (half - 0.5 * radius), 0.0) * 0.7  # the end is chamfered
    shank = np.maximum(np.abs(y) - reach, np.maximum(x - end, neck - 0.02 - x))
    t = y / np.float32(radius)
    shank_height = radius * barrel(t) - 0.7 * depth * (1.0 - tooth) * threaded
    shank_light = round_sheen(t, sheen) * (1.0 - 0.45 * np.square(1.0 - tooth) * threaded)

    top, top_height, top_light = bolt_head(x, y, kind, -half, head_length, head, knurls)
    if collar:
        flange = box(x - neck, y, 0.025, head * 1.2, corner=0.015)
        on = inside(flange, canvas.pixel)
        top_height = top_height * (1 - on) + head * 1.2 * barrel(y / (head * 1.2)) * on
        top_light = top_light * (1 - on) + round_sheen(y / (head * 1.2), sheen) * on
        top = np.minimum(top, flange)
    on = inside(top, canvas.pixel)
    contact = 1.0 - 0.4 * smoothstep(x, neck + 0.09, neck) * (1 - on)  # shadow under the head
    light = (shank_light * (1 - on) + top_light * on) * contact
    height = shank_height * (1 - on) + top_height * on
    cover = np.maximum(inside(shank, canvas.pixel), on)
    return finished(shaded(colour, light * brightness), 0.8 * height, gloss, cover)
