"""Electronic parts: circuit board, chip, connector, cable."""

from __future__ import annotations

import numpy as np

from workshop.minifactory.kinds import Kind
from workshop.minifactory.objects.cable import cable
from workshop.minifactory.objects.circuit import circuit_board
from workshop.minifactory.objects.leaded import chip, connector

ELECTRONICS: tuple[Kind, ...] = (
    Kind(
        "circuit board",
        "object",
        circuit_board,
        words=("circuit board", "pcb", "electronic board", "mainboard"),
        colours=("green", "blue", "black", "red"),
        faults=("missing part", "misplaced part"),
        turn=0.06,
    ),
    Kind(
        "chip",
        "object",
        chip,
        words=("chip", "microchip", "integrated circuit"),
        colours=("black", "grey", "brown"),
        faults=("missing part", "bent part"),
        turn=0.12,
    ),
    Kind(
        "connector",
        "object",
        connector,
        words=("connector", "pin header", "electrical connector"),
        colours=("black", "white", "grey", "beige", "blue", "green", "red", "yellow"),
        faults=("missing part", "bent part"),
        turn=0.1,
    ),
    Kind(
        "cable",
        "object",
        cable,
        words=("cable", "power cable", "electric cable", "wire"),
        colours=("white", "grey", "black", "orange", "yellow", "red", "blue"),
        faults=("missing part", "misplaced part"),
        turn=float(np.pi),
    ),
)
