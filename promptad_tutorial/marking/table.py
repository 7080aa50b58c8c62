"""Points per learner, from the notebooks that they handed in: nothing of them is run but answers.

<folder>/<learner>/**/<notebook>.ipynb      nbgrader's submitted/ is laid out like this
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import joblib
import nbformat
import pandas as pd
from tqdm.auto import tqdm

from promptad_tutorial.datasets.listing import path_key, shorten
from promptad_tutorial.marking.cells import Question, needed_source
from promptad_tutorial.marking.judge import mark


@dataclass(frozen=True)
class Item:
    """One exercise of a released notebook."""

    question: Question
    points: int
    setup: str  # the source of what else the check is given, from the released notebook


@dataclass(frozen=True)
class HandedIn:
    """One notebook of one learner."""

    learner: str
    path: Path


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


def handed_in(folder: Path, notebooks: Sequence[str]) -> tuple[HandedIn, ...]:
    """Every notebook below `folder` that has the name of one of `notebooks`, by learner.

    Raises FileNotFoundError where there is none, ValueError if a learner handed one in twice.
    """
    found: dict[tuple[str, str], Path] = {}
    for path in sorted(folder.rglob("*.ipynb"), key=path_key):
        learner, *inner = path.relative_to(folder).parts
        if path.stem not in notebooks or not inner or ".ipynb_checkpoints" in inner:
            continue
        first = found.setdefault((learner, path.stem), path)
        if first != path:
            raise ValueError(
                f"expected {path.name} once in {folder / learner}, found {first} and {path}: "
                "remove the one that does not count"
            )
    if not found:
        raise FileNotFoundError(
            f"expected notebooks as {folder}/<learner>/{notebooks[0]}.ipynb, found none"
        )
    return tuple(HandedIn(learner, path) for (learner, _), path in found.items())


def mark_notebook(path: Path, items: Sequence[Item], hidden: Sequence[Path] = ()) -> dict[str, int]:
    """Points by exercise. A notebook that cannot be read has none."""
    try:
        cells = nbformat.read(path, as_version=4).cells
    except Exception:  # nbformat, json and jsonschema each have errors of their own
        cells = []
    sources = [cell.source for cell in cells if cell.cell_type == "code"]
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
    """One row a learner: points for every exercise of the notebooks handed in, their sum, the most.

    `released` holds the learner's notebooks as they were given out. Raises FileNotFoundError
    where either folder has no notebooks.
    """
    given_out = {path.stem: path for path in sorted(released.glob("*.ipynb"), key=path_key)}
    if not given_out:
        raise FileNotFoundError(f"expected the learner's notebooks in {released}, found none")
    work = handed_in(folder, list(given_out))
    names = sorted({each.path.stem for each in work}, key=list(given_out).index)
    items = {name: released_items(given_out[name]) for name in names}
    marking = joblib.Parallel(n_jobs=jobs, return_as="generator")(
        joblib.delayed(mark_notebook)(each.path, items[each.path.stem], (folder,)) for each in work
    )
    rows: dict[str, dict[str, int]] = {}
    for each, points in zip(
        work, tqdm(marking, total=len(work), desc="marking", unit="notebook"), strict=True
    ):
        rows.setdefault(each.learner, {}).update(points)
    columns = [item.question.exercise for name in names for item in items[name]]
    table = pd.DataFrame(list(rows.values()), index=list(rows), columns=columns)
    table = table.fillna(0).astype(int)
    most = sum(item.points for name in names for item in items[name])
    table = table.assign(points=table.sum(axis=1), of=most)
    return table.rename_axis("learner").reset_index()


def unreadable(folder: Path) -> str:
    """The notebooks below `folder` that are no notebooks, as a few words; empty if all are."""
    broken = []
    for path in sorted(folder.rglob("*.ipynb"), key=path_key):
        try:
            nbformat.read(path, as_version=4)
        except Exception:
            broken.append(path.relative_to(folder).as_posix())
    return f"; cannot be read: {shorten(broken, 3)}" if broken else ""
