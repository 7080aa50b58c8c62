"""Answers are marked by what they return: printing, patching and borrowing are worth nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from promptad_tutorial import checks, cli
from promptad_tutorial.marking import worker
from promptad_tutorial.marking.cells import Question, binds, needed_source
from promptad_tutorial.marking.judge import mark
from promptad_tutorial.marking.table import released_items, score_table

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
LEARNER = REPOSITORY / "notebooks" / "learner"
COUNT = Question("count_by_defect", "count_by_defect")
RIGHT = """
from collections import Counter

def count_by_defect(samples):
    return dict(Counter(sample.defect for sample in samples))
"""
STUB = "def count_by_defect(samples):\n    ..."


# --- what an answer needs ---------------------------------------------------------------------


def test_a_call_of_a_check_is_read():
    assert Question.parse("checks.auroc(mine)") == Question("auroc", "mine")
    assert Question.parse("checks.spot(a, b, c)") == Question("spot", "a", ("b", "c"))
    for wrong in ("auroc(mine)", "print(checks.auroc(mine))", "checks.auroc(1)", "x ="):
        with pytest.raises(ValueError, match="expected a call as"):
            Question.parse(wrong)


def test_only_what_a_name_rests_on_is_taken_in_its_order():
    cells = [
        "import torch, numpy as np\nfrom a import expensive, cheap",
        "features = expensive()\nroot = cheap(1)",
        "print(root)\n%matplotlib inline\nbroken = (",
        "def f(features):\n    return g(features) + np.ones(1)",
        "def g(x):\n    return x * root",
        "def h():\n    return f(1)",
    ]
    assert needed_source(cells, ("f",)).splitlines() == [
        "import numpy as np",
        "from a import cheap",
        "root = cheap(1)",
        "def f(features):",  # its own `features`, not the expensive one
        "    return g(features) + np.ones(1)",
        "def g(x):",  # defined after f, and needed by it
        "    return x * root",
    ]
    assert needed_source(cells, ("nothing",)) == ""


def test_an_answers_cell_is_taken_whole_but_for_the_checks():
    cells = ["n = 3", "found = ...", "found = []\nfor i in range(n):\n    found.append(i)"]
    cells += ["found = checks.carry_on(checks.f, found)", "checks.f(found)"]
    assert needed_source(cells, (), whole="found").splitlines() == [
        "n = 3",
        "found = ...",
        "found = []",
        "for i in range(n):",
        "    found.append(i)",
    ]
    assert binds(cells[1], "found") and not binds(cells[3], "found")


# --- marks ------------------------------------------------------------------------------------


def test_right_empty_and_wrong_answers():
    assert mark(COUNT, [RIGHT]).passed
    assert "in place of the dots" in mark(COUNT, [STUB]).message
    assert mark(COUNT, ["x = 1"]).message == "no cell defines count_by_defect."
    wrong = "def count_by_defect(samples):\n    return {s.defect: 1 for s in samples}"
    assert "every count is 1" in mark(COUNT, [STUB, wrong]).message
    stops = "def count_by_defect(samples):\n    return 1 / 0"
    assert "stopped with ZeroDivisionError: division by zero" in mark(COUNT, [stops]).message
    with pytest.raises(ValueError, match="found 'magic'"):
        mark(Question("magic", "magic"), [RIGHT])


CHEATS = {
    "prints": 'print("pass: right on 3 random inputs")\n',
    "replaces checks": """
from promptad_tutorial import checks
from promptad_tutorial.checks import verdict
verdict.check_function = lambda fn, task: verdict.Verdict(True, "pass")
""",
    "replaces checks when called": """
def count_by_defect(samples):
    import sys
    for name, module in list(sys.modules.items()):
        if name.startswith("promptad_tutorial.checks"):
            module._judge = module.same = lambda *a: True
""",
    "borrows the solution": """
from promptad_tutorial.checks.start import _counting
count_by_defect = _counting().solution
""",
    "borrows what goes on": """
from promptad_tutorial import checks
count_by_defect = checks.carry_on(checks.count_by_defect, count_by_defect)
""",
    "borrows by another name": """
from promptad_tutorial import checks as c
count_by_defect = c.carry_on(c.count_by_defect, count_by_defect)
""",
    "ends the process": "import os\nos._exit(0)\n",
    "ends the process when called": """
def count_by_defect(samples):
    import os
    os._exit(0)
""",
    "returns what equals everything": """
class Same(dict):
    def __eq__(self, other):
        return True

def count_by_defect(samples):
    return Same()
""",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CHEATS)
def test_a_cheat_is_worth_nothing(name):
    verdict = mark(COUNT, [STUB, CHEATS[name]])
    assert not verdict.passed, verdict
    assert mark(COUNT, [RIGHT]).passed  # and the judge is whole


def test_an_answer_without_an_end_is_stopped(monkeypatch):
    monkeypatch.setattr(worker, "SECONDS", 3.0)
    loop = "def count_by_defect(samples):\n    while True:\n        pass"
    assert "no result after 3 seconds" in mark(COUNT, [loop]).message
    assert not mark(COUNT, ["while True:\n    count_by_defect = 1"]).passed


def test_what_else_a_check_is_given_comes_from_the_teacher():
    question = Question("spot_the_defects", "mine", ("shown",))
    setup = """
