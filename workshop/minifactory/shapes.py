"""Signed distances to simple shapes: negative inside, zero on the edge, positive outside.

Combine them with `np.minimum` (union), `np.maximum` (overlap) and `np.maximum(a, -b)` (a without
b), and turn them into coverage with `canvas.inside`. All take the local coordinates of the shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from workshop.minifactory.canvas import Field


def circle(x: Field, y: Field, radius: float | Field) -> Field:
    return np.hypot(x, y) - np.float32(radius)


def ring(x: Field, y: Field, radius: float, width: float) -> Field:
    """A band of `width` around the circle of `radius`."""
    return np.abs(np.hypot(x, y) - np.float32(radius)) - np.float32(width / 2)


def box(
    x: Field,
    y: Field,
    half_width: float | Field,
    half_height: float | Field,
    corner: float = 0.0,
) -> Field:
    """A rectangle with corners rounded by the radius `corner`."""
    dx = np.abs(x) - np.float32(half_width - corner)
    dy = np.abs(y) - np.float32(half_height - corner)
    outside = np.hypot(np.maximum(dx, 0), np.maximum(dy, 0))
    return outside + np.minimum(np.maximum(dx, dy), 0) - np.float32(corner)


def polygon(x: Field, y: Field, sides: int, apothem: float) -> Field:
    """A regular polygon, by the distance `apothem` from its centre to each side (exact inside)."""
    sector = 2 * np.pi / sides
    angle = np.arctan2(y, x)
    folded = angle - sector * np.round(angle / sector)
    return np.hypot(x, y) * np.cos(folded) - np.float32(apothem)


def rod(x: Field, y: Field, start: Sequence[float], end: Sequence[float], radius: float) -> Field:
    """A round-ended stroke from `start` to `end`."""
    ax, ay = x - np.float32(start[0]), y - np.float32(start[1])
    bx, by = end[0] - start[0], end[1] - start[1]
    along = np.clip((ax * bx + ay * by) / max(bx * bx + by * by, 1e-12), 0.0, 1.0)
    return np.hypot(ax - along * np.float32(bx), ay - along * np.float32(by)) - np.float32(radius)


def path(x: Field, y: Field, points: np.ndarray, radius: float) -> Field:
    """A stroke of half-width `radius` along the broken line through `points`, shape (n, 2)."""
    pieces = [
        rod(x, y, (float(a[0]), float(a[1])), (float(b[0]), float(b[1])), radius)
        for a, b in pairwise(points)
    ]
    return np.minimum.reduce(pieces)
