"""Seeded irregularity that does not depend on the number of pixels: clouds, fibres and cells."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from workshop.minifactory.canvas import Canvas, Field

HIGHEST = 96  # the finest wave drawn, in periods per picture: what 192 px can still show


def fractal(
    generator: np.random.Generator,
    canvas: Canvas,
    roughness: float = 1.5,
    coarsest: float = 2.0,
    finest: float = HIGHEST,
    stretch: tuple[float, float] = (1.0, 1.0),
    angle: float = 0.0,
) -> Field:
    """A cloud: Gaussian waves whose amplitude falls as frequency^-roughness: mean 0.

    The variance is near 2 for an isotropic cloud (waves with kx > 0 count twice in a real picture)
    and smaller for a stretched one; the test has the closed form.

    `coarsest` and `finest` bound the waves, in periods per picture. `stretch` lengthens the pattern
    along its own two axes, which are turned by `angle`: (8, 1) makes horizontal fibres.
    The random numbers drawn do not depend on the canvas, so neither does the pattern.
    """
    side = 2 * HIGHEST + 1
    waves = generator.standard_normal((2, side, HIGHEST + 1), dtype=np.float32)
    ky = np.arange(-HIGHEST, HIGHEST + 1, dtype=np.float32)[:, None]
    kx = np.arange(0, HIGHEST + 1, dtype=np.float32)[None, :]
    cos, sin = np.cos(angle), np.sin(angle)
    frequency = np.hypot((cos * kx + sin * ky) * stretch[0], (cos * ky - sin * kx) * stretch[1])
    band = (frequency >= coarsest * 0.5) & (frequency <= finest)
    weight = np.where(band, np.maximum(frequency, coarsest) ** -np.float32(roughness), 0.0)
    weight /= np.sqrt(2.0 * np.square(weight).sum()) + 1e-12
    spectrum = (waves[0] + 1j * waves[1]) * weight.astype(np.float32)

    size = canvas.size
    keep = min(HIGHEST, (size - 1) // 2)  # waves that this many pixels can carry
    picture = np.zeros((size, size // 2 + 1), dtype=np.complex64)
    rows = np.arange(-keep, keep + 1)
    picture[rows % size, : keep + 1] = spectrum[HIGHEST - keep : HIGHEST + keep + 1, : keep + 1]
    # half a pixel to the right and down, so that every resolution samples at its pixel centres
    half = np.exp(1j * np.pi * np.fft.fftfreq(size).astype(np.float32))
    picture *= half[:, None] * half[None, : size // 2 + 1]
    return (np.fft.irfft2(picture, s=(size, size)) * (size * size)).astype(np.float32)


def cells(
    generator: np.random.Generator, x: Field, y: Field, spacing: float, jitter: float = 1.0
) -> tuple[Field, Field, np.ndarray]:
    """Cells around jittered grid points that cover [-1.6, 1.6] in x and y, `spacing` apart.

    Returns the distance to the nearest point, how far the next one is beyond it (0 on the border
    between two cells), and the number of the nearest point.
    """
    line = np.arange(-1.6, 1.6 + spacing, spacing)
    points = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    points = points + generator.uniform(-0.5, 0.5, points.shape) * spacing * jitter
    distance, index = cKDTree(points).query(np.stack([x, y], axis=-1).reshape(-1, 2), k=2)
    nearest = distance[:, 0].reshape(x.shape).astype(np.float32)
    gap = (distance[:, 1] - distance[:, 0]).reshape(x.shape).astype(np.float32)
    return nearest, gap, index[:, 0].reshape(x.shape)


def per_cell(generator: np.random.Generator, index: np.ndarray) -> Field:
    """One uniform number in [0, 1) for every cell of `cells`, whatever cells are in view."""
    return generator.random(20_000, dtype=np.float32)[index]
