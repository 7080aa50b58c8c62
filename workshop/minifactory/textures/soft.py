"""Textures that give way under a finger: sponge, corrugated board and grass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from workshop.minifactory.canvas import Canvas, smoothstep
from workshop.minifactory.kinds import Kind
from workshop.minifactory.noise import fractal
from workshop.minifactory.surface import Colour, Fault, Surface, plain, shaded

FINE = 480  # pixels of the sheet on which blades of grass are drawn, whatever the canvas


def sponge(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """Foam with pores of two sizes: deep dark holes, and a fine froth between them."""
    coarse, fine = style.uniform(4, 9), style.uniform(15, 28)  # pores across the picture
    holes = style.uniform(0.9, 1.8)  # the fewer large pores the higher
    froth = style.uniform(0.5, 1.2)  # the fewer small pores the higher
    depth = style.uniform(0.03, 0.06)
    large = fractal(instance, canvas, 0.4, 2 * coarse, 2.2 * coarse)
    small = fractal(instance, canvas, 1.5, 1.4 * fine, 1.8 * fine)
    rough = fractal(instance, canvas, roughness=1.0, coarsest=3)

    # a hole's border is frayed by the froth around it
    hole = smoothstep(large + 0.12 * small + 0.3 * rough, holes, holes + 0.45)
    pore = smoothstep(small + 0.35 * rough, froth, froth + 0.6)
    deep = np.maximum(hole, 0.5 * pore)
    surface = plain(colour, canvas.u, gloss=0.03)
    surface.height = (-depth * deep + 0.003 * rough).astype(np.float32)
    surface.albedo = shaded(colour, 1.05 - 0.5 * deep + 0.05 * rough).astype(np.float32)
    return surface


def corrugated_board(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """Kraft paper over flutes, or the bare flutes: parallel waves, paper fibres, flecks."""
    upright = style.random() < 0.5
    bare = style.random() < 0.45  # single-face board: the wave itself is what we see
    flutes = style.uniform(9, 20)  # waves across the picture
    depth = (style.uniform(0.45, 0.8) if bare else style.uniform(0.08, 0.2)) / flutes * 0.35
    shine = style.uniform(0.03, 0.12)
    mottled = style.uniform(0.02, 0.05)
    flecked = style.uniform(0.05, 0.25)
    turn = canvas.angle + (np.pi / 2 if upright else 0.0)
    bend = fractal(instance, canvas, roughness=1.8, coarsest=1.5, finest=12)
    paper = fractal(instance, canvas, 0.7, coarsest=10, stretch=(2, 1), angle=turn)
    fibre = fractal(instance, canvas, 0.2, coarsest=60, stretch=(4, 1), angle=turn + 0.4)

    across = canvas.x if upright else canvas.y
    wave = np.cos(np.pi * flutes * (across + 0.0035 * bend))
    if not bare:
        wave = 1.0 - 2.0 * (0.5 - 0.5 * wave) ** 2  # flat crests, narrow sunken lines
    kraft = 0.65 * colour + np.float32(0.35) * np.asarray([0.76, 0.62, 0.45], np.float32)
    fleck = smoothstep(fibre, 1.6, 2.6) - 0.6 * smoothstep(fibre, -1.8, -2.8)
    light = 0.96 + (0.12 if bare else 0.05) * wave + mottled * paper - flecked * fleck
    surface = plain(colour, canvas.u, gloss=shine)
    surface.height = (depth * wave + 0.0008 * paper + 0.003 * bend).astype(np.float32)
    surface.albedo = shaded(kraft, light + 0.03 * bend).astype(np.float32)
    return surface


def grass(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """A lawn from above: blades over blades, the upper ones lighter, some of them dry."""
    number = int(style.integers(700, 1000))
    length, width = style.uniform(0.28, 0.5), style.uniform(0.018, 0.034)
    combed = style.uniform(0.0, 0.8)  # 0: blades point anywhere, 1: all one way
    dry = style.uniform(0.0, 0.3)  # share of dry blades
    under = fractal(instance, canvas, 0.5, coarsest=16, stretch=(6, 1), angle=canvas.angle + 1.2)
    patches = fractal(instance, canvas, roughness=1.2, coarsest=2)
    blades = _blades(canvas, instance, number, length, width, combed, dry)

    tone, high, straw = np.moveaxis(blades, -1, 0)
    bare = 1.0 - smoothstep(high, 0.0, 0.15)  # the shade under the blades
    light = 0.55 + 1.6 * tone + 0.07 * patches + bare * (0.1 + 0.12 * under)
    hay = np.asarray([0.66, 0.57, 0.33], np.float32)
    fresh = np.asarray([0.45, 0.50, 0.20], np.float32)
    leaf = 0.55 * colour + 0.45 * (fresh if colour[1] > colour[0] else hay)
    surface = plain(colour, canvas.u, gloss=0.12)
    surface.height = (0.035 * high + 0.02 * tone + 0.004 * bare * under).astype(np.float32)
    mixed = leaf * (1.0 - straw[..., None]) + hay * straw[..., None]
    surface.albedo = np.clip(mixed * light[..., None], 0.0, 1.0).astype(np.float32)
    return surface


def _blades(
    canvas: Canvas,
    instance: np.random.Generator,
    number: int,
    length: float,
    width: float,
    combed: float,
    dry: float,
) -> NDArray[np.floating]:
    """Bent, tapered blades, low ones first: brightness, height and dryness (size, size, 3)."""
    root = instance.uniform(-1.5, 1.5, (number, 2))
    heading = instance.uniform(-np.pi, np.pi, number) * (1.0 - combed) + 0.5
    bend = instance.normal(0.0, 0.5, number)
    long = length * instance.uniform(0.5, 1.2, number)
    tone, straw = instance.uniform(0.25, 0.75, number), instance.random(number) < dry
    high = np.linspace(0.25, 1.0, number)

    first = np.stack([np.cos(heading), np.sin(heading)], axis=1) * long[:, None] / 2
    then = np.stack([np.cos(heading + bend), np.sin(heading + bend)], axis=1) * long[:, None] / 2
    middle, tip = root + first, root + first + then
    normal = np.stack([-np.sin(heading), np.cos(heading)], axis=1) * width / 2
    corners = np.stack([root - 0.6 * normal, middle - normal, tip, middle + normal,
                        root + 0.6 * normal, root, middle], axis=1)  # fmt: skip
    cos, sin = np.cos(canvas.angle) * canvas.scale, np.sin(canvas.angle) * canvas.scale
    posed = corners @ np.array([[cos, sin], [-sin, cos]]) + np.asarray(canvas.shift)
    pixels = (posed + 1.0) * (FINE / 2)

    sheet = Image.new("RGB", (FINE, FINE))
    pen = ImageDraw.Draw(sheet)
    light = np.rint(255 * tone * (0.6 + 0.4 * high)).astype(int).tolist()
    for k, points in enumerate(pixels.tolist()):
        a, b, c, d, e, f, g = (tuple(point) for point in points)
        rest = (int(255 * high[k]), 255 if straw[k] else 0)
        pen.polygon([a, b, c, g, f], fill=(light[k], *rest))
        pen.polygon([f, g, c, d, e], fill=(int(0.75 * light[k]), *rest))  # beyond the midrib
    small = sheet.resize((canvas.size, canvas.size), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32) / np.float32(255)


SOFT: tuple[Kind, ...] = (
    Kind(
        "sponge",
        "texture",
        sponge,
        words=("sponge", "foam", "foam rubber"),
        colours=("yellow", "orange", "pink", "green", "blue", "beige", "grey"),
        turn=float(np.pi),
    ),
    Kind(
        "corrugated board",
        "texture",
        corrugated_board,
        words=("corrugated board", "cardboard", "corrugated cardboard"),
        colours=("brown", "beige", "golden", "white", "grey"),
        turn=0.2,
    ),
    Kind(
        "grass",
        "texture",
        grass,
        words=("grass", "lawn", "turf"),
        colours=("green", "yellow", "beige"),
        turn=float(np.pi),
    ),
)
