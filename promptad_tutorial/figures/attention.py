"""Where one patch attends: a row of the attention matrix, laid over the picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.colors import PowerNorm

from promptad_tutorial.figures.illustration import Illustration, blank_axes, illustrate
from promptad_tutorial.figures.inputs import ArrayLike, as_numbers, as_pictures
from promptad_tutorial.figures.palette import (
    FONT_SIZE,
    MAP_COLOURS,
    PICTURE_EXTENT,
    bare,
    colour_bar,
    frame_patch,
)
from promptad_tutorial.figures.wording import counted, percent


@dataclass(frozen=True)
class AttentionShares:
    """How one patch divides its attention of 1 in all; the rest goes to patches further away."""

    itself: float  # what the patch takes from itself
    neighbours: float  # from the patches that touch it, at most 8
    neighbour_count: int  # how many those are: fewer at the border of the picture
    cls: float  # from the CLS token

    def __str__(self) -> str:
        """In words: "12 % on itself, 30 % on its 8 neighbours, 1 % on CLS"."""
        near = counted(self.neighbour_count, "neighbour")
        return (
            f"{percent(self.itself)} on itself, {percent(self.neighbours)} on its {near}, "
            f"{percent(self.cls)} on CLS"
        )


def attention_shares(
    weights: ArrayLike, grid: tuple[int, int], patch: tuple[int, int]
) -> AttentionShares:
    """The shares of one patch. `weights` (1 + H*W, 1 + H*W): attention, CLS first, as from
    `Backbone.attention_weights(...)[0]`; `grid` (H, W); `patch` (row, column), both from 0.

    Raises ValueError for a patch off the grid, or weights of another shape or with other sums.
    """
    cls, over = _patch_row(weights, grid, patch)
    row, column = patch
    around = over[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
    itself = float(over[row, column])
    return AttentionShares(itself, float(around.sum()) - itself, around.size - 1, cls)


def attention_picture(
    image: Any,
    weights: Mapping[str, ArrayLike],
    grid: tuple[int, int],
    patch: tuple[int, int],
    caption: str = "",
) -> Illustration:
    """One patch in a frame, and where it attends: a column for each kind of attention.

    `image`: one picture that was squashed to the tower's square, as `Backbone` does. `weights`:
    the attention of each kind ("q-k", "v-v"); it, `grid` and `patch` as for `attention_shares`. All
    columns share one colour scale, on which the square root of the attention is even: small shares
    stay visible beside large ones.

    Raises ValueError for more than one picture, no weights, or what `attention_shares` refuses.
    """
    pictures = as_pictures(image)
    if len(pictures) != 1 or not weights:
        raise ValueError(
            f"expected one picture and the weights of at least one kind, found "
            f"{counted(len(pictures), 'picture')} and {counted(len(weights), 'kind')}"
        )
    over = {kind: _patch_row(matrix, grid, patch)[1] for kind, matrix in weights.items()}
    norm = PowerNorm(0.5, 0, max(float(shares.max()) for shares in over.values()))
    side = min(2.5, 6.4 / (1 + len(over)))
    figure, row = blank_axes(side * (1 + len(over)) + 0.8, side + 0.3, 1, 1 + len(over))
    grey = pictures[0].mean(axis=2)
    for axes, name in zip(row, ("image", *over), strict=True):
        axes.set_title(name, fontsize=FONT_SIZE)
        if name in over:
            axes.imshow(grey, extent=PICTURE_EXTENT, cmap="gray", vmin=0, vmax=255)
            axes.imshow(over[name], extent=PICTURE_EXTENT, cmap=MAP_COLOURS, norm=norm, alpha=0.75)
        else:
            axes.imshow(pictures[0], extent=PICTURE_EXTENT)
        frame_patch(axes, grid, patch)
        bare(axes, grid[0] / grid[1])
    colour_bar(figure, norm, row, "attention")
    where = f"row {patch[0]}, column {patch[1]} of {grid[0]} x {grid[1]}"
    facts = (f"{kind}: {attention_shares(w, grid, patch)}" for kind, w in weights.items())
    return illustrate(figure, caption, f"Attention of the framed patch ({where})", *facts)


def _patch_row(
    weights: ArrayLike, grid: tuple[int, int], patch: tuple[int, int]
) -> tuple[float, Float[np.ndarray, "_ _"]]:
    """What the patch takes from CLS, and from every patch of the grid."""
    if any(not 0 <= place < size for place, size in zip(patch, grid, strict=True)):
        raise ValueError(
            f"expected a patch (row, column) in 0..{grid[0] - 1}, 0..{grid[1] - 1} of the "
            f"{grid[0]} x {grid[1]} grid, found {tuple(patch)}"
        )
    matrix = as_numbers(weights, "the attention weights", ndim=2)
    tokens = 1 + grid[0] * grid[1]
    if matrix.shape != (tokens, tokens):
        raise ValueError(
            f"expected attention weights of shape ({tokens}, {tokens}), CLS and the "
            f"{grid[0]} x {grid[1]} patches, found {matrix.shape}: take one picture's, weights[0]"
        )
    row = matrix[1 + patch[0] * grid[1] + patch[1]]
    if (row < 0).any() or abs(row.sum() - 1) > 1e-2:
        raise ValueError(
            f"expected attention weights of 0 or more that sum to 1 in each row, found a row with "
            f"the sum {row.sum():.3g}: pass them after the softmax"
        )
    return float(row[0]), row[1:].reshape(grid)
