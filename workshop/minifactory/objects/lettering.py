"""Numbers as they are stamped on parts: digits of three by five dots."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import map_coordinates

from workshop.minifactory.canvas import Field

DIGITS = (  # five rows of three dots, from top to bottom
    "111101101101111",
    "010110010010111",
    "111001111100111",
    "111001111001111",
    "101101111001001",
    "111100111001111",
    "111100111101111",
    "111001001010010",
    "111101111101111",
    "111101111001111",
)


def stamp(x: Field, y: Field, digits: Sequence[int] | np.ndarray, height: float) -> Field:
    """Coverage in [0, 1] of `digits` (integers 0 to 9), centred at the origin, `height` tall."""
    glyphs = [np.array([int(dot) for dot in DIGITS[d]], np.float32).reshape(5, 3) for d in digits]
    line = np.concatenate([np.pad(glyph, ((1, 1), (0, 1))) for glyph in glyphs], axis=1)
    fine = np.kron(np.pad(line, ((0, 0), (1, 0))), np.ones((4, 4), np.float32))
    dots = 20.0 / height  # rows of `fine` per canvas unit
    row = y * np.float32(dots) + np.float32((fine.shape[0] - 1) / 2)
    column = x * np.float32(dots) + np.float32((fine.shape[1] - 1) / 2)
    return map_coordinates(fine, [row, column], order=1, mode="constant")
