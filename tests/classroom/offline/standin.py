"""Wheels that stand in for the packages the tutorial needs, so that a bundle is built in seconds.

Each has the name and the version of a package of this environment, and no code. One of them leads
Python to this environment's packages, so that what is installed from them works.
"""

from __future__ import annotations

import re
import site
import sysconfig
import zipfile
from collections.abc import Sequence
from importlib.metadata import requires, version
from pathlib import Path

from packaging.requirements import Requirement

from promptad_tutorial.commands.environment import DISTRIBUTION


def needed() -> list[str]:
    """The names of the packages that the tutorial's package asks for."""
    found = [Requirement(line) for line in requires(DISTRIBUTION) or []]
    return [r.name for r in found if r.marker is None or r.marker.evaluate({"extra": ""})]


def write_wheel(
    folder: Path,
    name: str,
    number: str,
    requirements: Sequence[str] = (),
    files: dict[str, str] | None = None,
) -> Path:
    """A wheel without code; `files` are added to it."""
    safe = re.sub(r"[-_.]+", "_", name)
    info = f"{safe}-{number}.dist-info"
    asked = "".join(f"Requires-Dist: {line}\n" for line in requirements)
    contents = (files or {}) | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n{asked}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    path = folder / f"{safe}-{number}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for place, text in contents.items():
            wheel.writestr(place, text)
        wheel.writestr(f"{info}/RECORD", "".join(f"{p},,\n" for p in [*contents, f"{info}/RECORD"]))
    return path


def write_standins(folder: Path, more: dict[str, Sequence[str]] | None = None) -> Path:
    """A stand-in for every package; `more` are requirements of some of them, by name."""
    folder.mkdir()
    here = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()}
    for name in needed():
        # a path in a .pth file is added to the modules' places; the files there are not followed
        leads = {"this_environment.pth": "\n".join(sorted(here))} if name == "torch" else None
        number = version(name).partition("+")[0]
        write_wheel(folder, name, number, (more or {}).get(name, ()), leads)
    return folder
