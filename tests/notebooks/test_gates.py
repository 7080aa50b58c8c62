"""The committed notebooks pass every gate, and the sanitize file suits them."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from tests.notebooks.gates import GATES, Gate
from tests.notebooks.sanitizing import idle_pairs, sanitizer_problems

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SANITIZE = ROOT / "tests" / "nbval_sanitize.cfg"


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.__name__)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_committed_notebook(path: Path, gate: Gate) -> None:
    assert gate(read(path)) == []


def test_sanitize_file_is_read_in_full() -> None:
    assert sanitizer_problems(SANITIZE.read_text()) == []


def test_every_sanitize_pair_is_needed() -> None:
    assert idle_pairs(SANITIZE.read_text(), [read(path) for path in NOTEBOOKS]) == []
