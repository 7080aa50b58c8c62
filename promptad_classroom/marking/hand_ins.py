"""What a class handed in, file by file; what cannot count is told and stops nobody's marks.

<folder>/<learner>/**/<notebook>.ipynb      nbgrader's submitted/ is laid out like this
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat

from promptad_tutorial.files.listing import path_key


@dataclass(frozen=True)
class HandIn:
    """The work of one learner."""

    learner: str  # the name of the folder
    notebooks: dict[str, Path]  # name of the notebook -> its file
    notes: tuple[str, ...] = ()  # what was found and does not count


def hand_ins(folder: Path, notebooks: Sequence[str]) -> tuple[HandIn, ...]:
    """Every learner's folder in `folder`, with the files that have the name of a notebook.

    A learner without any file is in the result, too. Raises FileNotFoundError where no learner
    handed in anything, and ValueError, with all places, where one notebook is there twice.
    """
    found = tuple(
        _hand_in(place, notebooks)
        for place in sorted(folder.iterdir(), key=path_key)
        if place.is_dir() and not place.name.startswith(".")
    )
    if not any(each.notebooks for each in found):
        raise FileNotFoundError(
            f"expected notebooks as {folder}/<learner>/{notebooks[0]}.ipynb, found none"
        )
    return found


def _hand_in(place: Path, notebooks: Sequence[str]) -> HandIn:
    files: dict[str, Path] = {}
    notes = []
    for path in _notebooks_below(place):
        shown = path.relative_to(place).as_posix()
        if not path.resolve().is_relative_to(place.resolve()):
            notes.append(f"a link out of the folder: {shown}")
        elif path.stem not in notebooks:
            notes.append(f"no notebook of the series: {shown}")
        elif path.stem not in files:
            files[path.stem] = path
        elif path.read_bytes() != files[path.stem].read_bytes():
            raise ValueError(
                f"expected {path.name} once in {place}, found {files[path.stem]} and {path}: "
                "remove the one that does not count"
            )
    return HandIn(place.name, files, tuple(notes))


def _notebooks_below(place: Path) -> Iterator[Path]:
    """Files that end with .ipynb, in a fixed order; links to folders are not followed."""
    for root, folders, names in os.walk(place):
        folders[:] = sorted(each for each in folders if each != ".ipynb_checkpoints")
        yield from (Path(root, name) for name in sorted(names) if name.endswith(".ipynb"))


def code_cells(path: Path) -> list[str]:
    """The source of a notebook's code cells. Raises ValueError for a file that is no notebook."""
    try:
        cells = nbformat.read(path, as_version=4).cells
        return [str(cell.source) for cell in cells if cell.cell_type == "code"]
    except Exception as error:  # nbformat, json and jsonschema each have errors of their own
        raise ValueError(f"expected a notebook, found something else: {path.name}") from error
