"""The index of the series: every notebook's title, time and place. The map is made of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from promptad_tutorial.exercises.exercises import data_file

if TYPE_CHECKING:
    from promptad_tutorial.datasets import Dataset


@dataclass(frozen=True)
class Chapter:
    """One notebook of the series; what the fields are stands in `series.yaml`."""

    file: str  # in notebooks/, without .ipynb
    title: str
    minutes: int
    seconds: int
    needs: list[str]
    shows: str


@dataclass(frozen=True)
class Note:
    """A piece of markdown that a cell shows."""

    text: str

    def _repr_markdown_(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text


@cache
def _chapters() -> tuple[Chapter, ...]:
    return tuple(Chapter(**entry) for entry in data_file("series.yaml"))


def __getattr__(name: str) -> Any:
    """`CHAPTERS`, the notebooks of the series in their order, is read when it is asked for."""
    if name == "CHAPTERS":
        return _chapters()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def chapter(file: str) -> Chapter:
    """The chapter in `file`. Raises ValueError for a name that is not in the series."""
    found = {entry.file: entry for entry in _chapters()}
    if file not in found:
        raise ValueError(f"expected one of {', '.join(found)}; found {file!r}")
    return found[file]


def series_map() -> Note:
    """The map of the series as a table."""
    rows = ["| notebook | minutes | what it shows |", "|---|---:|---|"]
    for entry in _chapters():
        rows.append(f"| [{entry.title}]({entry.file}.ipynb) | {entry.minutes} | {entry.shows} |")
    return Note("\n".join(rows))


def in_use(backbone: Any, dataset: Dataset) -> Note:
    """Which backbone (its `label`) and which data make the results below."""
    return Note(
        f"**Backbone:** {backbone.label}  \n"
        f"**Data:** {dataset.root.name} ({dataset.layout} layout), "
        f"{len(dataset.product_lines)} product lines: {', '.join(dataset.product_lines)}"
    )
