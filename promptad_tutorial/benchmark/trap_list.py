"""The traps of the released code in words, as method section 4 has them, with their switches."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

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
    table = pd.read_csv(FILE, keep_default_na=False).replace({"switch": {"": None}})
    return tuple(Trap(**row) for row in table.to_dict("records"))
