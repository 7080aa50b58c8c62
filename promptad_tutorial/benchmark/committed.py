"""The measured tables that are kept in the repository, in `results/`."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from promptad_tutorial.files.carried import carried

RESULTS = "results"


def committed_table(name: str, folder: Path | None = None) -> pd.DataFrame:
    """One table by its path in `results/`, as "told/ladder.csv"; `backbone` says whose it is.

    Without a `folder` it is looked for where `carried` looks. Raises FileNotFoundError for a name
    that is not there, with those that are.
    """
    path = folder / name if folder is not None else carried(f"{RESULTS}/{name}")
    if path is None or not path.is_file():
        folder = folder or carried(RESULTS) or Path(RESULTS)
        there = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*.csv"))
        found = ", ".join(there) if there else "no tables: run from a checkout of the repository"
        raise FileNotFoundError(f"expected a table {name!r} in {folder.name}/, found {found}")
    return pd.read_csv(path)
