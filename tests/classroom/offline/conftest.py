"""A bundle of stand-ins, built once, and a place without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from promptad_classroom.offline import WheelPlan, build_bundle
from tests.classroom.offline.standin import write_standins

ROOT = Path(__file__).resolve().parents[3]
NAMESPACE = ("unshare", "--map-root-user", "--net")


@pytest.fixture(scope="session")
def standins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_standins(tmp_path_factory.mktemp("standins") / "wheels")


@pytest.fixture(scope="session")
def plan(standins: Path) -> WheelPlan:
    return WheelPlan(no_index=True, find_links=(standins,))


@pytest.fixture(scope="session")
def bundle(plan: WheelPlan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole bundle. Tests that change it take a copy."""
    out = tmp_path_factory.mktemp("a room") / "bundle"  # a space, as laptops have them
    assert build_bundle(ROOT, out, plan).anew
    return out


@pytest.fixture
def copied(bundle: Path, tmp_path: Path) -> Path:
    """A copy that shares the bundle's files: remove before you write."""
    return shutil.copytree(bundle, tmp_path / "laptop", copy_function=os.link)


@pytest.fixture(scope="session")
def without_network() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command in a network namespace without a route. Skipped where none can be made."""
    unshare = shutil.which(NAMESPACE[0])
    allowed = unshare and subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode == 0
    if not allowed:
        pytest.skip("needs a network namespace: `unshare --map-root-user --net` is not permitted")
    script = Path(__file__).with_name("no_route.py")

    def run(*command: object, **options: object) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*NAMESPACE, sys.executable, str(script), *map(str, command)],
            check=False, capture_output=True, text=True, timeout=300, **options,
        )  # fmt: skip
        assert done.returncode != 99, "this namespace has a route"
        return done

    return run
