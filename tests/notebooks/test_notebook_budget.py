"""What a notebook costs is reported and fails nothing; the plain nbval call finds its settings."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from workshop.gates.notebook_budget import (
    NOTEBOOK_GB,
    NOTEBOOK_SECONDS,
    SERIES_SECONDS,
    Cost,
    NotebookBudget,
)

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_within_the_budget_there_is_nothing_to_remark():
    costs = {str(n): Cost(SERIES_SECONDS / 10, NOTEBOOK_GB) for n in range(10)}
    assert NotebookBudget(costs).remarks() == []


def test_too_long_too_large_and_too_many_are_told_apart():
    (told,) = NotebookBudget({"a": Cost(NOTEBOOK_SECONDS + 1)}).remarks()
    assert told == f"a took {NOTEBOOK_SECONDS + 1:.0f} s, more than {NOTEBOOK_SECONDS:.0f} s"
    (told,) = NotebookBudget({"a": Cost(1, NOTEBOOK_GB + 1)}).remarks()
    assert told.startswith(f"a held {NOTEBOOK_GB + 1:.1f} GB")
    many = {str(n): Cost(NOTEBOOK_SECONDS - 1) for n in range(6)}
    (told,) = NotebookBudget(many).remarks()
    assert told.startswith(f"all notebooks took {6 * (NOTEBOOK_SECONDS - 1):.0f} s")


def printing(code: str, text: str) -> nbformat.NotebookNode:
    output = new_output("stream", name="stdout", text=text)
    return new_notebook(cells=[new_code_cell(code, execution_count=1, outputs=[output])])


def nbval(*words: str) -> str:
    """What the repository's own pytest says under --nbval, with no other option of nbval's."""
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml")]
    command += ["-p", "conftest", "-p", "no:cacheprovider", "--color=no", "--nbval", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def plain_call(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What `pytest --nbval <folder>` says of three notebooks, in two processes."""
    folder = tmp_path_factory.mktemp("series")
    small = printing("held = b'x' * 10**8\nprint(len(held))", "100000000\n")
    took = printing("print('took 1.2 s')", "took 3.4 s\n")  # differs, and may
    other = printing("print('AUROC 0.91')", "AUROC 0.92\n")  # differs, and may not
    for name, notebook in (("small", small), ("took", took), ("other", other)):
        nbformat.write(notebook, folder / f"{name}.ipynb")
    return nbval("-n2", "--dist=loadscope", str(folder))


def test_the_sanitizer_is_found_without_being_named(plain_call):
    assert "1 failed, 2 passed" in plain_call, plain_call
    assert "AUROC 0.92" in plain_call and "took 3.4 s" not in plain_call


def test_the_plain_call_leaves_out_the_learners_notebooks():
    """They have no outputs to compare; tests/notebooks/test_switch.py runs them."""
    said = nbval("--collect-only", "-q", "notebooks")
    assert len(set(re.findall(r"(\w+)\.ipynb::", said))) == len(NOTEBOOKS) > 5, said
    assert "learner" not in said


def test_a_session_in_two_processes_shows_what_notebooks_cost(plain_call):
    lines = [x for x in plain_call.splitlines() if " GB " in x]
    assert [line.split()[-1] for line in lines][:2] == ["other.ipynb", "small.ipynb"]
    seconds, _, gb, *_ = lines[1].split()
    assert float(seconds) > 0 and 0.1 <= float(gb) < 1
