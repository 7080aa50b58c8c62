"""What an exercise asks and what its check says: the texts of `exercises.yaml`, one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import yaml

HARDEST = 3  # stars; the most important has as many points


@dataclass(frozen=True, repr=False)
class Exercise:
    """One exercise of a notebook. A cell that ends with it shows its text.

    Raises `ValueError` for a difficulty or importance outside 1 .. 3 or minutes below 1.
    """

    name: str  # the check's name: checks.<name>(answer)
    notebook: str  # the number of the notebook, "00"
    title: str  # what it is about, in a few words
    difficulty: int  # stars, 1 (easy) to 3
    importance: int  # for what follows, 1 (may be skipped) to 3
    minutes: int  # what most learners need
    statement: str  # Markdown: what to write, with the shapes of what comes in and goes out
    inputs: Sequence[str] = ()  # the names of the function's inputs, as messages call them
    hint: str = ""  # for an answer that no mistake explains
    mistakes: Mapping[str, str] = field(default_factory=dict)  # typical mistake -> its hint

    def __post_init__(self) -> None:
        if not 1 <= self.difficulty <= HARDEST:
            raise ValueError(f"difficulty must be 1 .. {HARDEST} stars, got {self.difficulty}")
        if not 1 <= self.importance <= HARDEST:
            raise ValueError(f"importance must be 1 .. {HARDEST}, got {self.importance}")
        if self.minutes < 1:
            raise ValueError(f"minutes must be 1 or more, got {self.minutes}")

    @property
    def stars(self) -> str:
        """The difficulty as stars, `"★★☆"` for 2 of 3."""
        return "★" * self.difficulty + "☆" * (HARDEST - self.difficulty)

    def __repr__(self) -> str:
        return (
            f"Exercise: {self.title} (difficulty {self.difficulty} of {HARDEST}, importance "
            f"{self.importance} of {HARDEST}, {self.minutes} minutes, checks.{self.name})"
        )

    def _repr_markdown_(self) -> str:
        return (
            f"**Exercise: {self.title}**\n\n"
            f"Difficulty {self.stars} ({self.difficulty} of {HARDEST}) · importance "
            f"{self.importance} of {HARDEST} · about {self.minutes} minutes · "
            f"`checks.{self.name}`\n\n{self.statement}"
        )


def data_file(name: str) -> list[dict[str, Any]]:
    """The entries of a data file that lies beside this module."""
    return yaml.safe_load(resources.files(__package__).joinpath(name).read_text(encoding="utf-8"))


@cache
def _exercises() -> dict[str, Exercise]:
    return {entry["name"]: Exercise(**entry) for entry in data_file("exercises.yaml")}


def __getattr__(name: str) -> Any:
    """`EXERCISES`: name -> exercise, in the order of the notebooks; read when it is asked for."""
    if name == "EXERCISES":
        return _exercises()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def exercise(name: str) -> Exercise:
    """The text of one exercise; a notebook shows it as Markdown.

    Raises `ValueError` for a name that is not in `EXERCISES`.
    """
    known = _exercises()
    if name not in known:
        raise ValueError(f"expected the name of an exercise ({', '.join(known)}), got {name!r}")
    return known[name]
