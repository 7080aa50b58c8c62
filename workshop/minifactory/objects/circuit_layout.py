"""Where things sit on a circuit board: what all boards of one product line have in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Point = tuple[float, float]


@dataclass(frozen=True)
class Part:
    """One component on the board."""

    sort: str  # "chip", "resistor", "capacitor", "can" or "socket"
    centre: Point
    half: Point  # half its width and half its height, in canvas units
    angle: float = 0.0  # in radians
    legs: int = 0  # on each of two opposite sides
    mark: tuple[int, ...] = ()  # digits on its back


@dataclass(frozen=True)
class Layout:
    """A board, from its outline to its components."""

    half: Point  # half the board's width and height
    parts: tuple[Part, ...]
    buses: tuple[tuple[np.ndarray, int], ...]  # centre line (3, 2); traces beside it on each side
    vias: np.ndarray  # (n, 2)
    holes: np.ndarray  # (m, 2), the mounting holes


def draw_layout(style: np.random.Generator) -> Layout:
    """A layout at random: a large chip, a socket at one edge, small parts around them."""
    half = (float(style.uniform(0.66, 0.78)), float(style.uniform(0.52, 0.78)))
    columns, rows = int(style.integers(4, 6)), 3 if half[1] < 0.62 else 4
    cell = (1.72 * half[0] / columns, 1.72 * half[1] / rows)

    def centre(column: float, row: float) -> Point:
        return ((column + 0.5) * cell[0] - 0.86 * half[0], (row + 0.5) * cell[1] - 0.86 * half[1])

    left, top = int(style.integers(0, columns - 1)), int(style.integers(1, rows - 1))
    long = float(style.uniform(0.5, 0.85)) * cell[0]
    tall = float(style.uniform(0.5, 0.72)) * cell[1]
    mark = tuple(int(digit) for digit in style.integers(0, 10, 5))
    legs = int(style.integers(5, 9))
    main = Part("chip", centre(left + 0.5, top + 0.5), (long, tall), 0.0, legs, mark)
    width = int(style.integers(2, columns))
    start = int(style.integers(0, columns - width + 1))
    socket = Part(
        "socket",
        centre(start + (width - 1) / 2, -0.12),
        (0.45 * width * cell[0], 0.30 * cell[1]),
        0.0,
        2 * width + 1,
    )
    parts = [main, socket]
    for row in range(rows):
        for column in range(columns):
            in_main = left <= column <= left + 1 and top <= row <= top + 1
            if not in_main and not (row == 0 and start <= column < start + width):
                parts += _small(style, centre(column, row), cell)
    ends = [style.integers(0, len(parts), 2) for _ in range(10)]
    buses = tuple(
        (_route(parts[a if n % 2 else 0].centre, parts[b].centre), int(style.integers(0, 3)))
        for n, (a, b) in enumerate(ends)
        if (a if n % 2 else 0) != b
    )
    vias = style.uniform(-0.9, 0.9, (int(style.integers(10, 24)), 2)) * np.asarray(half)
    corner = np.asarray(half) - 0.075
    holes = np.array([(-1, -1), (1, -1), (-1, 1), (1, 1)]) * corner
    if style.random() < 0.3:
        holes = holes[[0, 3]]
    return Layout(half, tuple(parts), buses, vias, holes)


def _small(style: np.random.Generator, centre: Point, cell: Point) -> list[Part]:
    """What fills one cell of the board: a can, a small chip, some two-pole parts, nothing."""
    roll, size = style.random(), float(style.uniform(0.85, 1.15))
    upright, count = style.random() < 0.5, int(style.integers(2, 4))
    sort = "resistor" if style.random() < 0.5 else "capacitor"
    if roll < 0.15:
        return []
    if roll < 0.32:
        radius = 0.36 * min(cell) * size
        return [Part("can", centre, (radius, radius))]
    if roll < 0.50:
        angle = np.pi / 2 if upright else 0.0
        return [Part("chip", centre, (0.27 * min(cell) * size, 0.20 * min(cell)), angle, 4)]
    step = 0.9 * min(cell) / count
    half = (0.26 * min(cell) * size, 0.36 * step)
    angle = np.pi / 2 if upright else 0.0
    offsets = (np.arange(count) - (count - 1) / 2) * step
    return [
        Part(sort, (centre[0] + o * upright, centre[1] + o * (not upright)), half, angle)
        for o in offsets
    ]


def _route(start: Point, end: Point) -> np.ndarray:
    """A trace from `start` to `end`, straight and then at 45 degrees: points (3, 2)."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    slant = min(abs(dx), abs(dy))
    corner = (end[0] - np.sign(dx) * slant, end[1] - np.sign(dy) * slant)
    return np.array([start, corner, end])
