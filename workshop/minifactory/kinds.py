"""The catalogue's vocabulary: what a kind of product and a kind of defect are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from workshop.minifactory.canvas import Canvas
from workshop.minifactory.surface import Colour, Fault, Surface

Builder = Callable[
    [Canvas, Colour, np.random.Generator, np.random.Generator, "Fault | None"], Surface
]


@dataclass(frozen=True)
class Kind:
    """One kind of product. `build(canvas, colour, style, instance, fault)` makes its surface.

    `style` draws what one product line has in common (proportions, pattern), `instance` what
    differs from piece to piece. Both must be drawn from in the same order whatever `fault` is, so
    that the faulty piece is the good piece with one thing wrong.
    """

    name: str  # the first of the words that captions use
    family: str  # "texture" fills the picture, "object" lies on a backdrop
    build: Builder
    words: tuple[str, ...]  # synonyms, in the singular; the name is among them
    colours: tuple[str, ...]  # from `palette.COLOURS`
    faults: tuple[str, ...] = ()  # the part faults that `build` can make
    turn: float = 0.1  # how far a piece may be turned, in radians (pi: any way round)

    def __post_init__(self) -> None:
        if self.family not in ("texture", "object"):
            raise ValueError(f"family must be 'texture' or 'object', got {self.family!r}")
        if self.name not in self.words:
            raise ValueError(f"{self.name!r} must be among its own words, got {self.words}")


@dataclass(frozen=True)
class Defect:
    """One kind of surface defect. `apply(surface, canvas, generator, strength)` returns a copy.

    The defect must lie on the product (`surface.cover` is 1 there), fade with `strength` in (0, 1],
    and draw the same numbers at every canvas size.
    """

    name: str
    apply: Callable[[Surface, Canvas, np.random.Generator, float], Surface]
    families: tuple[str, ...] = ("texture", "object")
