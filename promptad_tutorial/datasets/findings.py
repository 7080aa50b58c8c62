"""What was found in a folder: what stops a loader, other faults, and what is worth knowing.

A layout is read once, by one function, for two callers: a loader, which `refuse`s at the first
thing that stops it, and `check-data`, which lists everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from promptad_tutorial.files.names import printable


@dataclass(frozen=True)
class Finding:
    """One thing about one path, in one line."""

    path: str  # relative to the dataset's folder, with / between the parts
    what: str  # what is wrong, or worth knowing
    remedy: str  # the one thing to do
    fault: bool  # whether it has to be fixed: it spoils results, or stops a loader
    stops: type[Exception] | None = None  # what a loader raises

    def __str__(self) -> str:
        kind = "fix" if self.fault else "note"
        return printable(f"[{kind}] {self.path}: {self.what}: {self.remedy}")


class Findings:
    """Collects findings about the folder `root`; nothing that is found ends the search."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._all: dict[Finding, None] = {}  # each once

    @property
    def all(self) -> list[Finding]:
        """Everything, in the order of finding."""
        return list(self._all)

    @property
    def faults(self) -> list[Finding]:
        """The findings that have to be fixed."""
        return [one for one in self._all if one.fault]

    def fix(self, path: Path, what: str, remedy: str, stops: type[Exception] | None = None) -> None:
        """Report a fault; `stops` is the error that it is to a loader."""
        self._all[Finding(self.name(path), what, remedy, True, stops)] = None

    def note(self, path: Path, what: str, remedy: str) -> None:
        """Report what is worth knowing, but no fault."""
        self._all[Finding(self.name(path), what, remedy, False)] = None

    def add(self, other: Findings) -> None:
        """Everything that others have found."""
        self._all |= other._all

    def name(self, path: Path) -> str:
        """A path as it is shown: below `root` where it lies there."""
        inside = path.is_relative_to(self.root)
        return path.relative_to(self.root).as_posix() if inside else f"{path}"

    def refuse(self) -> None:
        """Raise the first finding that stops a loader, if there is one."""
        stopping = [(one, one.stops) for one in self._all if one.stops]
        if stopping:
            first, error = stopping[0]
            more = len(stopping) - 1
            rest = f" ({more} more: `check-data` lists them)" if more else ""
            raise error(printable(f"{self.root}: {first.path}: {first.what}: {first.remedy}{rest}"))
