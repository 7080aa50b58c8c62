"""Where on a product a defect sits, and the outlines and lines that it follows.

Every random number here is drawn in canvas units and never per pixel, so the same generator gives
the same place and the same outline at every canvas size.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, zoom

from workshop.minifactory.canvas import Canvas, Field, moved, smoothstep
from workshop.minifactory.surface import Surface

COARSE = 48  # places are drawn on this grid, so that they do not depend on the canvas
REACH = 0.12  # how far from a stroke its distance is worked out, in canvas units


def spot(
    surface: Surface, canvas: Canvas, generator: np.random.Generator, margin: float = 0.12
) -> tuple[float, float]:
    """A random place (u, v) on the product, `margin` away from the picture's border.

    Raises ValueError if the product covers nothing there.
    """
    preference = generator.random((COARSE, COARSE))  # drawn whatever the outline is
    cover = _coarse(surface.cover, canvas)
    inner = cover * _inner(margin)
    # relative to the best covered place, so that thin wires have places too
    room = smoothstep(inner / max(float(inner.max()), 1e-6), 0.6, 0.95)
    if inner.max() < 0.05:
        raise ValueError(
            f"no place for a defect: the product covers nothing of the picture {margin} or more "
            "from its border; draw the product larger or nearer to the middle"
        )
    return _best(preference * room)


def rim(
    surface: Surface, canvas: Canvas, generator: np.random.Generator, margin: float = 0.06
) -> tuple[float, float] | None:
    """A random place (u, v) on the product's outline; None where the product fills the picture."""
    preference = generator.random((COARSE, COARSE))
    cover = _coarse(surface.cover, canvas)
    edge = smoothstep(4.0 * cover * (1.0 - cover), 0.5, 0.95) * _inner(margin)
    return _best(preference * edge) if edge.max() > 0.5 else None


def _coarse(cover: Field, canvas: Canvas) -> Field:
    """The cover on the coarse grid, blurred first: nearly the same from every canvas size."""
    soft = gaussian_filter(cover, 0.04 * canvas.size / 2.0, mode="nearest")
    return zoom(soft, COARSE / canvas.size, order=3, mode="nearest", grid_mode=True)


def _grid() -> tuple[Field, Field]:
    line = ((np.arange(COARSE) + 0.5) * 2.0 / COARSE - 1.0).astype(np.float32)
    return np.meshgrid(line, line)


def _inner(margin: float) -> Field:
    u, v = _grid()
    return (np.maximum(np.abs(u), np.abs(v)) < 1.0 - margin).astype(np.float32)


def _best(score: np.ndarray) -> tuple[float, float]:
    u, v = _grid()
    best = np.argmax(score)
    return float(u.flat[best]), float(v.flat[best])


def wander(
    generator: np.random.Generator,
    centre: tuple[float, float],
    length: float,
    bend: float = 0.3,
    steps: int = 6,
    turn: float = 0.0,
    heading: float | None = None,
) -> np.ndarray:
    """A line through `centre`: points (steps + 1, 2).

    It turns by about `bend` radians a step at random, and by `turn` radians in all. It sets out
    towards `heading`, or any way where that is None.
    """
    drawn = generator.uniform(0, 2 * np.pi)
    course = drawn if heading is None else heading
    course = course + np.linspace(0.0, turn, steps) + np.cumsum(generator.normal(0, bend, steps))
    step = np.stack([np.cos(course), np.sin(course)], axis=1) * (length / steps)
    points = np.concatenate([np.zeros((1, 2)), np.cumsum(step, axis=0)])
    return points - points[len(points) // 2] + np.asarray(centre)


def window(canvas: Canvas, low: np.ndarray, high: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the pixels between the corners `low` and `high`, both (u, v)."""
    first = np.clip(np.floor((np.asarray(low) + 1) * canvas.size / 2), 0, canvas.size).astype(int)
    last = np.clip(np.ceil((np.asarray(high) + 1) * canvas.size / 2), 0, canvas.size).astype(int)
    return slice(first[1], last[1]), slice(first[0], last[0])


def stroke(canvas: Canvas, points: np.ndarray, radii: float | np.ndarray) -> Field:
    """Signed distance to a stroke through `points` (n, 2) of half-widths `radii`, (n,) or one.

    Distances beyond `REACH` are cut off there, which lets every piece look at few pixels only.
    """
    radii = np.broadcast_to(np.asarray(radii, dtype=np.float32), len(points))
    points = np.asarray(points, dtype=np.float32)
    distance = np.full((canvas.size, canvas.size), REACH, dtype=np.float32)
    for a, b, wide, narrow in zip(points[:-1], points[1:], radii[:-1], radii[1:], strict=True):
        reach = REACH + max(wide, narrow)
        area = window(canvas, np.minimum(a, b) - reach, np.maximum(a, b) + reach)
        x, y = canvas.u[area] - a[0], canvas.v[area] - a[1]
        (dx, dy) = b - a
        along = np.clip((x * dx + y * dy) / max(dx * dx + dy * dy, 1e-12), 0.0, 1.0)
        piece = np.hypot(x - along * dx, y - along * dy) - (wide + along * (narrow - wide))
        np.minimum(distance[area], piece, out=distance[area])
    return distance


def blob(
    u: Field,
    v: Field,
    generator: np.random.Generator,
    centre: tuple[float, float],
    radius: float,
    irregular: float = 0.3,
    stretch: float = 1.7,
) -> Field:
    """Signed distance (nearly) to a round patch with an uneven outline, at picture places (u, v).

    The outline is r(a) = radius (1 + irregular sum_k c_k cos(k a + p_k) / k^1.3) with Gaussian c_k
    and k = 2..7; the patch is drawn out by up to the factor `stretch` along a random direction. The
    unevenness dies out towards the middle, where the distance is -radius: no seams meet there.
    """
    angle = generator.uniform(0, np.pi)
    squeeze = np.sqrt(generator.uniform(1.0, stretch))
    weights, phases = generator.normal(0, 1, 6), generator.uniform(0, 2 * np.pi, 6)
    x, y = moved(u, v, centre, angle)
    x, y = x / np.float32(squeeze), y * np.float32(squeeze)
    around = np.arctan2(y, x)
    away = np.hypot(x, y)
    uneven = np.zeros_like(x)
    for k, (weight, phase) in enumerate(zip(weights, phases, strict=True), start=2):
        uneven += np.float32(irregular * weight / k**1.3) * np.cos(k * around + np.float32(phase))
    uneven = np.clip(uneven, -0.55, 0.7) * smoothstep(away, 0.0, 0.8 * radius)
    return away - np.float32(radius) * (1.0 + uneven)


def log_uniform(generator: np.random.Generator, low: float, high: float) -> float:
    """A size between `low` and `high`, as often in one octave as in the next."""
    return float(np.exp(generator.uniform(np.log(low), np.log(high))))
