"""Who has not solved an exercise goes on with a solution, which no check passes.

A learner's ways to a wrong "pass" are tried in a shell, cell by cell, as a notebook runs them.
"""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from promptad_tutorial import exercises as checks
from promptad_tutorial.exercises import current_cell
from tests.exercises.learners import SOLUTIONS

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
FUNCTIONS = sorted(SOLUTIONS)
ANSWERS = {"spot_the_defects", "noise_optimism", "control_of_values"}  # no functions
NAME = "ensemble_prototype"
RIGHT = """
def ensemble_prototype(features):
    mean = features.mean(dim=0)
    return mean / mean.norm()
"""
STUB = "def ensemble_prototype(features):\n    ..."
BROKEN = RIGHT.replace("features.mean(dim=0)", "features.mean(dim=0")
CHECK = f"found = checks.{NAME}({NAME})"
CARRY_ON = f"{NAME} = checks.carry_on(checks.{NAME}, {NAME})"


def test_every_exercise_is_tried():
    assert {*FUNCTIONS, *ANSWERS} == set(checks.EXERCISES)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_solved_exercise_goes_on_with_ones_own_function(name, capsys):
    assert checks.carry_on(getattr(checks, name), SOLUTIONS[name]) is SOLUTIONS[name]
    assert not capsys.readouterr().out


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("wrong", [None, lambda *inputs: None, lambda *inputs: 1 / 0])
def test_what_is_gone_on_with_instead_works_and_is_marked(name, wrong, capsys):
    check = getattr(checks, name)
    found = checks.carry_on(check, wrong)
    assert f"`{name}` is not solved yet" in capsys.readouterr().out
    assert check(lambda *inputs: found(*inputs))  # whose answers are right
    verdict = check(found)
    assert not verdict and f"this is the package's solution of {name}" in verdict.message
    assert "run your own cell" in verdict.message


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_takes_its_inputs_by_the_names_that_the_stub_gives_them(name):
    stubs = {
        node.name: [argument.arg for argument in node.args.args]
        for path in (NOTEBOOKS / "learner").glob("*.ipynb")
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "code" and "def " in cell.source
        for node in ast.parse(cell.source).body
        if isinstance(node, ast.FunctionDef)
    }
    check = getattr(checks, name)
    names = list(checks.EXERCISES[name].inputs)
    assert stubs[name] == names
    found = checks.carry_on(check, None)
    assert check(lambda *given: found(**dict(zip(names, given, strict=True))))
    half = len(names) // 2
    later = names[half:]
    assert check(lambda *given: found(*given[:half], **dict(zip(later, given[half:], strict=True))))


def test_a_check_of_an_answer_is_refused():
    with pytest.raises(ValueError, match="expected a check of a function, got noise_optimism"):
        checks.carry_on(checks.noise_optimism, [1, 2, 3])


@pytest.fixture
def verdict_after(monkeypatch):
    """Runs cells in a fresh notebook and gives the verdict that the last check left."""
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    monkeypatch.setattr(current_cell, "get_ipython", lambda: shell)

    def run(*cells: str) -> str:
        shell.run_cell("from promptad_tutorial import checks", store_history=True)
        for cell in cells:
            shell.run_cell(cell, store_history=True)
        return repr(shell.user_ns.get("found"))

    return run


THE_PACKAGES = "not yet: this is the package's solution of ensemble_prototype"
SYNTAX = "not yet: your cell has a syntax error"


@pytest.mark.parametrize(
    "cells, start",
    [
        ([RIGHT, CHECK], "pass"),
        ([f"{RIGHT}\n{CHECK}"], "pass"),  # stub and check in one cell, as the notebooks have it
        ([STUB, CHECK], "not yet: your function returns nothing"),
        ([STUB, CHECK, CARRY_ON, CHECK], THE_PACKAGES),
        ([STUB, CARRY_ON, CARRY_ON, CHECK], THE_PACKAGES),
        ([STUB, CARRY_ON, STUB, CHECK], "not yet: your function returns nothing"),
        ([STUB, CARRY_ON, RIGHT, CHECK], "pass"),
        ([STUB, CARRY_ON, RIGHT, CHECK, CARRY_ON, CHECK], "pass"),
        ([STUB, CARRY_ON, f"mine = {NAME}", f"found = checks.{NAME}(mine)"], THE_PACKAGES),
        ([STUB, f"mine = {CARRY_ON}", f"found = checks.{NAME}(mine)"], THE_PACKAGES),
        # a cell that cannot be parsed leaves what was there before
        ([STUB, CARRY_ON, BROKEN, CHECK], THE_PACKAGES),
        ([RIGHT, CHECK, BROKEN, CHECK], SYNTAX),
        ([RIGHT, BROKEN, CARRY_ON, CHECK], THE_PACKAGES),
        ([STUB, BROKEN, CHECK], SYNTAX),
        ([RIGHT, BROKEN, RIGHT, CHECK], "pass"),
        ([RIGHT, BROKEN, f"%%time\n{RIGHT}", CHECK], "pass"),
        ([RIGHT, f"%%time\n{BROKEN}", CHECK], "pass"),  # not seen: the magic's body is a text
        ([RIGHT, "def another(:", CHECK], "pass"),
        ([BROKEN, "ensemble_prototype = lambda x: x.sum(0) / x.sum(0).norm()", CHECK], "pass"),
    ],
)
def test_only_a_learners_own_current_function_passes(verdict_after, cells, start):
    assert verdict_after(*cells).startswith(start)


def test_without_history_nothing_is_said_of_syntax(monkeypatch):
    monkeypatch.setattr(current_cell, "get_ipython", lambda: None)
    assert checks.ensemble_prototype(SOLUTIONS["ensemble_prototype"])
