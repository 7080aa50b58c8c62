"""A coil of wire: the helical spring."""

from __future__ import annotations

import numpy as np

from workshop.minifactory.canvas import Canvas, Field, inside
from workshop.minifactory.objects.metal import amount, bent, finished, laid, wear
from workshop.minifactory.shapes import path, ring
from workshop.minifactory.surface import Colour, Fault, Surface, shaded


def front(x: Field, y: Field, places: np.ndarray, lean: float, radius: float) -> Field:
    """Distance to the middle of the nearest near-side strand of a coil along the x axis.

    Strand k crosses the axis at `places[k]` and leans by `lean` from there to its ends at
    y = +-`radius`: half a turn of a helix, seen from the side.
    """
    turn = np.linspace(-np.pi / 2, np.pi / 2, 9)
    points = np.stack([lean * turn / (np.pi / 2), radius * np.sin(turn)], axis=1)
    around = np.arcsin(np.clip(y / radius, -1.0, 1.0)) / (np.pi / 2)
    nearest = np.searchsorted((places[1:] + places[:-1]) / 2, x - lean * around)
    return path(x - places.astype(np.float32)[nearest], y, points, 0.0)


def back(x: Field, y: Field, places: np.ndarray, lean: float, radius: float) -> Field:
    """Distance to the far-side strands: from each near strand's top to the next one's foot."""
    if len(places) < 2:
        return np.full_like(x, 9.0)
    half = np.maximum(np.diff(places) / 2 - lean, 0.0).astype(np.float32)
    middles = ((places[1:] + places[:-1]) / 2).astype(np.float32)
    nearest = np.searchsorted(
        (middles[1:] + middles[:-1]) / 2, x + np.clip(y / radius, -1, 1) * half.mean()
    )
    dx, span = x - middles[nearest], half[nearest]
    along = np.clip((y * radius - dx * span) / (radius**2 + span**2), -1.0, 1.0)
    return np.hypot(dx + along * span, y - along * np.float32(radius))


def tube(distance: Field, wire: float) -> Field:
    """Height of a round wire of radius 1 at a distance from its middle."""
    return np.sqrt(np.maximum(1.0 - np.square(distance / np.float32(wire)), 0.03))


def spring(
    canvas: Canvas,
    colour: Colour,
    style: np.random.Generator,
    instance: np.random.Generator,
    fault: Fault | None = None,
) -> Surface:
    """A helical spring on its side: open coils with closed ends, or tight coils with two hooks.

    Faults: coils broken off one end, the spring bent or stretched, one coil out of its place.
    """
    x, y = laid(canvas, style)
    tight = style.random() < 0.3
    radius, wire = style.uniform(0.18, 0.34), style.uniform(0.032, 0.052)
    length = style.uniform(1.15, 1.5) if not tight else style.uniform(0.65, 0.9)
    coils = int(length / (2.06 * wire)) if tight else int(style.integers(6, 12))
    closed, gloss = style.random() < 0.6, style.uniform(0.6, 0.85)
    slip = instance.normal(0.0, 0.01, 40)
    brightness = wear(instance, canvas, depth=0.045)

    steps = np.ones(coils - 1)
    if closed and not tight:
        steps[[0, -1]] = 0.45  # the last coils of a pressed spring lie close to their neighbours
    places = np.concatenate([[0.0], np.cumsum(steps)]) / steps.sum() - 0.5
    places = places * (length - 2 * wire) + (0 if tight else 1) * slip[:coils]
    pitch = (length - 2 * wire) / steps.sum()
    ends = float(places[0]), float(places[-1])
    if bend := amount(fault, "bent part"):
        chance = fault.generator()
        turn = chance.choice([-1.0, 1.0]) * (0.12 + bend * chance.uniform(0.3, 0.6))
        start, first = chance.uniform(-0.3, 0.1), int(chance.integers(coils // 3, coils // 2 + 1))
        if chance.random() < 0.6:
            x, y = bent(x, y, start, float(turn), radius + 0.35)
        else:  # pulled apart in the middle
            pull = (0.3 + bend) * max(0.7 * pitch, 0.1)
            places = places + np.where(np.arange(coils) >= first, pull, 0.0)
    if missing := amount(fault, "missing part"):
        lost = max(1, round(missing * 0.3 * coils))
        places = places[lost:] if fault.generator().random() < 0.5 else places[:-lost]
    if off := amount(fault, "misplaced part"):
        chance = fault.generator()
        which, side = int(chance.integers(2, coils - 2)), chance.choice([-1.0, 1.0])
        if tight:  # there is no room: it opens a gap
            places = places + np.where(np.arange(coils) >= which, (0.3 + off) * 2 * wire, 0.0)
        else:
            places[which] += side * (0.3 + 0.5 * off) * (pitch - 2 * wire)
    lean = min(pitch / 4, 0.06)
    near = front(x, y, places, lean, radius)
    far = back(x, y, places, lean, radius)
    if tight:  # one hook at each end that is still there
        shift = float(places[0]) - ends[0], float(places[-1]) - ends[1]
        for side, end, gone in zip((-1, 1), (places[0], places[-1]), shift, strict=True):
            if abs(gone) < 1.5 * pitch or not missing:
                size = min(radius * 0.75, 0.17)
                loop = ring(x - np.float32(end + side * (size + wire)), y, size, 0.0)
                near = np.minimum(near, loop)
    on = inside(near - wire, canvas.pixel)
    level = np.sqrt(np.clip(1.0 - np.square(y / radius), 0.0, 1.0))  # the coil comes to the front
    near_height = wire * tube(near, wire) + 0.12 + 0.1 * level
    far_height = wire * tube(far, wire) + 0.1 - 0.07 * level
    height = far_height * (1 - on) + near_height * on
    light = (0.35 + 0.45 * tube(far, wire)) * (1.0 - 0.4 * level) * (1 - on)
    light = light + (0.5 + 0.6 * tube(near, wire) ** 2) * on
    cover = np.maximum(on, inside(far - wire, canvas.pixel))
    return finished(shaded(colour, light * brightness), height, gloss, cover)
