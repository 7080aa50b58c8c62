"""What a class handed in, file by file; what cannot count is told and stops nobody's marks.

    <folder>/<learner>/**/<notebook>.ipynb      nbgrader's submitted/ is laid out like this

Browsers, file managers and learners rename what they copy: `... (1).ipynb`, `Copy of ...`,
`..._final.ipynb`. The only candidate is taken and named in the notes; where two differ, a teacher
has to say which one counts.
"""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat

from promptad_tutorial.files.listing import path_key
from promptad_tutorial.files.names import is_hidden, nfc, printable, same_name

NOTEBOOK = re.compile(r"(.+)\.ipynb(\.txt|\.json)?")  # as a mail program or browser may save it
ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".xz")
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


@dataclass(frozen=True)
class HandIn:
    """The work of one learner."""

    learner: str  # the name of the folder
    notebooks: dict[str, Path]  # name of the notebook -> its file
    notes: tuple[str, ...] = ()  # what was found and does not count, or has another name


def hand_ins(folder: Path, notebooks: Sequence[str]) -> tuple[HandIn, ...]:
    """Every learner's folder in `folder`, with the files that have the name of a notebook.

    A learner without any file is in the result, too. Raises FileNotFoundError where no learner
    handed in anything, and ValueError, with all places, where two files differ that could be the
    same notebook, or a notebook lies in no learner's folder.
    """
    places = sorted((each for each in folder.iterdir() if not is_hidden(each)), key=path_key)
    homeless = [each.name for each in places if each.is_file() and _meant(each.name, notebooks)]
    if homeless:
        raise ValueError(
            f"expected notebooks as <learner>/{notebooks[0]}.ipynb, found {', '.join(homeless)} in "
            f"{folder} itself: put each into a folder that has its learner's name"
        )
    found = [_hand_in(place, notebooks) for place in places if place.is_dir()]
    if doubled := [each for _, twice in found for each in twice]:
        raise ValueError(
            f"expected each notebook once per learner, found {'; '.join(doubled)}: remove the one "
            "that does not count"
        )
    if not any(work.notebooks for work, _ in found):
        raise FileNotFoundError(
            f"expected notebooks as {folder}/<learner>/{notebooks[0]}.ipynb, found none"
        )
    return tuple(work for work, _ in found)


def _hand_in(place: Path, notebooks: Sequence[str]) -> tuple[HandIn, list[str]]:
    """A learner's work, and what is there twice."""
    candidates: dict[str, list[Path]] = {}
    notes, doubled = [], []
    for path in _files_below(place):
        shown = printable(path.relative_to(place).as_posix())
        name = _meant(path.name, notebooks)
        if path.suffix.casefold() in ARCHIVES:
            notes.append(f"an archive, unpack it: {shown}")
        elif name is None and NOTEBOOK.fullmatch(path.name.casefold()):
            notes.append(f"no notebook of the series: {shown}")
        elif name and not path.resolve().is_relative_to(place.resolve()):
            notes.append(f"a link out of the folder: {shown}")
        elif name:
            candidates.setdefault(name, []).append(path)
    files = {}
    for name, paths in candidates.items():
        files[name] = min(paths, key=lambda path: not same_name(path.name, f"{name}.ipynb"))
        if not same_name(files[name].name, f"{name}.ipynb"):
            shown = printable(files[name].relative_to(place).as_posix())
            notes.append(f"taken for {name}.ipynb: {shown}")
        if len({_work(path) for path in paths}) > 1:
            doubled.append(" and ".join(str(path) for path in paths))
    return HandIn(place.name, files, tuple(notes)), doubled


def _files_below(place: Path) -> Iterator[Path]:
    """Visible files, in a fixed order; links to folders are not followed."""
    for root, folders, names in os.walk(place):
        folders[:] = sorted(each for each in folders if not is_hidden(each))
        yield from (Path(root, name) for name in sorted(names) if not is_hidden(name))


def _meant(file: str, notebooks: Sequence[str]) -> str | None:
    """The notebook that a file is, or is a copy of, by its name; None for any other file.

    Its words are there in their order, whatever stands before, between and after them.
    """
    found = NOTEBOOK.fullmatch(nfc(file).casefold())
    if found is None:
        return None
    stem = found[1]
    for name in sorted(notebooks, key=len, reverse=True):
        words = r"[\W_]+".join(re.findall(r"[^\W_]+", nfc(name).casefold()))
        if re.search(rf"(?<![^\W_]){words}(?![^\W_])", stem):
            return name
    return None


def _work(path: Path) -> object:
    """What tells two files apart: their code, not their outputs; their bytes if that fails."""
    try:
        return tuple(code_cells(path))
    except ValueError:
        return path.read_bytes() if path.is_file() else None


def code_cells(path: Path) -> list[str]:
    """The source of a notebook's code cells. Raises ValueError for a file that is no notebook."""
    try:
        data = path.read_bytes()
        encoding = next((name for mark, name in MARKS.items() if data.startswith(mark)), "utf-8")
        cells = nbformat.reads(data.decode(encoding), as_version=4).cells
        sources = [str(cell.source) for cell in cells if cell.cell_type == "code"]
    except Exception as error:  # nbformat, json and jsonschema each have errors of their own
        raise ValueError(f"expected a notebook, found something else: {path.name}") from error
    return [re.sub("\r\n?", "\n", source) for source in sources]  # Windows' line ends
