"""The learner's notebooks are the source notebooks with stubs for solutions, and nothing else."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest

from promptad_tutorial import exercises as checks
from workshop.pages.make_learner_notebooks import LEARNER, learner_notebook, split_check

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
SOURCES = sorted(NOTEBOOKS.glob("*.ipynb"))
by_stem = pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def tagged(notebook: nbformat.NotebookNode, tag: str) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


def test_every_source_has_its_learners_notebook_and_the_other_way_round():
    assert sorted(path.name for path in LEARNER.iterdir()) == [path.name for path in SOURCES]


@by_stem
def test_the_committed_one_is_what_the_source_makes(path):
    found, made = read(LEARNER / path.name), learner_notebook(read(path))
    assert found == made, "run `make learner` after a change of a notebook"
    nbformat.validate(found)


def later_names(source: nbformat.NotebookNode, cell: nbformat.NotebookNode) -> set[str]:
    """Every name after `cell` in cells that are neither exercise nor solution."""
    after = source.cells[source.cells.index(cell) + 1 :]
    plain = [c for c in after if c.cell_type == "code" and "tags" not in c.metadata]
    trees = [ast.parse(c.source) for c in plain]
    return {n.id for tree in trees for n in ast.walk(tree) if isinstance(n, ast.Name)}


@by_stem
def test_it_differs_from_the_source_only_in_exercises_and_outputs(path):
    source, learner = read(path), read(LEARNER / path.name)
    given = [cell for cell in source.cells if "solution" not in cell.metadata.get("tags", [])]
    made = iter(learner.cells)
    for cell in given:
        other = next(made)
        here = other.source.replace("](../../", "](../")  # a link outwards starts a folder lower
        if "exercise" in cell.metadata.get("tags", []):
            assert other.source + "\n" in cell.source
            check = next(made)
            assert cell.source.endswith(check.source)
            written = "".join((other.source + check.source).split())
            assert written == "".join(cell.source.split())  # the two are the whole cell
            name = check.metadata["nbgrader"]["grade_id"].removesuffix("-check")
            if name in later_names(source, cell):
                assert next(made).source.endswith(
                    f"{name} = checks.carry_on(checks.{name}, {name})"
                )
        elif cell.source != here:
            assert cell.cell_type == "markdown"
            lost = set(cell.source.split("\n\n")) - set(here.split("\n\n"))
            assert len(lost) == 1 and lost.pop().startswith("The folded cell below")
        assert other.id == cell.id and other.cell_type == cell.cell_type
    assert list(made) == []
    assert all(not c.outputs and c.execution_count is None for c in learner.cells if "outputs" in c)


@by_stem
def test_no_solution_is_left(path):
    source, learner = read(path), read(LEARNER / path.name)
    assert tagged(source, "solution") and not tagged(learner, "solution")
    everything = "\n".join(cell.source for cell in learner.cells)
    for cell in tagged(source, "solution"):
        # the longest line says most of what one has to find
        longest = max(cell.source.splitlines()[1:], key=len).strip()
        stubs = "\n".join(stub.source for stub in tagged(source, "exercise"))
        assert longest in stubs or longest not in everything


@by_stem
def test_nbgrader_finds_an_answer_and_a_locked_check_for_every_exercise(path):
    marks = [
        cell.metadata["nbgrader"]
        for cell in read(LEARNER / path.name).cells
        if "nbgrader" in cell.metadata
    ]
    mine = [name for name, entry in checks.EXERCISES.items() if entry.notebook == path.stem[:2]]
    answers = [mark["grade_id"] for mark in marks if mark["solution"]]
    assert sorted(answers) == sorted(mine)
    graded = {mark["grade_id"]: mark for mark in marks if mark["grade"]}
    assert sorted(graded) == sorted(f"{name}-check" for name in mine)
    for name in mine:
        mark = graded[f"{name}-check"]
        assert mark["locked"] and not mark["solution"]
        assert mark["points"] == checks.EXERCISES[name].difficulty
    assert len(marks) == 2 * len(mine)
    assert all(mark["schema_version"] == 3 and not mark["task"] for mark in marks)


def test_an_exercise_without_its_check_is_refused():
    stub, call, name = split_check("def auroc(a, b):\n    ...\n\n\nchecks.auroc(auroc)")
    assert (stub, call, name) == ("def auroc(a, b):\n    ...", "checks.auroc(auroc)", "auroc")
    stub = "def auroc(a, b):\n    ..."
    for wrong in (stub, "checks.magic(auroc)", "print(checks.auroc(auroc))"):
        with pytest.raises(ValueError, match="expected an exercise cell that ends with checks"):
            split_check(wrong)


@by_stem
def test_every_link_to_a_file_of_the_repository_leads_to_one(path):
    for cell in read(LEARNER / path.name).cells:
        if cell.cell_type == "markdown":
            for link in re.findall(r"\]\(([^):#]+)\)", cell.source):
                assert (LEARNER / link).is_file(), link
