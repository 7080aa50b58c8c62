"""The traps of the released code in words, as method section 4 has them, with their switches."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("traps.csv")


@dataclass(frozen=True)
class Trap:
    """One place where the released code differs from the paper, or is wrong."""

    number: int  # in method section 4
    released: str  # what the released code does
    clean: str  # what the `paper` preset does
    switch: str | None = None  # its name in `config.Traps`; None: nothing to measure, or not here


def trap_list() -> tuple[Trap, ...]:
    """All of them, by number."""
    with FILE.open(encoding="utf-8", newline="") as file:
        return tuple(
            Trap(int(row["number"]), row["released"], row["clean"], row["switch"] or None)
            for row in csv.DictReader(file)
        )
