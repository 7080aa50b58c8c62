"""The measured tables that are kept in the repository, in `results/`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

RESULTS = Path(__file__).resolve().parents[2] / "results"


def committed_table(name: str, folder: Path = RESULTS) -> pd.DataFrame:
    """One table by its path in `results/`, as "ladder/ladder.csv"; `backbone` says whose it is.

    Raises FileNotFoundError where the package was installed without the repository around it, or
    for a name that is not there.
    """
    path = folder / name
    if not path.is_file():
        there = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.csv"))
        found = ", ".join(there) if there else "no tables: run from a checkout of the repository"
        raise FileNotFoundError(f"expected a table {name!r} in {folder.name}/, found {found}")
    return pd.read_csv(path)
