"""Named colours: the colour words that captions use, and what they look like."""

from __future__ import annotations

import colorsys

import numpy as np

from workshop.minifactory.surface import Colour

COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.70, 0.12, 0.12),
    "orange": (0.85, 0.45, 0.12),
    "yellow": (0.88, 0.76, 0.18),
    "green": (0.18, 0.48, 0.22),
    "blue": (0.14, 0.28, 0.62),
    "purple": (0.42, 0.20, 0.55),
    "pink": (0.86, 0.52, 0.60),
    "brown": (0.42, 0.26, 0.15),
    "beige": (0.80, 0.70, 0.54),
    "white": (0.88, 0.87, 0.85),
    "grey": (0.50, 0.50, 0.51),
    "black": (0.10, 0.10, 0.11),
    "silver": (0.68, 0.70, 0.72),
    "golden": (0.78, 0.62, 0.28),
    "copper": (0.72, 0.42, 0.28),
}
METALS = ("silver", "grey", "golden", "copper", "black")


def mix(name: str, style: np.random.Generator) -> Colour:
    """The named colour, a little off as dyes and batches are: never twice the same."""
    hue, saturation, value = colorsys.rgb_to_hsv(*COLOURS[name])
    hue = (hue + style.uniform(-0.015, 0.015)) % 1.0
    saturation = float(np.clip(saturation * style.uniform(0.85, 1.15), 0, 1))
    value = float(np.clip(value * style.uniform(0.88, 1.1), 0.05, 0.95))
    return np.asarray(colorsys.hsv_to_rgb(hue, saturation, value), dtype=np.float32)