from pathlib import Path
from promptad_tutorial.datasets import Sample
shown = [Sample(Path("0.png"), 0, "good"), Sample(Path("1.png"), 1, "dent")]
"""
    assert mark(question, ["mine = {1}"], setup).passed
    # the learner's own `shown` counts for nothing
    assert not mark(question, ["mine = {0}\nshown = ['']"], setup).passed


def test_the_graded_cells_program_tells_by_its_exit_code():
    def done(cells: list[str]) -> subprocess.CompletedProcess:
        task = {"call": "checks.count_by_defect(count_by_defect)", "setup": "", "cells": cells}
        command = [sys.executable, "-P", "-m", "promptad_tutorial.marking"]
        return subprocess.run(
            command, input=json.dumps(task), check=False, capture_output=True, text=True
        )

    right = done(["", RIGHT])
    assert (right.returncode, right.stdout[:6]) == (0, "pass: ")
    wrong = done(["", 'print("pass")', STUB])
    assert (wrong.returncode, wrong.stdout[:9]) == (1, "not yet: ")


# --- the table --------------------------------------------------------------------------------


def solved(path: Path, only: int | None = None) -> nbformat.NotebookNode:
    """A learner's notebook with the first `only` answers taken from the source's solutions."""
    source = nbformat.read(path, as_version=4)
    answers = [c.source for c in source.cells if "solution" in c.metadata.get("tags", [])]
    calls = {answer.splitlines()[-1]: answer for answer in answers[:only]}
    made = nbformat.read(LEARNER / path.name, as_version=4)
    for stub, check in zip(made.cells, made.cells[1:], strict=False):
        if "check" in check.metadata.get("tags", []) and check.source in calls:
            stub.source = calls[check.source]
    return made


def hand_in(folder: Path, learner: str, name: str, notebook: nbformat.NotebookNode) -> None:
    place = folder / learner / "lab1"
    place.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, place / name)


def test_released_notebooks_tell_questions_points_and_what_else_is_given():
    found = {
        item.question.exercise: item for path in LEARNER.iterdir() for item in released_items(path)
    }
    assert set(found) == set(checks.EXERCISES)
    assert all(item.points == checks.EXERCISES[name].difficulty for name, item in found.items())
    given = {name: item.setup for name, item in found.items() if item.setup}
    assert list(given) == ["spot_the_defects"]
    assert "figures" not in given["spot_the_defects"] and "shown = [" in given["spot_the_defects"]


@pytest.mark.slow
def test_the_table_of_a_class(tmp_path, capsys):
    path = SOURCES[0]
    empty = nbformat.read(LEARNER / path.name, as_version=4)
    for learner, notebook in (
        ("ada", solved(path)),
        ("bo", solved(path, only=1)),
        ("cy", empty),
    ):
        hand_in(tmp_path / "in", learner, path.name, notebook)
    place = tmp_path / "in" / "di"
    place.mkdir()
    (place / path.name).write_text("{ no notebook")
    out = tmp_path / "new" / "scores.csv"
    words = ["labs", "--answers", str(tmp_path / "in"), "--out", str(out), "--jobs", "1"]
    assert cli.main(words) == 0
    said = capsys.readouterr().out
    assert said.startswith("4 learners, 0.8 of 2 points on average; cannot be read: di/00_")
    table = pd.read_csv(out)
    assert table.columns.tolist() == [
        "learner", "spot_the_defects", "count_by_defect", "points", "of",
    ]  # fmt: skip
    assert table.values.tolist() == [
        ["ada", 1, 1, 2, 2],
        ["bo", 1, 0, 1, 2],
        ["cy", 0, 0, 0, 2],
        ["di", 0, 0, 0, 2],
    ]


@pytest.mark.slow
@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_every_solution_gets_every_point_and_every_stub_none(path, tmp_path):
    hand_in(tmp_path, "ada", path.name, solved(path))
    hand_in(tmp_path, "cy", path.name, nbformat.read(LEARNER / path.name, as_version=4))
    table = score_table(tmp_path, LEARNER, jobs=1).set_index("learner")
    mine = [e for e in checks.EXERCISES.values() if e.notebook == path.stem[:2]]
    assert table.loc["ada", "points"] == sum(e.difficulty for e in mine) == table.loc["ada", "of"]
    assert table.loc["cy", "points"] == 0


def test_a_folder_without_notebooks_or_with_one_twice_is_refused(tmp_path, capsys):
    for folder, said in (
        (tmp_path / "none", "expected the learners' folders"),
        (tmp_path, "found none"),
    ):
        assert cli.main(["labs", "--answers", str(folder)]) == 2
        assert said in capsys.readouterr().err
    nowhere = ["--released", str(tmp_path)]
    assert cli.main(["labs", "--answers", str(tmp_path), *nowhere]) == 2
    assert "expected the learner's notebooks" in capsys.readouterr().err
    path = SOURCES[0]
    for lab in ("a", "b"):
        (tmp_path / "ada" / lab).mkdir(parents=True)
        (tmp_path / "ada" / lab / path.name).write_text("{}")
    assert cli.main(["labs", "--answers", str(tmp_path)]) == 2
    assert "remove the one that does not count" in capsys.readouterr().err
