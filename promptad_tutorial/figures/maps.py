"""One anomaly map on axes, the colour scale that several share, and what a map says of a mask."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from promptad_tutorial.figures.inputs import fit
from promptad_tutorial.figures.palette import MAP_COLOURS, PICTURE_EXTENT, outline


def draw_map(
    axes: Axes,
    height: Float[np.ndarray, "_ _"],
    norm: Normalize,
    under: np.ndarray | None,
    mask: Bool[np.ndarray, "_ _"] | None,
    outlined: bool = False,
) -> None:
    """A map on `axes`; with a picture `under` it, half transparent and with the mask's outline."""
    if under is not None:
        # in grey, so that the map's are the only colours
        axes.imshow(under.mean(axis=2), extent=PICTURE_EXTENT, cmap="gray", vmin=0, vmax=255)
    alpha = 1.0 if under is None else 0.55
    axes.imshow(height, extent=PICTURE_EXTENT, cmap=MAP_COLOURS, norm=norm, alpha=alpha)
    if mask is not None and (outlined or under is not None):
        outline(axes, mask)


def colour_scale(
    heights: list[Float[np.ndarray, "_ _"]], limits: tuple[float, float] | None
) -> Normalize:
    """One scale for all maps, from and to `limits` or their own; ValueError for turned limits."""
    if limits is not None and not limits[0] < limits[1]:
        raise ValueError(f"expected limits (low, high) with low below high, found {limits}")
    low, high = limits or (min(h.min() for h in heights), max(h.max() for h in heights))
    return Normalize(float(low), float(high) if high > low else float(low) + 1e-3)


def inside_outside(
    mask: Bool[np.ndarray, "_ _"], height: Float[np.ndarray, "_ _"]
) -> tuple[float, float] | None:
    """The map's mean inside and outside the mask; None where one of them is empty."""
    inside = fit(mask, height.shape)
    if inside.all() or not inside.any():
        return None
    return float(height[inside].mean()), float(height[~inside].mean())
