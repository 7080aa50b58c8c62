"""Make the learner's notebooks: those of notebooks/, with stubs where the solutions are.

    python -m workshop.pages.make_learner_notebooks      writes notebooks/learner/

A source notebook has an exercise as a stub (a code cell with the tag `exercise`) and its solution
further down (tag `solution`, folded). The learner's notebook is the source without the solutions
and without outputs; the stub and its check become two cells, marked for nbgrader: the first is the
learner's answer, the second is locked and worth as many points as the exercise has stars. Where a
later cell needs the learner's function, a third cell goes on with a solution until hers is right.
"""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from promptad_tutorial.exercises import EXERCISES
from promptad_tutorial.files.writing import write_whole

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
LEARNER = NOTEBOOKS / "learner"
CARRY_ON = "# Not solved yet? Then what follows works with a solution in place of yours."
SOLUTION_BELOW = "The folded cell below holds a solution."  # a paragraph that starts so goes too
OUTWARD = re.compile(r"(?<=\]\()\.\./")  # a link to outside of the folder: one folder further here


def learner_notebook(source: NotebookNode) -> NotebookNode:
    """The learner's notebook of a source notebook, which stays as it is.

    Raises ValueError for an exercise cell that does not end with a call of its check.
    """
    needed = names_in_use(source)
    made = nbformat.from_dict(source)
    made.cells = [cell for one in source.cells for cell in _learner_cells(one, needed)]
    return made


def names_in_use(notebook: NotebookNode) -> set[str]:
    """Every name that the cells other than exercises and solutions mention."""
    found: set[str] = set()
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if cell.cell_type == "code" and not {"exercise", "solution"} & {*tags}:
            names = (n for n in ast.walk(ast.parse(cell.source)) if isinstance(n, ast.Name))
            found |= {name.id for name in names}
    return found


def _learner_cells(cell: NotebookNode, needed: set[str]) -> Iterator[NotebookNode]:
    cell = nbformat.from_dict(cell)
    tags = cell.metadata.get("tags", [])
    if "solution" in tags:
        return
    if cell.cell_type != "code":
        paragraphs = cell.source.split("\n\n")
        kept = [one for one in paragraphs if not one.startswith(SOLUTION_BELOW)]
        cell.source = OUTWARD.sub("../../", "\n\n".join(kept))
        yield cell
        return
    cell.outputs, cell.execution_count = [], None
    if "exercise" not in tags:
        yield cell
        return
    stub, call, name = split_check(cell.source)
    answer = nbformat.from_dict(cell)
    answer.source = stub
    answer.metadata["nbgrader"] = _marker(name, solution=True)
    check = nbformat.from_dict(cell)
    check.id, check.source = f"{cell.id}-check", call
    check.metadata["tags"] = ["check"]
    points = EXERCISES[name].difficulty
    check.metadata["nbgrader"] = _marker(f"{name}-check", grade=True, points=points)
    yield answer
    yield check
    if name in needed:
        go_on = nbformat.from_dict(cell)
        go_on.id, go_on.metadata["tags"] = f"{cell.id}-carry-on", ["carry-on"]
        go_on.source = f"{CARRY_ON}\n{name} = checks.carry_on(checks.{name}, {name})"
        yield go_on


def split_check(source: str) -> tuple[str, str, str]:
    """The stub of an exercise cell, the call of its check, and the check's name.

    Raises ValueError if the last statement is no call of a check that there is an exercise for.
    """
    last = ast.parse(source).body[-1]
    words = ast.unparse(last).partition("(")[0].split(".")
    if len(words) != 2 or words[0] != "checks" or words[1] not in EXERCISES:
        raise ValueError(
            f"expected an exercise cell that ends with checks.<exercise>(...), found "
            f"{ast.unparse(last)!r}"
        )
    lines = source.splitlines()
    start = last.lineno - 1
    return "\n".join(lines[:start]).rstrip(), "\n".join(lines[start:]), words[1]


def _marker(grade_id: str, solution: bool = False, grade: bool = False, points: int = 0) -> Any:
    """nbgrader's metadata of a cell, third version of its schema."""
    marker: dict[str, Any] = {
        "grade": grade,
        "grade_id": grade_id,
        "locked": grade,
        "schema_version": 3,
        "solution": solution,
        "task": False,
    }
    return marker | ({"points": points} if grade else {})


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the learner's notebooks of all source notebooks; others in the folder go."""
    parser = argparse.ArgumentParser(
        prog="python -m workshop.pages.make_learner_notebooks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args(arguments)
    sources = sorted(NOTEBOOKS.glob("*.ipynb"))
    for path in sources:
        made = learner_notebook(nbformat.read(path, as_version=4))
        write_whole(LEARNER / path.name, nbformat.writes(made) + "\n")
    for path in LEARNER.glob("*.ipynb"):
        if path.name not in {source.name for source in sources}:
            path.unlink()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
