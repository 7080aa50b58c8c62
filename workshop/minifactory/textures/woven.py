"""Textures of yarn: carpet, woven fabric and knitwear."""

from __future__ import annotations

import numpy as np

from workshop.minifactory.canvas import Canvas, Field, smoothstep
from workshop.minifactory.kinds import Kind
from workshop.minifactory.noise import fractal
from workshop.minifactory.surface import Colour, Fault, Surface, plain, shaded

REPEAT = 120  # threads after which every weave below repeats: a multiple of all their periods
WEAVES = (  # (warp threads up, out of, step from row to row, threads bundled, turning after)
    (1, 2, 1, 1, 0),  # plain weave: linen, canvas
    (1, 2, 1, 2, 0),  # basket weave
    (2, 3, 1, 1, 0),  # light twill
    (2, 4, 1, 1, 0),  # even twill
    (3, 4, 1, 1, 0),  # denim
    (2, 4, 1, 1, 6),  # herringbone
    (2, 4, 1, 1, 12),  # wide herringbone
)


def carpet(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """Rows of looped pile: every loop a small dome, no two quite alike."""
    rows = style.uniform(22, 34)  # loops across the picture
    depth = style.uniform(0.010, 0.018)
    heather = style.uniform(0.03, 0.12)  # how much the yarn's colour varies
    wobble = 0.010 * fractal(instance, canvas, roughness=1.2, coarsest=4, finest=30)
    tone = fractal(instance, canvas, roughness=0.6, coarsest=20)
    patches = fractal(instance, canvas, roughness=1.5, coarsest=1, finest=8)

    row = (canvas.y + wobble) * rows / 2
    column = (canvas.x + wobble) * rows / 2 + 0.5 * (np.floor(row) % 2)
    loop = np.abs(np.sin(np.pi * row) * np.sin(np.pi * column)) ** 0.7
    surface = plain(colour, canvas.u, gloss=0.05)
    surface.height = (depth * loop + 0.002 * tone).astype(np.float32)
    surface.albedo = shaded(colour, 0.65 + 0.45 * loop + heather * tone + 0.03 * patches)
    return surface


def lifted(weave: tuple[int, int, int, int, int]) -> Field:
    """1 where the warp thread lies on top: (REPEAT, REPEAT), by warp and weft thread."""
    up, period, step, bundle, turning = weave
    warp, weft = np.ogrid[:REPEAT, :REPEAT]
    warp, weft = warp // bundle, weft // bundle
    if turning:
        warp = np.abs(warp % (2 * turning) - turning)
    return ((warp + step * weft) % period < up).astype(np.float32)


def woven_fabric(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """Warp over weft: round threads that dive under one another in a fixed pattern."""
    weave = WEAVES[style.integers(len(WEAVES))]
    threads = style.uniform(26, 42)  # warp threads across the picture
    ratio = style.uniform(0.75, 1.05)  # weft threads for every warp thread
    depth = style.uniform(0.008, 0.014)
    slub = style.uniform(0.03, 0.12)  # how much the yarn's thickness varies
    heather = style.uniform(0.02, 0.09)
    contrast = style.choice([0.0, style.uniform(0.08, 0.2), style.uniform(0.35, 0.6)])
    wobble = fractal(instance, canvas, roughness=1.6, coarsest=1.5, finest=20)
    turn = canvas.angle
    along = fractal(instance, canvas, 0.6, coarsest=12, stretch=(1, 6), angle=turn)
    across = fractal(instance, canvas, 0.6, coarsest=12, stretch=(6, 1), angle=turn)
    shade = instance.normal(0.0, heather, (2, REPEAT)).astype(np.float32)

    pattern = lifted(weave)
    warp = (canvas.x + 0.012 * wobble) * (threads / 2)
    weft = (canvas.y + 0.010 * wobble) * (threads * ratio / 2)
    i, j = np.floor(warp).astype(int) % REPEAT, np.floor(weft).astype(int) % REPEAT
    i0, j0 = np.floor(warp - 0.5).astype(int) % REPEAT, np.floor(weft - 0.5).astype(int) % REPEAT
    tx, ty = smoothstep((warp - 0.5) % 1.0, 0.1, 0.9), smoothstep((weft - 0.5) % 1.0, 0.1, 0.9)
    above = pattern[i, j0] * (1 - ty) + pattern[i, (j0 + 1) % REPEAT] * ty
    below = pattern[i0, j] * (1 - tx) + pattern[(i0 + 1) % REPEAT, j] * tx
    warp_top = 0.8 * above + _round(warp, 0.47 + slub * along)
    weft_top = 0.8 * (1.0 - below) + _round(weft, 0.47 + slub * across)
    front = smoothstep(warp_top - weft_top, -0.15, 0.15)  # 1 where the warp is what we see
    top = np.maximum(warp_top, weft_top) / 1.8

    light = 0.55 + 0.5 * top + 0.03 * wobble
    light_warp = light + shade[0][i] + 0.5 * heather * along
    light_weft = light + shade[1][j] + 0.5 * heather * across
    undyed = np.float32(min(0.9, 0.3 + colour.max()))  # black cloth must stay black
    pale = colour + np.float32(contrast) * (undyed - colour)
    surface = plain(colour, canvas.u, gloss=0.06)
    surface.height = (depth * top + 0.001 * (along + across)).astype(np.float32)
    surface.albedo = shaded(colour, light_warp * front) + shaded(pale, light_weft * (1.0 - front))
    surface.albedo = np.clip(surface.albedo, 0.0, 1.0).astype(np.float32)
    return surface


def _round(position: Field, radius: Field) -> Field:
    """The height of round threads that lie side by side, one for every unit of `position`."""
    off = (position % 1.0 - 0.5) / np.clip(radius, 0.3, 0.6)
    return np.sqrt(np.maximum(1.0 - off * off, 0.0))


def knitwear(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """Columns of V-shaped stitches, some of them drawn back into ribs or worked in stripes."""
    wales = style.uniform(9, 17)  # columns of stitches across the picture
    tall = style.uniform(0.62, 0.85)  # height of a stitch over its width
    lean = style.uniform(0.75, 1.15)  # how far the legs of the V climb, in stitches
    depth = style.uniform(0.020, 0.032)
    fuzz = style.uniform(0.03, 0.09)
    rib = int(style.choice([0, 0, 2, 3, 4]))  # columns between two ribs, 0 for none
    stripe = int(style.choice([0, 0, 0, 2, 4]))  # rows in a stripe, 0 for none
    contrast = style.uniform(0.2, 0.45)
    wobble = fractal(instance, canvas, roughness=1.5, coarsest=2, finest=24)
    hair = fractal(instance, canvas, roughness=0.4, coarsest=30)
    uneven = instance.normal(0.0, 1.0, (64, 64)).astype(np.float32)

    column = (canvas.x + 0.009 * wobble) * (wales / 2)
    side = 2.0 * np.abs(column % 1.0 - 0.5)  # 0 in the middle of the V, 1 on its border
    bow = side + 0.12 * np.sin(2 * np.pi * side)
    row = (canvas.y + 0.008 * wobble) * (wales / 2 / tall) + lean * bow
    off = row % 1.0 - 0.5
    leg = (
        np.sqrt(np.maximum(1.0 - (2.0 * off) ** 2, 0.0))
        * np.maximum(np.sin(np.pi * side), 0.0) ** 0.45
    )
    left = np.sign(column % 1.0 - 0.5)
    ply = np.sin(2 * np.pi * (2.0 * off + 1.5 * side + 0.25 * left))  # the yarn's twist
    i, j = np.floor(column).astype(int), np.floor(row).astype(int)
    stitch = uneven[i % 64, j % 64]
    wave = np.cos(np.pi * column / max(rib, 1)) if rib else np.float32(0.0)

    light = 0.5 + 0.5 * leg + 0.05 * ply * leg + fuzz * hair + 0.03 * stitch
    if stripe:
        light = light * (1.0 - contrast * (j // stripe % 2))
    surface = plain(colour, canvas.u, gloss=0.03)
    surface.height = depth * leg * (1.0 + 0.08 * stitch) + 0.0016 * ply * leg + 0.0012 * hair
    surface.height = (surface.height + 0.03 * wave).astype(np.float32)
    surface.albedo = shaded(colour, light + 0.1 * wave).astype(np.float32)
    return surface


WOVEN: tuple[Kind, ...] = (
    Kind(
        "carpet",
        "texture",
        carpet,
        words=("carpet", "rug", "carpet tile"),
        colours=("red", "green", "blue", "brown", "beige", "grey", "black"),
    ),
    Kind(
        "woven fabric",
        "texture",
        woven_fabric,
        words=("woven fabric", "fabric", "cloth", "textile"),
        colours=("red", "green", "blue", "purple", "brown", "beige", "white", "grey", "black"),
        turn=0.2,
    ),
    Kind(
        "knitwear",
        "texture",
        knitwear,
        words=("knitwear", "knitted fabric", "sweater"),
        colours=("red", "orange", "green", "blue", "purple", "pink", "beige", "white", "grey"),
        turn=0.2,
    ),
)
