"""One anomaly map on axes, the colour scale that several share, and what a map says of a mask."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from PIL import Image

from promptad_tutorial.figures.inputs import check_limits
from promptad_tutorial.figures.palette import MAP_COLOURS, PICTURE_EXTENT, outline
from promptad_tutorial.figures.wording import rounded


def draw_map(
    axes: Axes,
    height: Float[np.ndarray, "_ _"],
    norm: Normalize,
    mask: Bool[np.ndarray, "_ _"] | None = None,
    under: np.ndarray | None = None,
) -> None:
    """A map on `axes`, with the outline of a `mask`; half transparent with a picture `under` it."""
    if under is not None:
        # in grey, so that the map's are the only colours
        axes.imshow(under.mean(axis=2), extent=PICTURE_EXTENT, cmap="gray", vmin=0, vmax=255)
    alpha = 1.0 if under is None else 0.55
    axes.imshow(height, extent=PICTURE_EXTENT, cmap=MAP_COLOURS, norm=norm, alpha=alpha)
    if mask is not None:
        outline(axes, mask)


def colour_scale(
    heights: Iterable[Float[np.ndarray, "_ _"]], limits: tuple[float, float] | None
) -> Normalize:
    """One scale for all maps, from and to `limits` or their own; ValueError for turned limits."""
    check_limits(limits)
    low, high = limits or (min(h.min() for h in heights), max(h.max() for h in heights))
    return Normalize(float(low), float(high) if high > low else float(low) + 1e-3)


def inside_outside(
    mask: Bool[np.ndarray, "_ _"], height: Float[np.ndarray, "_ _"]
) -> tuple[float, float] | None:
    """The map's mean inside and outside the mask; None where one of them is empty."""
    size = (height.shape[1], height.shape[0])
    fitted = Image.fromarray(mask.astype(np.uint8)).resize(size, Image.Resampling.NEAREST)
    inside = np.asarray(fitted) > 0
    if inside.all() or not inside.any():
        return None
    return float(height[inside].mean()), float(height[~inside].mean())


def told(pair: Sequence[float]) -> str:
    """What `inside_outside` found, in words."""
    return f"{rounded(pair[0])} inside the mask and {rounded(pair[1])} outside"
