"""The benchmark's product lines: which look, which defects, and how hard."""

from __future__ import annotations

from dataclasses import dataclass

from workshop.minifactory.catalogue import KINDS
from workshop.minifactory.kinds import Kind
from workshop.minifactory.photographs import PHOTOGRAPHS, kind_of

BENCHMARK_STYLES = range(2_000_000, 3_000_000)  # no look of pretraining has such a number


@dataclass(frozen=True)
class ProductLine:
    """One line of the benchmark: one fixed look, as in a factory."""

    name: str  # the folder's name, and with spaces the product's
    kind: str  # a kind of the catalogue, or a photograph
    style: int  # number of the look
    colour: str
    defects: tuple[str, ...]
    strengths: tuple[float, float] = (0.25, 0.7)  # weakest and strongest defect

    def __post_init__(self) -> None:
        if self.style not in BENCHMARK_STYLES:
            raise ValueError(f"style {self.style} is not reserved for the benchmark")

    def build(self, split: str) -> Kind:
        """The kind that makes the pieces of "train" or "test"."""
        if self.kind in PHOTOGRAPHS:
            return kind_of(self.kind, "left" if split == "train" else "right")
        return KINDS[self.kind]


LINES: tuple[ProductLine, ...] = (
    ProductLine("carpet", "carpet", 2_000_001, "grey", ("cut", "stain", "thread", "burn")),
    ProductLine("wood", "wood", 2_000_002, "brown", ("scratch", "hole", "stain", "print")),
    ProductLine("leather", "leather", 2_000_003, "brown", ("cut", "glue", "fold", "discoloration")),
    ProductLine(
        "metal_plate", "metal plate", 2_000_004, "silver", ("scratch", "dent", "rust", "print")
    ),
    ProductLine(
        "hexagon_nut", "hexagon nut", 2_000_005, "silver", ("scratch", "crack", "rust", "burn")
    ),
    ProductLine(
        "capsule", "capsule", 2_000_006, "red", ("crack", "dent", "print", "misplaced part")
    ),
    ProductLine(
        "circuit_board",
        "circuit board",
        2_000_007,
        "green",
        ("scratch", "contamination", "burn", "missing part"),
    ),
    ProductLine("brick", "brick", 2_000_008, "grey", ("crack", "stain", "glue", "burn")),
    ProductLine("grass", "grass", 2_000_009, "grey", ("contamination", "hole", "thread", "burn")),
    ProductLine("gravel", "gravel", 2_000_010, "grey", ("contamination", "rust", "stain", "print")),
)
