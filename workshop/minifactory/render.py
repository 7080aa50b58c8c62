"""One product, one picture, one exact mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_closing, binary_opening

from workshop.minifactory.canvas import Canvas
from workshop.minifactory.catalogue import defects_of
from workshop.minifactory.defects import DEFECTS, PART_FAULTS
from workshop.minifactory.kinds import Kind
from workshop.minifactory.lighting import Station, develop, shade
from workshop.minifactory.palette import mix
from workshop.minifactory.surface import Fault

VISIBLE = 5 / 255  # a pixel belongs to the defect if the defect changed it by more than this
SMALLEST = 0.0008  # the smallest share of the picture that counts as a defect
TRIES = 8  # places to try before giving up on a defect that cannot be seen


@dataclass(frozen=True)
class Render:
    """A picture and what is known about it."""

    image: NDArray[np.uint8]  # (size, size, 3)
    mask: NDArray[np.bool_]  # (size, size): the pixels that the defect changed; none for good
    kind: str
    colour: str
    defect: str | None


def render(
    kind: Kind,
    style: int,
    piece: int,
    size: int = 240,
    defect: str | None = None,
    strength: float = 1.0,
    colour: str | None = None,
) -> Render:
    """Photograph piece number `piece` of the product line with the look `style`.

    The defective piece is drawn beside the same piece without the defect: the mask is where the two
    pictures differ by more than `VISIBLE`, and outside of it they are equal to the last bit.

    Raises ValueError for a defect that this kind cannot have, or that stays invisible.
    """
    if defect is not None and defect not in defects_of(kind):
        raise ValueError(f"{kind.name} cannot have {defect!r}; it can have {defects_of(kind)}")
    look = np.random.default_rng([style, 1])
    colour = colour or str(look.choice(kind.colours))
    pigment = mix(colour, look)
    station = Station.draw(look, pigment)
    now = np.random.default_rng([style, piece, 2])
    canvas = Canvas(
        size,
        angle=float(now.uniform(-kind.turn, kind.turn)),
        shift=(float(now.uniform(-0.08, 0.08)), float(now.uniform(-0.08, 0.08))),
        scale=float(now.uniform(0.93, 1.05)),
    )
    station = station.jitter(now)
    seed = int(now.integers(2**31))

    def build(fault: Fault | None):  # fresh generators: good and faulty piece draw the same
        return kind.build(
            canvas,
            pigment,
            np.random.default_rng([style, 3]),
            np.random.default_rng([style, piece, 4]),
            fault,
        )

    surface = build(None)
    good = shade(surface, station, canvas, seed)
    if defect is None:
        empty = np.zeros((size, size), dtype=bool)
        return Render(develop(good, station, seed), empty, kind.name, colour, None)
    for attempt in range(TRIES):
        place = int(np.random.default_rng([style, piece, 5, attempt]).integers(2**31))
        if defect in PART_FAULTS:
            spoilt = build(Fault(defect, place, strength))
        else:
            apply = next(d.apply for d in DEFECTS if d.name == defect)
            spoilt = apply(surface, canvas, np.random.default_rng(place), strength)
        bad = shade(spoilt, station, canvas, seed)
        mask = changed(good, bad)
        if mask.mean() >= SMALLEST:
            picture = np.where(mask[..., None], bad, good)
            return Render(develop(picture, station, seed), mask, kind.name, colour, defect)
    raise ValueError(f"{defect!r} at strength {strength} cannot be seen on {kind.name} {style}")


def changed(good: NDArray[np.floating], bad: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Where two pictures differ visibly, small gaps closed: (size, size) bool."""
    differs = np.abs(bad - good).max(axis=-1) > VISIBLE
    closed = binary_closing(differs, iterations=max(1, differs.shape[0] // 120))
    return binary_opening(closed, structure=np.ones((2, 2))) | (closed & differs)
