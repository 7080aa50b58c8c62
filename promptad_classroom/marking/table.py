"""Points per learner, from the notebooks handed in: nothing of them is run but answers."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import joblib
import nbformat
import pandas as pd
from tqdm.auto import tqdm

from promptad_classroom.marking.cells import Question, needed_source
from promptad_classroom.marking.hand_ins import HandIn, code_cells, hand_ins
from promptad_classroom.marking.judge import mark
from promptad_tutorial.files.listing import path_key


@dataclass(frozen=True)
class Item:
    """One exercise of a released notebook."""

    question: Question
    points: int
    setup: str  # the source of what else the check is given, from the released notebook


def released_items(path: Path) -> tuple[Item, ...]:
    """The exercises of a learner's notebook as it was released, with their points."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    plain = [cell.source for cell in cells if "tags" not in cell.metadata]
    items = []
    for cell in cells:
        if "check" in cell.metadata.get("tags", ()):
            question = Question.parse(cell.source)
            points = int(cell.metadata["nbgrader"]["points"])
            items.append(Item(question, points, needed_source(plain, question.others)))
    return tuple(items)


def mark_notebook(path: Path, items: Sequence[Item], hidden: Sequence[Path] = ()) -> dict[str, int]:
    """Points by exercise. Raises ValueError for a file that is no notebook."""
    sources = code_cells(path)
    return {
        item.question.exercise: item.points
        * mark(item.question, _before_the_check(sources, item.question), item.setup, hidden).passed
        for item in items
    }


def _before_the_check(sources: Sequence[str], question: Question) -> Sequence[str]:
    """The cells up to the last call of the check: what comes later is no part of the answer."""
    calls = [i for i, source in enumerate(sources) if f"checks.{question.exercise}(" in source]
    return sources[: calls[-1] + 1] if calls else sources


def score_table(folder: Path, released: Path, jobs: int = -1) -> pd.DataFrame:
    """One row per learner: points per exercise of the notebooks handed in, their sum, the most.

    A notebook that no learner handed in is no part of the table; one that a single learner did not
    hand in is worth nothing to her, and `notes` says so. `released` holds the learner's notebooks
    as they were given out. Raises FileNotFoundError where either folder has no notebooks.
    """
    given_out = {path.stem: path for path in sorted(released.glob("*.ipynb"), key=path_key)}
    if not given_out:
        raise FileNotFoundError(f"expected the learner's notebooks in {released}, found none")
    work = hand_ins(folder, list(given_out))
    names = [name for name in given_out if any(name in each.notebooks for each in work)]
    items = {name: released_items(given_out[name]) for name in names}
    files = [(each, name) for each in work for name in each.notebooks]
    # threads: the learners' code, which takes the time, has processes of its own
    marking = joblib.Parallel(n_jobs=jobs, backend="threading", return_as="generator")(
        joblib.delayed(_marked)(each.notebooks[name], items[name], folder) for each, name in files
    )
    rows: dict[str, dict[str, int]] = {each.learner: {} for each in work}
    notes = {each.learner: [*each.notes, *_missing(each, names)] for each in work}
    bar = tqdm(marking, total=len(files), desc="marking", unit="notebook")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # here, as threads cannot each have filters of their own
        for (each, name), points in zip(files, bar, strict=True):
            if points is None:
                notes[each.learner].append(f"cannot be read: {name}.ipynb")
            else:
                rows[each.learner].update(points)
    columns = [item.question.exercise for name in names for item in items[name]]
    table = pd.DataFrame(list(rows.values()), index=list(rows), columns=columns)
    table = table.fillna(0).astype(int)
    most = sum(item.points for name in names for item in items[name])
    said = ["; ".join(each) for each in notes.values()]
    table = table.assign(points=table.sum(axis=1), of=most, notes=said)
    return table.rename_axis("learner").reset_index()


def _marked(path: Path, items: Sequence[Item], folder: Path) -> dict[str, int] | None:
    try:
        return mark_notebook(path, items, hidden=(folder,))
    except ValueError:
        return None


def _missing(work: HandIn, names: Sequence[str]) -> list[str]:
    return [f"not handed in: {name}.ipynb" for name in names if name not in work.notebooks]
