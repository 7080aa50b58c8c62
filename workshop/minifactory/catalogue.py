"""Everything that the factory makes, and everything that can go wrong with it, by name."""

from __future__ import annotations

from workshop.minifactory.defects import DEFECTS, PART_FAULTS
from workshop.minifactory.kinds import Kind
from workshop.minifactory.objects import OBJECTS
from workshop.minifactory.textures import TEXTURES

KINDS: dict[str, Kind] = {kind.name: kind for kind in (*TEXTURES, *OBJECTS)}


def defects_of(kind: Kind) -> tuple[str, ...]:
    """The names of all defects that this kind of product can have."""
    surface = tuple(d.name for d in DEFECTS if kind.family in d.families)
    return surface + tuple(name for name in PART_FAULTS if name in kind.faults)
