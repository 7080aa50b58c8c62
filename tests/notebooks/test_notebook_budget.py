"""A notebook that takes too long or holds too much memory fails the session, in words."""

from __future__ import annotations

import os
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


def test_within_the_budget_there_is_no_problem():
    costs = {str(n): Cost(SERIES_SECONDS / 10, NOTEBOOK_GB) for n in range(10)}
    assert NotebookBudget(costs=costs).problems() == []


def test_too_long_too_large_and_too_many_are_told_apart():
    slow = {"a": Cost(NOTEBOOK_SECONDS + 1)}
    (told,) = NotebookBudget(costs=slow).problems()
    assert told == f"a took {NOTEBOOK_SECONDS + 1:.0f} s, more than {NOTEBOOK_SECONDS:.0f} s"
    assert NotebookBudget(2.0, slow).problems() == NotebookBudget(0.0, slow).problems() == []
    (told,) = NotebookBudget(0.0, {"a": Cost(1, NOTEBOOK_GB + 1)}).problems()
    assert told.startswith(f"a held {NOTEBOOK_GB + 1:.1f} GB")
    many = {str(n): Cost(NOTEBOOK_SECONDS - 1) for n in range(6)}
    (told,) = NotebookBudget(costs=many).problems()
    assert told.startswith(f"all notebooks took {6 * (NOTEBOOK_SECONDS - 1):.0f} s")


@pytest.mark.parametrize(("scale", "code"), [("1", 0), ("0.001", 1)])
def test_a_session_of_notebooks_shows_what_they_cost(tmp_path, scale, code):
    path = tmp_path / "small.ipynb"
    cell = new_code_cell(
        "import time\nheld = b'x' * 10**8\ntime.sleep(1)\nprint(len(held))",
        execution_count=1,
        outputs=[new_output("stream", name="stdout", text="100000000\n")],
    )
    nbformat.write(new_notebook(cells=[cell]), path)
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml")]
    command += ["-p", "conftest", "-p", "no:cacheprovider", "--color=no", "--nbval"]
    command += ["--nbval-current-env", str(path)]
    found = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"NOTEBOOK_SECONDS_SCALE": scale},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert found.returncode == code, found.stdout + found.stderr
    assert "1 passed" in found.stdout
    (line,) = [x for x in found.stdout.splitlines() if "GB" in x and x.endswith("small.ipynb")]
    seconds, _, gb, *_ = line.split()
    assert float(seconds) >= 1 and 0.1 <= float(gb) < 1
    assert ("over budget: " in found.stdout) == bool(code)
