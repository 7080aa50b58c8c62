"""The laptops that a bundle is for: their system, and the wheels that fit them."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass

from packaging.tags import mac_platforms

OLDEST_PYTHON = (3, 11)
NEWEST_GLIBC = 28  # of manylinux_2_28, which torch's wheels for Linux ask for


@dataclass(frozen=True)
class Target:
    """A kind of computer and the version of its Python."""

    system: str  # as platform.system() says it there
    machine: str  # as platform.machine() says it there, in lower case
    python: str  # "3.11"
    uv_name: str  # as `uv pip compile --python-platform` calls it
    tags: tuple[str, ...]  # platform tags of the wheels that fit, best first


def _manylinux(machine: str) -> tuple[str, ...]:
    new = [f"manylinux_2_{minor}_{machine}" for minor in range(NEWEST_GLIBC, 16, -1)]
    old = [f"manylinux2014_{machine}"]
    if machine == "x86_64":
        old += [f"manylinux_2_12_{machine}", f"manylinux2010_{machine}"]
        old += [f"manylinux_2_5_{machine}", f"manylinux1_{machine}"]
    return (*new, *old)


INTEL_MAC = ("Darwin", "x86_64")
NO_INTEL_MACS = (
    "PyTorch has published nothing for Intel Macs since 2.2, so no folder can be built for them"
)
KINDS: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "linux": ("Linux", "x86_64", "x86_64-manylinux_2_28", _manylinux("x86_64")),
    "linux-arm": ("Linux", "aarch64", "aarch64-manylinux_2_28", _manylinux("aarch64")),
    "macos-arm": (
        "Darwin", "arm64", "aarch64-apple-darwin", tuple(mac_platforms((14, 0), "arm64")),
    ),
    "windows": ("Windows", "amd64", "x86_64-pc-windows-msvc", ("win_amd64",)),
}  # fmt: skip


def this_python() -> str:
    """The version of the running Python as "3.11"."""
    return "{}.{}".format(*sys.version_info[:2])


def choose_target(kind: str | None = None, python: str | None = None) -> Target | None:
    """The laptops called `kind` (of KINDS) with this version of Python.

    None means a computer like this one, for which pip itself knows what fits. Raises ValueError
    for an unknown kind or a Python that is too old or no version.
    """
    version = python or this_python()
    numbers = version.split(".")
    if len(numbers) != 2 or not all(n.isdecimal() for n in numbers):
        raise ValueError(f"expected a Python version as 3.12, found {version!r}")
    if tuple(map(int, numbers)) < OLDEST_PYTHON:
        raise ValueError(f"expected Python 3.11 or newer, found {version}")
    here = (platform.system(), platform.machine().lower())
    if kind is None and here == INTEL_MAC:
        raise ValueError(f"{NO_INTEL_MACS}: name others by --platform, {', '.join(KINDS)}")
    if kind is None and version == this_python():
        return None
    if kind is None:
        kind = _this_kind()
    if kind not in KINDS:
        why = f". {NO_INTEL_MACS}" if kind.casefold().startswith(("mac", "darwin", "osx")) else ""
        raise ValueError(f"expected a platform of {', '.join(KINDS)}; found {kind!r}{why}")
    system, machine, uv_name, tags = KINDS[kind]
    return Target(system, machine, version, uv_name, tags)


def _this_kind() -> str:
    here = (platform.system(), platform.machine().lower())
    for name, (system, machine, *_) in KINDS.items():
        if (system, machine) == here:
            return name
    raise ValueError(
        f"expected --platform, one of {', '.join(KINDS)}: {here[0]} on {here[1]} is none of them"
    )
