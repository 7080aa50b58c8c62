"""Where a number comes from: the versions of what computed it, to be kept beside every result."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    "promptad-tutorial", "torch", "open_clip_torch", "numpy", "scipy", "scikit-learn", "pillow",
)  # fmt: skip


def versions() -> dict[str, str]:
    """The version of Python and of every package that decides results, by name."""
    return {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # a checkout that is run without being installed
        return "not installed"
