"""What was found in a folder: faults, and things that are only worth knowing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Finding:
    """One thing about one path, in one line."""

    path: str  # relative to the dataset's folder, with / between the parts
    what: str  # what is wrong, or worth knowing
    remedy: str  # the one thing to do
    fault: bool  # whether it has to be mended: it spoils results, or stops a loader

    def __str__(self) -> str:
        line = f"[{'fix' if self.fault else 'note'}] {self.path}: {self.what}: {self.remedy}"
        return line.replace("\n", "\\n").replace("\r", "\\r")  # a name may hold anything


class Findings:
    """Collects findings about the folder `root`; nothing that is found ends the search."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.all: list[Finding] = []

    @property
    def faults(self) -> list[Finding]:
        """The findings that have to be mended."""
        return [one for one in self.all if one.fault]

    def fix(self, path: Path, what: str, remedy: str) -> None:
        """Report a fault."""
        self.all.append(Finding(self.name(path), what, remedy, True))

    def note(self, path: Path, what: str, remedy: str) -> None:
        """Report what is worth knowing, but no fault."""
        self.all.append(Finding(self.name(path), what, remedy, False))

    def name(self, path: Path) -> str:
        """A path as it is shown: below `root` where it lies there."""
        return (
            path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else f"{path}"
        )
