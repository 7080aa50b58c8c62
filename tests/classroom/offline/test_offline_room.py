"""In a namespace without a route: the bundle installs, and a notebook runs from what it installed.

The bundle is real but for the packages that the tutorial needs: stand-ins, which lead to this
environment's. docs/teaching/offline.md tells of the run with all of them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import nbformat
import pytest

from promptad_classroom.offline import install

ROOT = Path(__file__).resolve().parents[3]
NOTEBOOK = "00_start_here.ipynb"
EXECUTE = """\
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[1])
"""
MACHINE = ("GB of memory", "GB of free memory", "GB free on", "GB of disk")  # of this moment


def laptop(home: Path) -> dict[str, str]:
    """The environment of a laptop that knows nothing of this one, but for JupyterLab's extensions.

    A wheel brings those to the environment's share/jupyter, and a stand-in has none.
    """
    extensions = home / "jupyter" / "labextensions"
    extensions.parent.mkdir(parents=True)
    extensions.symlink_to(Path(sysconfig.get_path("data")) / "share" / "jupyter" / "labextensions")
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(home),
        "JUPYTER_PATH": str(extensions.parent),
        "PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT),  # must not be used
        "PIP_INDEX_URL": "https://example.invalid/simple",
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture(scope="session")
def installed(bundle, without_network, tmp_path_factory):
    """What `sh install.sh` says on a laptop without a network, and the laptop's environment."""
    environment = laptop(tmp_path_factory.mktemp("home"))
    folder = shutil.copytree(bundle, tmp_path_factory.mktemp("a disk") / "promptad")
    done = without_network("sh", folder / "install.sh", env=environment, cwd="/")
    return folder, environment, done


@pytest.mark.slow
def test_install_needs_no_network_and_the_doctor_is_content(installed):
    _folder, _, done = installed
    lines = done.stdout.splitlines()
    fixes = [line for line in lines if line.startswith("[fix]")]
    assert all(any(word in line for word in MACHINE) for line in fixes), done.stdout + done.stderr
    assert done.returncode == int(bool(fixes)), done.stdout + done.stderr
    assert len([line for line in lines if line.startswith("[ok]")]) + len(fixes) >= 11
    assert any("offline: no network" in line for line in lines)
    assert lines[-1] == "To open JupyterLab on the first notebook: sh start.sh"


@pytest.mark.slow
def test_a_second_install_asks_only_the_doctor_and_keeps_what_a_learner_wrote(
    installed, without_network
):
    folder, environment, _ = installed
    mine = folder / "notebooks" / "learner" / NOTEBOOK
    mine.write_text("mine")
    before = (folder / install.VENV / install.READY).stat().st_mtime_ns
    command = "import install; install.subprocess.run = lambda *a, **k: print(a[0][1:]) or F; "
    command += "F = type('F', (), {'returncode': 0}); print(install.main())"
    done = without_network(sys.executable, "-c", command, env=environment, cwd=folder)
    assert "installed already." in done.stdout and done.stdout.splitlines()[-1] == "0"
    assert done.stdout.count("['-m', ") == 1 and "'doctor']" in done.stdout
    assert mine.read_text() == "mine"
    assert (folder / install.VENV / install.READY).stat().st_mtime_ns == before


@pytest.mark.slow
def test_notebook_00_runs_from_the_installed_wheel_in_an_empty_folder(
    installed, without_network, tmp_path
):
    folder, environment, _ = installed
    path = Path(shutil.copy(ROOT / "notebooks" / NOTEBOOK, tmp_path))
    stored = nbformat.read(path, as_version=4)
    python = install.venv_python(folder)
    environment = {k: v for k, v in environment.items() if k != "PYTHONPATH"}
    done = without_network(python, "-c", EXECUTE, path, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    found = nbformat.read(path, as_version=4)
    code = [cell for cell in stored.cells if cell.cell_type == "code"]
    assert len(code) > 10
    for before, after in zip(code, [c for c in found.cells if c.cell_type == "code"], strict=True):
        assert texts(after) == texts(before), before.source
    where = "import promptad_tutorial as p, promptad_tutorial.datasets as d; "
    where += "print(p.__file__, d.dataset_from_environment().root)"
    done = subprocess.run(
        [python, "-c", where], check=True, capture_output=True, text=True, cwd=tmp_path,
        env=environment,
    )  # fmt: skip
    assert done.stdout.count(str(folder / install.VENV)) == 2, done.stdout


def texts(cell) -> list[str]:
    """What a cell shows in words, addresses aside."""
    shown = [
        output.get("text") or output.get("data", {}).get("text/plain", "")
        for output in cell.outputs
    ]
    return [re.sub(r"0x[0-9a-f]+", "0x", text) for text in shown if text]


@pytest.mark.slow
def test_a_missing_wheel_cannot_be_fetched_and_the_installation_is_begun_anew(
    copied, without_network, tmp_path
):
    lost = next((copied / install.WHEELS).glob("seaborn-*.whl"))
    lost.unlink()
    sums = copied / install.SUMS
    text = "".join(line for line in sums.read_text().splitlines(True) if lost.name not in line)
    sums.unlink()
    sums.write_text(text)
    environment = laptop(tmp_path / "home")
    done = without_network("sh", copied / "install.sh", env=environment)
    assert done.returncode == 2
    assert "No matching distribution found for seaborn" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("install: error: that did not work")
    assert not (copied / install.VENV / install.READY).exists()
    started = subprocess.run(["sh", copied / "start.sh"], capture_output=True, text=True)
    assert started.returncode == 2 and "not installed yet" in started.stderr


def test_the_namespace_has_no_way_out(without_network):
    probe = "import urllib.request; urllib.request.urlopen('http://192.0.2.1', timeout=5)"
    done = without_network(sys.executable, "-c", probe, env=dict(os.environ))
    assert done.returncode == 1 and "Network is unreachable" in done.stderr
