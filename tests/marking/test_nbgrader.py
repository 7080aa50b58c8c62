"""The real nbgrader makes the lab and marks four learners: solved, half-solved, empty, cheating."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from promptad_tutorial.checks import EXERCISES
from tools.make_labs import LABS, make_labs

pytest.importorskip("nbgrader", reason="nbgrader is in the extra `teach`")
LAB, NOTEBOOK = "lab1", "00_start_here"
CHEAT = """
from promptad_tutorial.checks import verdict, Verdict
verdict.check_function = lambda fn, task: Verdict(True, "right")
checks.count_by_defect = checks.spot_the_defects = lambda *answers: Verdict(True, "right")
print("pass")
"""


def nbgrader(course: Path, *words: str) -> None:
    command = [sys.executable, "-m", "nbgrader", *words]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=course, env=dict(os.environ)
    )
    assert done.returncode == 0, done.stderr[-3000:]


def cell(notebook: nbformat.NotebookNode, grade_id: str) -> nbformat.NotebookNode:
    (found,) = (
        c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id
    )
    return found


def hand_in(course: Path, learner: str, notebook: nbformat.NotebookNode) -> None:
    folder = course / "submitted" / learner / LAB
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / f"{NOTEBOOK}.ipynb")


def scores(course: Path) -> dict[str, tuple[float, float]]:
    """Learner -> (points, the most), from nbgrader's own gradebook."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        found = book.assignment_submissions(LAB)
        return {each.student_id: (each.score, each.max_score) for each in found}


def test_the_labs_hold_every_notebook_once_with_solution_and_marks(tmp_path):
    written = make_labs(tmp_path)
    assert [path.name[:2] for path in written] == [n for lab in LABS.values() for n in lab]
    assert len({path.name for path in written}) == 9
    points = 0
    for path in written:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        names = [n for n, entry in EXERCISES.items() if entry.notebook == path.name[:2]]
        for name in names:
            answer = cell(notebook, name).source
            stub, _, solution = answer.partition("### BEGIN SOLUTION\n")
            assert stub.strip() and solution.endswith("### END SOLUTION")
            assert f"checks.{name}(" not in answer
            graded = cell(notebook, f"{name}-check")
            assert graded.metadata.nbgrader.locked
            compile(graded.source, name, "exec")
            points += graded.metadata.nbgrader.points
    assert points == sum(entry.difficulty for entry in EXERCISES.values())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_nbgrader_gives_each_learner_what_is_due(tmp_path):
    course = tmp_path / "course"
    make_labs(course, {LAB: ("00",)})
    nbgrader(course, "generate_assignment", LAB)
    released = course / "release" / LAB / f"{NOTEBOOK}.ipynb"
    text = released.read_text()
    assert "SOLUTION" not in text and "Counter(sample.defect" not in text

    source = nbformat.read(course / "source" / LAB / released.name, as_version=4)
    hand_in(course, "solved", source)
    empty = nbformat.read(released, as_version=4)
    hand_in(course, "empty", empty)
    half = nbformat.read(released, as_version=4)
    cell(half, "count_by_defect").source = cell(source, "count_by_defect").source
    hand_in(course, "half", half)
    cheat = nbformat.read(released, as_version=4)
    for name in ("spot_the_defects", "count_by_defect"):
        cell(cheat, name).source += CHEAT
        cell(cheat, f"{name}-check").source = 'print("pass")'  # nbgrader restores it
    hand_in(course, "cheat", cheat)

    nbgrader(course, "autograde", LAB, "--create")
    assert scores(course) == {
        "solved": (2, 2),
        "half": (1, 2),
        "empty": (0, 2),
        "cheat": (0, 2),
    }
    shutil.rmtree(course)
