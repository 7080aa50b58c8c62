"""Where a number comes from: the versions of what computed it, to be kept beside every result."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "promptad-tutorial", "torch", "open_clip_torch", "numpy", "scipy", "scikit-learn", "pillow",
)  # fmt: skip


def versions() -> dict[str, str]:
    """The version of Python and of every package that decides results, by name."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # a checkout that is run without being installed
            found[name] = "not installed"
    return found


@cache  # asked for with every row
def commit() -> str:
    """The commit of the checkout that this package runs from, and whether files differ from it."""
    folder = Path(__file__).resolve().parents[1]
    try:
        run = {"cwd": folder, "capture_output": True, "text": True, "timeout": 20, "check": True}
        name = subprocess.run(["git", "rev-parse", "HEAD"], **run).stdout.strip()
        changed = subprocess.run(["git", "status", "--porcelain", "--", "."], **run).stdout
    except (OSError, subprocess.SubprocessError):
        return "not a git checkout"
    return f"{name}{', with changes' if changed.strip() else ''}"
