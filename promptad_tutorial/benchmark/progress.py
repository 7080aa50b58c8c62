"""Progress of long work: a bar for those who look, few lines in a log file where nobody does."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from tqdm.auto import tqdm

LOG_SECONDS = 60.0  # between two lines of a log


def watched() -> bool:
    """Whether somebody sees the progress: on a terminal, or in a notebook."""
    terminal = getattr(sys.stderr, "isatty", None)
    return "ipykernel" in sys.modules or bool(terminal and terminal())


def progress(what: str, unit: str, total: int, steps: Iterable[Any] | None = None) -> Any:
    """A bar of tqdm's over `steps`, or one to be updated by hand; drawn anew as `watched` says."""
    how = {} if watched() else {"mininterval": LOG_SECONDS}
    return tqdm(steps, total=total, desc=what, unit=unit, **how)
