"""Two environment variables switch every notebook: another backbone, other data, the same code."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from promptad_tutorial import series
from tools.network_block import kernel_environment

ROOT = Path(__file__).resolve().parents[2]
LINES = ("wood", "brick")


@pytest.fixture(scope="module")
def small_data(tmp_path_factory) -> Path:
    """Two product lines with a few pictures each, under a name of its own."""
    root = tmp_path_factory.mktemp("switched") / "other_factory"
    for line in LINES:
        for folder in sorted((ROOT / "data" / "minifactory" / line).glob("*/*")):
            wanted = root / line / folder.parent.name / folder.name
            wanted.mkdir(parents=True)
            for file in sorted(folder.iterdir())[:5]:
                shutil.copy(file, wanted)
    return root


@pytest.mark.slow
@pytest.mark.parametrize("file", [entry.file for entry in series.CHAPTERS if entry.written])
def test_a_notebook_runs_with_another_backbone_and_other_data(file, small_data, monkeypatch):
    notebook = nbformat.read(ROOT / "notebooks" / f"{file}.ipynb", as_version=4)
    resources = {"metadata": {"path": str(ROOT / "notebooks")}}
    with kernel_environment():
        monkeypatch.setenv("PROMPTAD_BACKBONE", "ViT-B-32:random")
        monkeypatch.setenv("PROMPTAD_DATA", str(small_data))
        NotebookClient(notebook, timeout=300, resources=resources).execute()
    said = "".join(
        output.get("text", "") + "".join(output.get("data", {}).get("text/markdown", ""))
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    )
    assert "ViT-B-32 (RANDOM WEIGHTS" in said
    assert "other_factory (mvtec layout), 2 product lines" in said
