"""make says what is wrong with a Python before it installs anything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# a Python that says of itself what the test wants
SHIM = """\
#!/bin/sh
[ "$1" = -m ] && exit 7
shift
exec {python} -c "import platform, sys
platform.system = lambda: '{system}'
platform.machine = lambda: '{machine}'
sys.version_info = {version}
$1"
"""


def run(tmp_path: Path, system: str, machine: str, version: tuple) -> subprocess.CompletedProcess:
    """make's way to a new environment with such a Python, up to where it would be made."""
    shim = tmp_path / "python"
    shim.write_text(
        SHIM.format(python=sys.executable, system=system, machine=machine, version=version)
    )
    shim.chmod(0o755)
    call = ["make", f"PYTHON={shim}", f"VENV={tmp_path}/venv", f"{tmp_path}/venv/bin/python"]
    return subprocess.run(call, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("system", "machine", "version", "words"),
    [
        ("Darwin", "x86_64", (3, 12), "is for Intel Macs, and PyPI has no PyTorch"),
        ("Linux", "x86_64", (3, 10), "Python 3.11 or newer is needed"),
    ],
)
def test_a_python_that_cannot_do_it_is_refused(tmp_path, system, machine, version, words):
    found = run(tmp_path, system, machine, version)
    assert found.returncode == 2 and words in found.stderr


@pytest.mark.parametrize(("system", "machine"), [("Darwin", "arm64"), ("Linux", "x86_64")])
def test_a_python_that_can_goes_on_to_make_the_environment(tmp_path, system, machine):
    found = run(tmp_path, system, machine, (3, 12))
    assert "-m venv" in found.stdout and "Error 7" in found.stderr
