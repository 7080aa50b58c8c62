"""Light and camera: from a surface to the picture that a factory camera would take of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, shift

from workshop.minifactory.canvas import Canvas, Field
from workshop.minifactory.noise import fractal
from workshop.minifactory.surface import Colour, Surface

Picture = NDArray[np.floating]  # (size, size, 3), in [0, 1]


@dataclass(frozen=True)
class Station:
    """One inspection station: a lamp, a backdrop and a camera. Fixed for a product line."""

    lamp: tuple[float, float, float]  # position over the picture, in canvas units
    ambient: float  # share of the light that comes from everywhere
    backdrop: tuple[float, float, float]  # colour under the product
    blur: float  # of the lens, in canvas units
    grain: float  # standard deviation of the sensor noise
    vignette: float  # darkening in the corners
    exposure: float

    @classmethod
    def draw(cls, style: np.random.Generator, pigment: Colour) -> Station:
        """A station for products of a colour, at random. Its backdrop sets the product off."""
        direction, reach = style.uniform(0, 2 * np.pi), style.uniform(0.8, 1.8)
        dark, light = style.uniform(0.05, 0.2), style.uniform(0.55, 0.9)
        brightness = float(pigment.mean())
        on_dark = style.random() < 0.5
        if not 0.25 < brightness < 0.6:
            on_dark = brightness > 0.5
        grey = dark if on_dark else light
        hue = style.uniform(-0.05, 0.05, 3)
        return cls(
            lamp=(
                float(reach * np.cos(direction)),
                float(reach * np.sin(direction)),
                float(style.uniform(1.6, 2.8)),
            ),
            ambient=float(style.uniform(0.3, 0.5)),
            backdrop=tuple(float(c) for c in np.clip(grey + hue, 0.02, 0.95)),
            blur=float(style.uniform(0.002, 0.007)),
            grain=float(style.uniform(0.004, 0.016)),
            vignette=float(style.uniform(0.0, 0.12)),
            exposure=float(style.uniform(0.9, 1.1)),
        )

    def jitter(self, instance: np.random.Generator) -> Station:
        """The same station at another moment: the lamp flickers and is knocked a little."""
        lamp = tuple(float(c + instance.normal(0, 0.05)) for c in self.lamp)
        values = self.__dict__ | {
            "lamp": lamp,
            "exposure": self.exposure * float(np.exp(instance.normal(0, 0.03))),
        }
        return Station(**values)


def shade(surface: Surface, station: Station, canvas: Canvas, seed: int) -> Picture:
    """Lambert's diffuse light, Blinn's highlight, darker hollows, a soft shadow on the backdrop.

    Slopes are finite differences of the height, so a scratch catches the light as a dent does.
    `seed` draws the grain of the backdrop: the same seed, the same backdrop.
    """
    pixel = 2.0 / canvas.size
    slope_y, slope_x = np.gradient(surface.height, np.float32(pixel))
    length = np.sqrt(slope_x**2 + slope_y**2 + 1.0)
    lx, ly, lz = station.lamp[0] - canvas.u, station.lamp[1] - canvas.v, station.lamp[2]
    far = np.sqrt(lx**2 + ly**2 + lz**2)
    lx, ly, lz = lx / far, ly / far, lz / far
    upright = station.lamp[2] / float(np.linalg.norm(station.lamp))  # a flat sheet's share
    diffuse = np.maximum(lz - slope_x * lx - slope_y * ly, 0.0) / length / upright
    halfway = np.sqrt(lx**2 + ly**2 + (lz + 1.0) ** 2)
    facing = np.maximum(lz + 1.0 - slope_x * lx - slope_y * ly, 0.0) / length / halfway
    highlight = surface.gloss**2 * facing ** (8.0 + 72.0 * surface.gloss)
    hollow = surface.height - gaussian_filter(surface.height, 0.05 / pixel, mode="nearest")
    occlusion = np.clip(1.0 + 4.0 * hollow, 0.45, 1.1)
    light = (station.ambient + (1.0 - station.ambient) * diffuse) * occlusion
    product = surface.albedo * light[..., None] + 0.6 * highlight[..., None]

    if surface.cover.min() < 1.0:
        product = _on_backdrop(product, surface.cover, station, canvas, seed)
    product = product * np.float32(station.exposure)
    return _through_lens(np.clip(product, 0.0, 1.0), station, canvas)


def _on_backdrop(
    product: Picture, cover: Field, station: Station, canvas: Canvas, seed: int
) -> Picture:
    pixel = 2.0 / canvas.size
    grain = fractal(np.random.default_rng([seed, 0xBAC]), canvas, roughness=1.0)
    away = [-0.05 * station.lamp[1] / pixel, -0.05 * station.lamp[0] / pixel]
    shadow = gaussian_filter(shift(cover, away, order=1, mode="nearest"), 0.03 / pixel)
    floor = (1.0 + 0.03 * grain) * (1.0 - 0.5 * shadow)
    backdrop = np.asarray(station.backdrop, dtype=np.float32) * floor[..., None]
    return product * cover[..., None] + backdrop * (1.0 - cover[..., None])


def _through_lens(picture: Picture, station: Station, canvas: Canvas) -> Picture:
    radius = station.blur * canvas.size / 2.0
    soft = gaussian_filter(picture, (radius, radius, 0), mode="nearest", truncate=3.0)
    corner = 1.0 - station.vignette * (canvas.u**2 + canvas.v**2) / 2.0
    return np.clip(soft * corner[..., None], 0.0, 1.0).astype(np.float32)


def develop(picture: Picture, station: Station, seed: int) -> NDArray[np.uint8]:
    """Sensor noise and eight bits: (size, size, 3) uint8. The one step that is drawn per pixel."""
    noise = np.random.default_rng([seed, 0x5E4]).standard_normal(picture.shape, dtype=np.float32)
    return np.clip(np.rint((picture + station.grain * noise) * 255.0), 0, 255).astype(np.uint8)
