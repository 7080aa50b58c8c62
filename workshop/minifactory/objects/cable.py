"""The cross-section of a cable: sheath, three insulated cores, strands of copper."""

from __future__ import annotations

import numpy as np

from workshop.minifactory.canvas import Canvas, Field, inside, moved, smoothstep
from workshop.minifactory.noise import fractal
from workshop.minifactory.objects.solids import bevel
from workshop.minifactory.palette import mix
from workshop.minifactory.shapes import circle
from workshop.minifactory.surface import Colour, Fault, Surface, lay, plain, shaded

INSULATION = ("green", "blue", "grey", "brown", "red", "yellow", "white", "black", "orange")
CORES = 3


def strands(x: Field, y: Field, spacing: float) -> tuple[Field, Field, np.ndarray]:
    """The nearest point of a triangular lattice: distance to it, its own radius, and a number.

    The lattice is two rectangular ones, sqrt(3) taller than wide, one in the gaps of the other.
    """
    best = None
    for odd in (0, 1):
        shift = np.float32(0.5 * spacing * odd)
        i = np.round((x - shift) / np.float32(spacing))
        j = np.round((y - shift * np.float32(3**0.5)) / np.float32(spacing * 3**0.5))
        px, py = i * np.float32(spacing) + shift, (j * spacing + shift) * np.float32(3**0.5)
        far, radius = np.hypot(x - px, y - py), np.hypot(px, py)
        number = (i * 7 + j * 13 + 5 * odd).astype(np.int64) % 64
        if best is None:
            best = far, radius, number
        else:
            near = far < best[0]
            best = tuple(
                np.where(near, a, b) for a, b in zip((far, radius, number), best, strict=True)
            )
    return best[0].astype(np.float32), best[1].astype(np.float32), best[2]


def cable(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """A cut through a three-core cable, seen end on.

    Missing: a whole core, or part of its strands where the fault is weak. Misplaced: two cores have
    changed places, or one lies off its place.
    """
    outer = style.uniform(0.60, 0.72)
    inner = outer * (1 - style.uniform(0.12, 0.22))
    core = inner / (1 + 2 / 3**0.5) * style.uniform(0.90, 0.98)
    copper = core * style.uniform(0.64, 0.76)
    spacing = 2 * copper / style.uniform(5.0, 8.5)
    names = style.choice(INSULATION, CORES, replace=False)
    jackets = [mix(str(name), style) for name in names]
    metal = mix("silver" if style.random() < 0.15 else "copper", style)
    fill = np.full(3, style.choice((0.08, 0.6)), np.float32)
    cut = fractal(instance, canvas, roughness=1.0, coarsest=5, stretch=(2, 1))
    warp = fractal(instance, canvas, roughness=1.5, coarsest=4, finest=20)
    glint = instance.uniform(0.65, 1.15, (CORES, 64)).astype(np.float32)
    turns, sway = instance.uniform(0, np.pi, CORES), instance.normal(0, 0.010, (CORES, 2))

    angles = np.arange(CORES) * 2 * np.pi / CORES - np.pi / 2
    places = 0.98 * (inner - core) * np.stack([np.cos(angles), np.sin(angles)], axis=1) + sway
    lacking, share, places, jackets = _spoil(fault, places, jackets, core)

    x, y = canvas.x, canvas.y
    rim, room = circle(x, y, outer) + 0.003 * warp, circle(x, y, inner) + 0.004 * warp
    surface = plain(colour, canvas.u, gloss=0.25)
    surface.albedo = shaded(colour, 1.0 + 0.05 * cut)
    surface.height = (0.13 * bevel(rim, 0.05) + 0.0018 * cut).astype(np.float32)
    surface.cover = inside(rim, canvas.pixel)
    floor = 0.13 - 0.06 * smoothstep(room, 0.0, -0.03) + 0.004 * cut
    surface = lay(surface, inside(room, canvas.pixel), fill, floor, 0.1)

    here = [n for n in range(CORES) if n != lacking or share < 1.0]
    lx, ly = np.stack([moved(x, y, tuple(places[n]), turns[n]) for n in here], axis=1)
    mine = np.hypot(lx, ly).argmin(axis=0)  # cores that touch press each other flat
    lx, ly = (np.take_along_axis(local, mine[None], axis=0)[0] for local in (lx, ly))
    mine = np.asarray(here)[mine]
    edge = circle(lx, ly, core) + 0.004 * warp
    height = 0.07 + 0.07 * bevel(edge, 0.04) + 0.0018 * cut
    dye = np.asarray(jackets, np.float32)[mine]
    surface = lay(surface, inside(edge, canvas.pixel), dye, height, 0.35)
    bore = circle(lx, ly, copper) + 0.004 * warp
    height = 0.14 - 0.10 * smoothstep(bore, 0.0, -0.03)
    surface = lay(surface, inside(bore, canvas.pixel), fill * 0.5, height, 0.1)
    far, radius, number = strands(lx + 0.004 * warp, ly - 0.004 * warp, spacing)
    wire = np.maximum(far - np.float32(0.5 * spacing), radius - np.float32(copper - 0.4 * spacing))
    torn = lx - np.float32(copper * (1.0 - 2.0 * share))  # beyond it the strands are gone
    wire = np.where(mine == lacking, np.maximum(wire, torn), wire)
    bright = shaded(metal, glint[mine, number] * (1.0 + 0.08 * cut))
    height = 0.09 + 0.05 * bevel(wire, 0.5 * spacing)
    return lay(surface, inside(wire, canvas.pixel), bright, height, 0.65)


def _spoil(
    fault: Fault | None, places: np.ndarray, jackets: list[Colour], core: float
) -> tuple[int, float, np.ndarray, list[Colour]]:
    """Which core is (partly) missing (-1: none), which share, and the places and colours."""
    if fault is None or fault.name not in ("missing part", "misplaced part"):
        return -1, 0.0, places, jackets
    draw = fault.generator()
    one, two = (int(n) for n in draw.choice(CORES, 2, replace=False))
    swap, whole, aim = draw.random() < 0.5, draw.random() < 0.7, draw.uniform(-0.6, 0.6)
    if fault.name == "missing part":
        share = 1.0 if whole and fault.strength > 0.5 else 0.2 + 0.5 * fault.strength
        return one, share, places, jackets
    places, jackets = places.copy(), list(jackets)
    if swap and fault.strength > 0.5:
        jackets[one], jackets[two] = jackets[two], jackets[one]
    else:
        inwards = np.arctan2(-places[one][1], -places[one][0]) + aim
        step = core * (0.12 + 0.4 * fault.strength)
        places[one] += step * np.array((np.cos(inwards), np.sin(inwards)))
    return -1, 0.0, places, jackets
