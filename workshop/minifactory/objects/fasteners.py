"""Objects that hold things together: hexagon nut and washer; and the catalogue of fasteners."""

from __future__ import annotations

import numpy as np

from workshop.minifactory.canvas import Canvas, inside, moved, smoothstep
from workshop.minifactory.kinds import Kind
from workshop.minifactory.noise import fractal
from workshop.minifactory.objects.bolts import bolt
from workshop.minifactory.objects.keys import key
from workshop.minifactory.objects.metal import amount, bevel, finished, jagged, turned_sheen, wear
from workshop.minifactory.palette import METALS
from workshop.minifactory.shapes import circle, polygon
from workshop.minifactory.surface import Colour, Fault, Surface, shaded


def hexagon_nut(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """A six-sided nut from above: chamfered corners, a threaded bore that you can see through.

    Faults: a corner broken off, the bore off centre.
    """
    apothem = style.uniform(0.55, 0.68)
    bore = apothem * style.uniform(0.48, 0.58)
    gloss = style.uniform(0.5, 0.8)
    brushed = fractal(instance, canvas, roughness=0.5, coarsest=10, stretch=(6, 1))

    x, y = canvas.x, canvas.y
    outline = np.maximum(polygon(x, y, 6, apothem), circle(x, y, apothem * 1.09))
    offset = (0.0, 0.0)
    if missing := amount(fault, "missing part"):
        chance = fault.generator()
        corner = (chance.integers(6) + 0.5) * np.pi / 3
        out, along = moved(x, y, (0.0, 0.0), angle=float(corner))
        torn = apothem * (1.0 - 0.32 * missing) + jagged(chance, along)
        outline = np.maximum(outline, out - torn)
    if moved_by := amount(fault, "misplaced part"):
        heading = fault.generator().uniform(0, 2 * np.pi)
        reach = 0.7 * (apothem - bore) * (0.2 + 0.8 * moved_by)
        offset = (float(reach * np.cos(heading)), float(reach * np.sin(heading)))
    hole = circle(x - offset[0], y - offset[1], bore)
    chamfer = smoothstep(circle(x, y, apothem), -0.10, 0.10)
    lip = smoothstep(hole, 0.07, 0.0)
    thread = np.sin(np.clip(hole, 0, 0.07) * 2 * np.pi / 0.023) * lip
    height = 0.14 - 0.06 * chamfer - 0.06 * lip + 0.004 * thread
    albedo = shaded(colour, 1.0 + 0.04 * brushed - 0.25 * lip)
    return finished(albedo, height, gloss, inside(np.maximum(outline, -hole), canvas.pixel))


def washer(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """A flat ring: plain, split (a spring washer), or with twisted teeth outside or inside.

    Faults: a tooth or a piece of the rim broken out, one side bent up.
    """
    variant = style.choice(
        ["plain", "split", "outer teeth", "inner teeth"], p=[0.4, 0.25, 0.2, 0.15]
    )
    toothed = variant.endswith("teeth")
    outer, share = style.uniform(0.6, 0.78), style.uniform(0.0, 1.0)
    inner = outer * (0.38 + 0.22 * share if variant == "plain" else 0.56 + 0.12 * share)
    teeth, gap, twist = (
        int(style.integers(10, 19)),
        style.uniform(0.03, 0.06),
        style.uniform(0.4, 1),
    )
    gloss, facing, fan = style.uniform(0.45, 0.8), style.uniform(0, 6.3), style.uniform(0.1, 0.3)
    edge, rings = style.uniform(0.025, 0.05), style.uniform(0.0, 0.05)
    brightness = wear(instance, canvas, stretch=(4, 1), depth=0.045)

    x, y, lift = canvas.x, canvas.y, 0.0
    if bend := amount(fault, "bent part"):
        chance = fault.generator()
        heading = chance.uniform(0, 2 * np.pi)
        side = (float(np.cos(heading)), float(np.sin(heading)))
        beyond = x * side[0] + y * side[1] - np.float32(chance.uniform(0.1, 0.35))
        beyond = np.maximum(beyond, 0.0)
        lift = beyond * (0.25 + 0.75 * bend) * np.clip(beyond / 0.1, 0, 1)
        stretch = 0.5 * bend * beyond  # the part that rises is foreshortened
        x, y = x + side[0] * stretch, y + side[1] * stretch
    radius, azimuth = np.hypot(x, y), np.arctan2(y, x)
    shape = np.maximum(radius - outer, inner - radius)
    if toothed:
        turns = azimuth * (teeth / (2 * np.pi))
        number = np.round(turns)
        within = turns - number
        if variant == "inner teeth":
            out = (inner + 0.2 * outer) - radius
            ring = np.maximum(radius - outer, out)
        else:
            out = radius - 0.8 * outer
            ring = np.maximum(out, inner - radius)
        sides = (np.abs(within) - 0.31) * radius * (2 * np.pi / teeth)
        shape = np.minimum(ring, np.maximum(shape, sides))
        lift = lift + twist * 0.3 * within * smoothstep(out, -0.03, 0.03)
    if variant == "split":
        shape = np.maximum(shape, np.where(x > 0, gap - np.abs(y - 0.5 * (x - inner)), -1.0))
        lift = lift + 0.016 * np.arctan2(-y, -x)  # one end of the gap lies higher
    if missing := amount(fault, "missing part"):
        chance = fault.generator()
        if toothed:  # one tooth, or two when the fault is strong
            lost = chance.integers(teeth) + np.arange(1 if missing < 0.6 else 2)
            shape = np.where(np.isin(number % teeth, lost % teeth), np.maximum(shape, ring), shape)
        else:
            angle = chance.uniform(0.6, 5.6)  # away from the gap of a split washer
            bite_x, bite_y = moved(x, y, (outer * np.cos(angle), outer * np.sin(angle)))
            reach = (0.35 + 0.85 * missing) * (outer - inner)
            bite = circle(bite_x, bite_y, reach) + jagged(
                chance, reach * np.arctan2(bite_y, bite_x), 0.04
            )
            shape = np.maximum(shape, -bite)
    lathe = rings * np.sin(radius * (2 * np.pi / 0.05))
    sheen = turned_sheen(canvas, x, y, facing, fan)
    albedo = shaded(colour, brightness * sheen + lathe)
    height = 0.09 + lift + bevel(shape, edge, 0.03)
    return finished(albedo, height, gloss, inside(shape, canvas.pixel))


_ANY_WAY = float(np.pi)

FASTENERS: tuple[Kind, ...] = (
    Kind(
        "hexagon nut",
        "object",
        hexagon_nut,
        words=("hexagon nut", "hex nut", "nut"),
        colours=METALS,
        faults=("missing part", "misplaced part"),
        turn=_ANY_WAY,
    ),
    Kind(
        "bolt",
        "object",
        bolt,
        words=("bolt", "screw", "machine screw", "threaded bolt"),
        colours=METALS,
        faults=("missing part", "bent part"),
        turn=0.3,
    ),
    Kind(
        "washer",
        "object",
        washer,
        words=("washer", "metal washer", "flat ring"),
        colours=METALS,
        faults=("missing part", "bent part"),
        turn=_ANY_WAY,
    ),
    Kind(
        "key",
        "object",
        key,
        words=("key", "door key", "house key"),
        colours=METALS,
        faults=("missing part", "bent part"),
        turn=0.3,
    ),
)
