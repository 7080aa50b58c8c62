"""No test and no kernel reaches another machine; loopback, which Jupyter needs, works."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tests.notebooks.gates import clean_problems, execution_problems
from workshop.gates.network_block import NetworkBlockedError, is_local
from workshop.pages.execute_notebooks import execute

ROOT = Path(__file__).resolve().parents[2]
# An address for documentation (RFC 5737) and a datagram socket: even without the block,
# connecting one sends nothing.
REMOTE = """\
import socket
probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
probe.connect(("192.0.2.1", 9))
"""
LOOPBACK = """\
import socket
with socket.create_server(("127.0.0.1", 0)) as server:
    with socket.create_connection(server.getsockname()) as client:
        print(client.getpeername()[0])
"""


@pytest.mark.parametrize("host", [None, "", "localhost", "127.0.0.1", b"127.1.2.3", "::1"])
def test_local_hosts(host: object) -> None:
    assert is_local(host)


@pytest.mark.parametrize(
    "host", ["192.0.2.1", "example.invalid", b"example.invalid", "2001:db8::1"]
)
def test_remote_hosts(host: object) -> None:
    assert not is_local(host)


def test_pytest_itself_is_blocked() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        with pytest.raises(NetworkBlockedError, match=r"socket\.connect to '192\.0\.2\.1'"):
            probe.connect(("192.0.2.1", 9))
        with pytest.raises(NetworkBlockedError, match=r"socket\.sendto"):
            probe.sendto(b"", ("192.0.2.1", 9))
    with pytest.raises(NetworkBlockedError, match=r"socket\.getaddrinfo to 'example\.invalid'"):
        socket.getaddrinfo("example.invalid", 80)


def test_loopback_and_unix_sockets_pass() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        assert client.getpeername() == server.getsockname()
    left, right = socket.socketpair()
    with left, right:
        left.sendall(b"x")
        assert right.recv(1) == b"x"


def run_nbval(path: Path) -> subprocess.CompletedProcess[str]:
    """Run strict nbval on one notebook with the repository's own conftest and settings."""
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml")]
    command += ["-p", "conftest", "-p", "no:cacheprovider", "--color=no"]
    command += ["--nbval", "--nbval-current-env", str(path)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_nbval_fails_only_the_cell_that_leaves_the_machine(tmp_path: Path) -> None:
    path = tmp_path / "downloads.ipynb"
    printed = new_output("stream", name="stdout", text="127.0.0.1\n")
    cells = [
        new_code_cell(LOOPBACK, execution_count=1, outputs=[printed]),
        new_code_cell(REMOTE, execution_count=2),
    ]
    nbformat.write(new_notebook(cells=cells), path)
    result = run_nbval(path)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "1 failed, 1 passed" in result.stdout
    assert "NetworkBlockedError" in result.stdout


def test_execute_saves_a_clean_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMPTAD_BACKBONE", "the author's own")
    path = tmp_path / "small.ipynb"
    settings = "import os\nsorted(name for name in os.environ if name.startswith('PROMPTAD_'))"
    cells = [new_code_cell(LOOPBACK), new_code_cell(settings)]
    nbformat.write(new_notebook(cells=cells), path)
    execute(path)
    notebook = nbformat.read(path, as_version=4)
    assert execution_problems(notebook) == []
    assert clean_problems(notebook) == []
    assert notebook.cells[0].outputs[0].text == "127.0.0.1\n"
    assert notebook.cells[1].outputs[0].data["text/plain"] == "[]"
    assert [file.name for file in tmp_path.iterdir()] == ["small.ipynb"]


def test_execute_leaves_a_failing_notebook_alone(tmp_path: Path) -> None:
    path = tmp_path / "downloads.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(REMOTE)]), path)
    before = path.read_bytes()
    with pytest.raises(CellExecutionError, match="NetworkBlockedError"):
        execute(path)
    assert path.read_bytes() == before
