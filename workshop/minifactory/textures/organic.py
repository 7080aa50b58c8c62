"""Textures that grew: wood, leather and cork."""

from __future__ import annotations

import numpy as np

from workshop.minifactory.canvas import Canvas, Field, smoothstep
from workshop.minifactory.kinds import Kind
from workshop.minifactory.noise import cells, fractal, per_cell
from workshop.minifactory.surface import Colour, Fault, Surface, plain, shaded

TAN = np.asarray([0.66, 0.49, 0.32], np.float32)  # what undyed wood and cork lean to
BOARDS = 32  # boards drawn for a piece, more than are ever in view


def wood(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """Boards or one sheet of veneer: growth rings cut lengthwise, fibres and pores along them."""
    upright = style.random() < 0.5  # the fibres run up and down
    planked = style.random() < 0.6
    width = style.uniform(0.32, 0.75) if planked else 8.0
    rings = style.uniform(7, 16)  # growth rings in a unit of length
    flat = style.uniform(0.1, 1.6)  # 0: cut through the heart, arches; large: straight grain
    dark = style.uniform(0.22, 0.5)  # how dark a late ring is
    fibre = style.uniform(0.03, 0.08)
    pores = style.uniform(0.0, 0.3)
    gap = style.uniform(0.008, 0.018)
    knotty = style.random() < 0.35
    gloss = style.uniform(0.08, 0.4)
    turn = canvas.angle + (np.pi / 2 if upright else 0.0)
    bend = fractal(instance, canvas, 1.7, coarsest=2, finest=30, stretch=(6, 1), angle=turn)
    thread = fractal(instance, canvas, 0.3, coarsest=20, stretch=(16, 1), angle=turn)
    boards = instance.uniform(-1, 1, (5, BOARDS)).astype(np.float32)
    start = instance.uniform(0, 1)
    knots = instance.uniform(-1, 1, (2, 2)).tolist()

    along, across = (canvas.y, -canvas.x) if upright else (canvas.x, canvas.y)
    place = across / np.float32(width) + np.float32(start if planked else 0.5)
    board = np.floor(place).astype(int) % BOARDS
    heart, tilt, near, tone, far = (values[board] for values in boards)
    aside = across + 0.35 * heart + flat * np.sign(far)
    below = 0.45 + 0.3 * near + (0.12 + 0.2 * np.abs(tilt)) * np.sign(tilt) * along
    radius = np.sqrt(aside**2 + below**2) + 0.035 * bend
    knot = np.zeros_like(radius)
    if knotty:
        for x, y in knots:
            knot = np.maximum(knot, _bump((along - x) / 0.16, (across - 0.8 * y) / 0.075))
        radius = radius + 0.28 * knot
    phase = 2 * np.pi * rings * radius
    late = np.exp(1.6 * (np.cos(phase + 0.6 * np.sin(phase)) - 1.0))  # slow rise, steep fall
    pore = smoothstep(thread, 1.0, 2.2)
    edge = (0.5 - np.abs(place % 1.0 - 0.5)) * np.float32(width)
    groove = smoothstep(edge, gap, 0.35 * gap)

    light = 1.14 - dark * late + fibre * thread - pores * pore + 0.12 * tone + 0.05 * bend
    light = light * (1.0 - 0.55 * smoothstep(knot, 0.45, 0.8)) * (1.0 - 0.6 * groove)
    timber = _undyed(colour)
    surface = plain(timber, canvas.u, gloss=gloss)
    surface.height = 0.0012 * late + 0.001 * thread - 0.002 * pore - 0.02 * groove
    surface.height = surface.height.astype(np.float32)
    redder = np.asarray([1.0, 0.94, 0.86], np.float32)  # late wood is not only darker
    surface.albedo = shaded(timber, light) * (1.0 - 0.6 * late[..., None] * (1.0 - redder))
    return surface


def _undyed(colour: Colour) -> Colour:
    """The colour drawn towards tan of the same brightness: what grows is never so vivid."""
    return 0.65 * colour + 0.35 * colour.mean() / TAN.mean() * TAN


def _bump(x: Field, y: Field) -> Field:
    return np.exp(-np.sqrt(x * x + y * y + 0.02))


def leather(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """Pebbled grain: small cushions between creases, and longer wrinkles across them."""
    spacing = style.uniform(0.055, 0.11)  # size of a pebble
    depth = style.uniform(0.10, 0.20) * spacing
    width = style.uniform(0.35, 0.75)  # how wide the creases are, in pebbles
    wrinkled = style.uniform(0.0, 0.8)
    aged = style.uniform(0.01, 0.05)
    gloss = style.uniform(0.25, 0.5)
    stretch = style.uniform(1.0, 1.5)
    patches = fractal(instance, canvas, roughness=1.1, coarsest=2, finest=48)
    folds = fractal(instance, canvas, 1.2, 3, 20, (2.5, 1.0), canvas.angle + 0.6)

    warp = 0.12 * spacing * (patches - 0.5 * folds)
    x, y = (canvas.x + warp) / stretch, canvas.y + warp + 0.1 * spacing * folds
    near, gap, index = cells(instance, x, y, spacing, 0.9)
    tone = per_cell(instance, index)
    cushion = smoothstep(gap, 0.0, width * spacing) - 0.5 * (near / np.float32(spacing)) ** 2
    wrinkle = wrinkled * np.exp(-((folds / 0.2) ** 2))
    surface = plain(colour, canvas.u, gloss=gloss)
    height = depth * (cushion + 0.25 * tone - 0.7 * wrinkle) + 0.001 * patches
    surface.height = height.astype(np.float32)
    surface.gloss = gloss * np.clip(0.35 + 0.65 * cushion, 0.2, 1.0)
    light = 0.86 + 0.2 * cushion + 0.06 * tone - 0.06 * wrinkle + aged * patches
    surface.albedo = shaded(colour, light)
    return surface


def cork(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """Granules pressed into a board: each of its own tone, with dark bark in the seams."""
    spacing = style.uniform(0.09, 0.19)  # size of a granule
    spread = style.uniform(0.08, 0.18)  # how much their tones differ
    bark = style.uniform(0.03, 0.15)  # share of granules that are dark bark
    seam = style.uniform(0.15, 0.4)
    pitted = style.uniform(1.2, 2.0)  # the fewer pits the higher
    wobble = fractal(instance, canvas, roughness=0.9, coarsest=6, finest=40)
    grit = fractal(instance, canvas, roughness=0.5, coarsest=16, finest=60)

    x, y = canvas.x + 0.07 * spacing * wobble, canvas.y + 0.04 * spacing * (grit - 1.5 * wobble)
    _, gap, index = cells(instance, x, y, spacing)
    tone, dark = per_cell(instance, index), per_cell(instance, index)
    border = smoothstep(gap, 0.25 * spacing, 0.0)
    pit = smoothstep(0.8 * grit + 0.6 * wobble, pitted, pitted + 0.6)
    crack = border * smoothstep(wobble, -0.5, 1.0)  # most seams are pressed shut
    light = 1.05 + spread * (2.0 * tone - 1.0) - seam * (0.35 * border + crack)
    light = (light + 0.06 * grit - 0.4 * pit) * np.where(dark < bark, 0.62, 1.0)
    surface = plain(colour, canvas.u, gloss=0.04)
    surface.height = 0.004 * tone - 0.006 * crack - 0.010 * pit + 0.0012 * grit
    surface.height = surface.height.astype(np.float32)
    surface.albedo = shaded(_undyed(colour), light).astype(np.float32)
    return surface


ORGANIC: tuple[Kind, ...] = (
    Kind(
        "wood",
        "texture",
        wood,
        words=("wood", "wooden board", "wood panel", "timber"),
        colours=("brown", "beige", "golden", "orange", "grey"),
        turn=0.12,
    ),
    Kind(
        "leather",
        "texture",
        leather,
        words=("leather", "piece of leather", "hide"),
        colours=("brown", "black", "red", "beige", "white", "blue", "green", "grey"),
        turn=float(np.pi),
    ),
    Kind(
        "cork",
        "texture",
        cork,
        words=("cork", "cork board", "cork sheet"),
        colours=("brown", "beige", "golden"),
        turn=float(np.pi),
    ),
)
