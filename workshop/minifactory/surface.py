"""What a product is before light falls on it: colour, height, gloss and outline, per pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workshop.minifactory.canvas import Field

Colour = NDArray[np.floating]  # red, green, blue in [0, 1], shape (3,)


@dataclass
class Surface:
    """Layers of one product. A builder makes it, defects change it, `lighting.shade` shows it."""

    albedo: NDArray[np.floating]  # (size, size, 3), in [0, 1]: colour without light
    height: Field  # (size, size), in canvas units, towards the camera
    gloss: Field  # (size, size), in [0, 1]: 0 is chalk, 1 is polished metal
    cover: Field  # (size, size), in [0, 1]: 1 on the product, 0 on the backdrop

    def copy(self) -> Surface:
        return Surface(self.albedo.copy(), self.height.copy(), self.gloss.copy(), self.cover.copy())


@dataclass(frozen=True)
class Fault:
    """A defect that the builder itself must make, because it concerns parts, not the surface."""

    name: str  # "missing part", "bent part" or "misplaced part"
    seed: int
    strength: float  # in (0, 1]: how far it is bent or moved, how large the missing part is

    def generator(self) -> np.random.Generator:
        """A fresh generator: the same fault draws the same numbers wherever it is asked."""
        return np.random.default_rng([self.seed, 0xFA017])


def plain(colour: Colour | NDArray[np.floating], like: Field, gloss: float = 0.2) -> Surface:
    """A flat sheet that fills the picture, of one colour or of one a pixel."""
    albedo = np.empty((*like.shape, 3), dtype=np.float32)
    albedo[:] = colour
    return Surface(
        albedo,
        np.zeros(like.shape, dtype=np.float32),
        np.full(like.shape, gloss, dtype=np.float32),
        np.ones(like.shape, dtype=np.float32),
    )


def tint(
    albedo: NDArray[np.floating], colour: Colour | NDArray[np.floating], alpha: Field
) -> NDArray[np.floating]:
    """`albedo` painted over with `colour` (one for all, or one a pixel) where `alpha` is 1."""
    paint = np.broadcast_to(np.asarray(colour, dtype=np.float32), albedo.shape)
    painted, rest = np.empty_like(albedo), 1.0 - alpha
    for channel in range(3):  # six times as fast as broadcasting over a last axis of three
        painted[..., channel] = albedo[..., channel] * rest + paint[..., channel] * alpha
    return painted


def shaded(colour: Colour, brightness: Field) -> NDArray[np.floating]:
    """One colour, lighter and darker from pixel to pixel: (size, size, 3), clipped to [0, 1]."""
    colour = np.asarray(colour, dtype=np.float32)
    return np.stack([np.clip(c * brightness, 0.0, 1.0) for c in colour], axis=-1)


def lay(below: Surface, cover: Field, colour: Colour, height: Field, gloss: float) -> Surface:
    """A part laid on `below`: where `cover` is 1 it hides what is under it."""
    return Surface(
        tint(below.albedo, colour, cover),
        below.height * (1.0 - cover) + height * cover,
        below.gloss * (1.0 - cover) + np.float32(gloss) * cover,
        np.maximum(below.cover, cover),
    )
