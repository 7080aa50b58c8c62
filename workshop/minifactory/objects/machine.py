"""Machine parts: gear; and the catalogue of them all."""

from __future__ import annotations

import numpy as np

from workshop.minifactory.canvas import Canvas, inside, smoothstep
from workshop.minifactory.kinds import Kind
from workshop.minifactory.objects.batteries import battery
from workshop.minifactory.objects.bearings import ball_bearing
from workshop.minifactory.objects.metal import amount, bevel, finished, jagged, turned_sheen, wear
from workshop.minifactory.objects.springs import spring
from workshop.minifactory.palette import COLOURS, METALS
from workshop.minifactory.shapes import box, circle
from workshop.minifactory.surface import Colour, Fault, Surface, shaded


def gear(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """A spur gear from above: 10 to 24 teeth, a web with holes that lighten it, a hub with a bore.

    Faults: a tooth broken off, a tooth bent aside, the hub off centre.
    """
    teeth, outer = int(style.integers(10, 25)), style.uniform(0.7, 0.8)
    depth = style.uniform(2.0, 2.5) * 2 * outer / (teeth + 2)  # of a tooth
    taper, tip_corner = style.uniform(0.12, 0.19), style.uniform(0.01, 0.03)
    thick = style.uniform(0.24, 0.29)
    root = outer - depth
    hub = root * style.uniform(0.36, 0.48)
    bore = hub * style.uniform(0.45, 0.65)
    rim = root * style.uniform(0.78, 0.86)
    holes, hole_share = int(style.choice([0, 3, 4, 5, 6])), style.uniform(0.55, 0.85)
    sunk, keyway = float(style.choice([0.0, style.uniform(0.03, 0.06)])), style.random() < 0.5
    gloss, facing, fan = style.uniform(0.4, 0.75), style.uniform(0, 6.3), style.uniform(0.1, 0.3)
    brightness = wear(instance, canvas, depth=0.03)

    x, y = canvas.x, canvas.y
    radius = np.hypot(x, y)
    turns = np.arctan2(y, x) * np.float32(teeth / (2 * np.pi))
    rise = np.clip((radius - root) / depth, 0.0, 1.0)  # 0 at the root of a tooth, 1 at its tip
    top = np.full_like(radius, outer)
    if bend := amount(fault, "bent part"):
        chance = fault.generator()
        lean = chance.choice([-1.0, 1.0]) * (0.15 + 0.3 * bend) * rise
        here = np.abs((turns - chance.integers(teeth) + teeth / 2) % teeth - teeth / 2) < 0.8
        turns = np.where(here, turns - lean, turns)
    number = np.round(turns)
    if missing := amount(fault, "missing part"):
        chance = fault.generator()
        torn = outer - depth * (0.4 + 0.6 * missing) + jagged(chance, turns / 3, 0.03)
        top = np.where(number % teeth == chance.integers(teeth), torn, top)
    width = thick - taper * (rise - 0.5)  # half a tooth, as a share of one turn from tooth to tooth
    flank = (np.abs(turns - number) - width) * radius * np.float32(2 * np.pi / teeth)
    corner = (radius - top + flank + tip_corner) * np.float32(0.7)
    tooth = np.maximum(np.maximum(radius - top, flank), corner)
    outline = np.minimum(radius - root, tooth)

    hx = hy = 0.0
    if off := amount(fault, "misplaced part"):
        heading, reach = fault.generator().uniform(0, 6.3), (rim - hub) * (0.15 + 0.6 * off)
        hx, hy = float(reach * np.cos(heading)), float(reach * np.sin(heading))
    boss, eye = circle(x - hx, y - hy, hub), circle(x - hx, y - hy, bore)
    if keyway:
        eye = np.minimum(eye, box(x - hx - bore, y - hy, 0.3 * bore, 0.22 * bore))
    web = np.maximum(circle(x, y, rim), -boss)  # the thin disc between hub and rim
    shape = np.maximum(outline, -eye)
    if holes:
        step = 2 * np.pi / holes
        folded = np.arctan2(y, x) + 0.3 * step
        folded = folded - step * np.round(folded / step)
        middle = (hub + rim) / 2
        size = hole_share * min((rim - hub) / 2, middle * np.sin(step / 2))
        hole = circle(radius * np.cos(folded) - middle, radius * np.sin(folded), size)
        shape = np.maximum(shape, -np.maximum(hole, -boss - 0.02))
    inset = smoothstep(web, 0.0, -0.035)
    height = 0.15 + bevel(shape, 0.03, 0.03) - sunk * inset
    lathe = 0.03 * np.sin(radius * (2 * np.pi / 0.045))
    light = brightness * turned_sheen(canvas, x, y, facing, fan) + lathe
    light = light * (1.0 - 2.5 * sunk * inset)
    return finished(shaded(colour, light), height, gloss, inside(shape, canvas.pixel))


MACHINE: tuple[Kind, ...] = (
    Kind(
        "gear",
        "object",
        gear,
        words=("gear", "gear wheel", "cogwheel", "cog"),
        colours=METALS,
        faults=("missing part", "bent part", "misplaced part"),
        turn=float(np.pi),
    ),
    Kind(
        "ball bearing",
        "object",
        ball_bearing,
        words=("ball bearing", "bearing"),
        colours=METALS,
        faults=("missing part", "misplaced part"),
        turn=float(np.pi),
    ),
    Kind(
        "spring",
        "object",
        spring,
        words=("spring", "coil spring", "metal spring"),
        colours=METALS,
        faults=("missing part", "bent part", "misplaced part"),
        turn=0.3,
    ),
    Kind(
        "battery",
        "object",
        battery,
        words=("battery", "round battery", "battery cell"),
        colours=tuple(name for name in COLOURS if name != "silver"),
        faults=("missing part", "misplaced part"),
        turn=0.3,
    ),
)
