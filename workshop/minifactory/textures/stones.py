"""Textures of loose stones: gravel, from round pebbles to crushed rock."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workshop.minifactory.canvas import Canvas, Field, smoothstep
from workshop.minifactory.noise import fractal
from workshop.minifactory.surface import Colour, Fault, Surface, plain, shaded

REACH = 1.8  # stones cover [-REACH, REACH] in x and y: all of a turned and shifted picture


def earthen(colour: Colour, share: float) -> Colour:
    """`colour` as stone and clay have it: `share` of the way to grey, and never quite black.

    Strong colours lose their blue first: clay is red because of iron, not because of dye.
    """
    vivid = float(colour.max() - colour.min())
    grey = colour.mean() * (1.0 + vivid * np.array([0.3, 0.0, -0.5]))
    return (0.09 + 0.87 * (colour + share * (grey - colour))).astype(np.float32)


@dataclass(frozen=True)
class Heap:
    """Stones around the points of a jittered grid, one a grid cell. Arrays are (n * n,)."""

    spacing: float  # of the grid, in canvas units
    side: int  # n
    centre: NDArray[np.float32]  # (2, n * n)
    faces: NDArray[np.float32]  # (3, 2, n * n): three pairs of parallel sides, normal / radius
    level: NDArray[np.float32]  # how high it lies in the heap, in spacings
    lean: NDArray[np.float32]  # (2, n * n): slope of its top


def _heap(instance: np.random.Generator, spacing: float, uneven: float, long: float) -> Heap:
    side = int(np.ceil(2 * REACH / spacing)) + 1
    number = side * side
    rows, columns = np.divmod(np.arange(number), side)
    centre = np.stack([columns, rows]) + 0.5 + instance.uniform(-0.48, 0.48, (2, number))
    radius = 0.74 * spacing * np.exp(uneven * instance.standard_normal(number).clip(-2, 1.2))
    turn = instance.uniform(0, np.pi, number)
    angles = turn + np.array([[0.0], [1.05], [2.09]]) + instance.uniform(-0.3, 0.3, (3, number))
    sides = radius * instance.uniform(0.75, 1.15, (3, number))
    sides[0] *= 1.0 + long
    normals = np.stack([np.cos(angles), np.sin(angles)], axis=1) / sides[:, None]
    return Heap(
        spacing=spacing,
        side=side,
        centre=(centre * spacing - REACH).astype(np.float32),
        faces=normals.astype(np.float32),
        level=instance.uniform(0, 0.7, number).astype(np.float32),
        lean=instance.normal(0, 0.33, (2, number)).astype(np.float32),
    )


def _topmost(
    heap: Heap, x: Field, y: Field, angular: float
) -> tuple[Field, Field, NDArray[np.intp]]:
    """What the camera sees: height (in spacings), depth inside the stone (0 at its outline, 1 at
    its middle), and the stone's number. Between stones the height is negative."""
    column = np.clip(((x + REACH) / heap.spacing).astype(np.intp), 1, heap.side - 2)
    row = np.clip(((y + REACH) / heap.spacing).astype(np.intp), 1, heap.side - 2)
    height = np.full(x.shape, -0.25, dtype=np.float32)
    within = np.zeros_like(height)
    stone = np.zeros(x.shape, dtype=np.intp)
    sharp, soft = np.float32(angular), np.float32(1.0 - angular)
    for step in range(9):
        index = (row + step // 3 - 1) * heap.side + column + step % 3 - 1
        dx, dy = x - heap.centre[0][index], y - heap.centre[1][index]
        a, b, c = (np.abs(nx[index] * dx + ny[index] * dy) for nx, ny in heap.faces)
        crushed = np.maximum(np.maximum(a, b), c)
        pebble = np.sqrt((a * a + b * b + c * c) * np.float32(0.6))
        inner = np.float32(1.0) - (sharp * crushed + soft * pebble)
        # a crushed stone is a cut pyramid with a leaning top, a pebble is a dome
        cut = np.minimum(inner * np.float32(1.6), np.float32(0.55))
        dome = np.float32(0.8) * np.sqrt(np.clip(inner * (2.0 - inner), 0, 1))
        slope = (heap.lean[0][index] * dx + heap.lean[1][index] * dy) / np.float32(heap.spacing)
        top = heap.level[index] + sharp * cut + soft * dome + slope
        higher = (inner > 0) & (top > height)
        height = np.where(higher, top, height)
        within = np.where(higher, inner, within)
        stone = np.where(higher, index, stone)
    return height, within, stone


def gravel(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """Stones heaped on each other, each with its own size, shape, tilt and tone."""
    spacing = float(np.exp(style.uniform(np.log(0.07), np.log(0.30))))
    angular = float(np.clip(style.uniform(-0.2, 1.2), 0, 1))
    uneven, long = style.uniform(0.05, 0.35), style.uniform(0.1, 0.7)
    relief = style.uniform(0.3, 0.9) * spacing  # flat or hard light: the shading follows it
    spread = style.uniform(0.06, 0.30)
    warm = style.uniform(0.0, 0.045)
    crevice = style.uniform(0.25, 0.7)
    speckle = style.uniform(0.01, 0.06)
    gloss = style.uniform(0.05, 0.35)
    colour = earthen(colour, share=style.uniform(0.3, 0.8))
    heap = _heap(instance, spacing, uneven, long)
    tones = instance.standard_normal((2, heap.side**2), dtype=np.float32)
    grain = fractal(instance, canvas, roughness=0.4, coarsest=25)
    rough = fractal(instance, canvas, roughness=1.6, coarsest=1.5 / spacing, finest=6 / spacing)

    wobble = np.float32(0.02 * spacing) * rough
    height, within, stone = _topmost(heap, canvas.x + wobble, canvas.y - wobble, angular)
    bare = height < -0.2  # the sand between the stones
    tone = 0.93 * np.exp(spread * np.clip(tones[0][stone], -2, 2.2))
    sunk = smoothstep(height, -0.25, 0.75)  # little light reaches what lies deep
    rim = smoothstep(within, 0.0, 0.22)
    light = tone * (1.0 - crevice * (1.0 - sunk * (0.55 + 0.45 * rim)))
    light = np.where(bare, np.float32(0.9 * (1.0 - crevice)), light)
    light = light * (1.0 + speckle * (grain + 0.7 * rough))
    hue = np.float32(warm) * np.clip(tones[1][stone], -2, 2)
    surface = plain(colour, canvas.u, gloss=gloss)
    cast = np.stack([1.0 + hue, 1.0 + 0.2 * hue, 1.0 - hue], axis=-1)
    surface.albedo = np.clip(shaded(colour, light) * cast, 0, 1).astype(np.float32)
    fine = spacing * (0.012 * rough + 0.002 * grain)
    surface.height = (relief * height + fine).astype(np.float32)
    surface.gloss = np.where(bare, 0.02, gloss).astype(np.float32)
    return surface
