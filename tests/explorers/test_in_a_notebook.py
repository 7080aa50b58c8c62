"""Strict nbval passes a notebook with an explorer in it, and tests the interaction."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests.notebooks.gates import clean_problems, figure_problems
from workshop.pages.execute_notebooks import execute

ROOT = Path(__file__).resolve().parents[2]
# A stand-in for a backbone: the explorer needs its text features and its temperature.
SET_UP = """\
from types import SimpleNamespace

import numpy as np
import torch

from promptad_tutorial.explorers import LabelledFeatures, PromptExplorer


def encode_text(prompts):
    return torch.tensor([[1.0, 0.0] if "flawless" in prompt else [0.0, 1.0] for prompt in prompts])


backbone = SimpleNamespace(encode_text=encode_text, temperature=10.0)
angles = torch.linspace(0, 1.5, 12)
cls = torch.stack([angles.cos(), angles.sin()], dim=1)
lines = {"capsule": LabelledFeatures(cls, np.array([0] * 6 + [1] * 6))}
"""


def run_nbval(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml")]
    command += ["-p", "conftest", "-p", "no:cacheprovider", "--color=no"]
    command += ["--nbval", "--nbval-current-env", str(path)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)


@pytest.mark.slow
def test_strict_nbval_follows_an_explorer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # kernels start beside their notebook
    path = tmp_path / "explorer.ipynb"
    cells = [
        SET_UP,
        "explorer = PromptExplorer(backbone, lines)\nexplorer",
        'explorer.anomalous.value = "a flawless {} too"',
        "print(explorer.status.value)",
        "explorer",
    ]
    nbformat.write(new_notebook(cells=[new_code_cell(cell) for cell in cells]), path)
    execute(path, timeout=300)
    notebook = nbformat.read(path, as_version=4)
    assert figure_problems(notebook) == [] and clean_problems(notebook) == []
    shown = [cell.outputs[0].get("data") for cell in (notebook.cells[1], notebook.cells[4])]
    assert all(set(data) == {"image/png", "text/plain"} for data in shown)
    assert "AUROC 1.00" in shown[0]["text/plain"] and "AUROC 0.50" in shown[1]["text/plain"]
    status = "Image AUROC 0.50 for capsule, from 1 normal and 1 anomalous prompt.\n"
    assert notebook.cells[3].outputs[0].text == status
    # A different status and a different description must fail, all else must pass: one run.
    notebook.cells[3].outputs[0].text = status.replace("0.50", "0.51")
    notebook.cells[1].outputs[0].data["text/plain"] += " And more."
    nbformat.write(notebook, path)
    result = run_nbval(path)
    assert "2 failed, 3 passed" in result.stdout, result.stdout + result.stderr
    assert "::Cell 1" in result.stdout and "::Cell 3" in result.stdout
