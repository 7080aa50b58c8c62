"""Is this computer ready? A few checks, each with one remedy."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version

DISTRIBUTION = "promptad-tutorial"
OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    passed: bool
    what: str  # what was found, or what is wrong
    remedy: str = ""  # the one thing to do

    def __repr__(self) -> str:
        return f"[ok]  {self.what}" if self.passed else f"[fix] {self.what}: {self.remedy}"


@dataclass(frozen=True)
class Report:
    """All checks, one a line."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.checks))


def check_environment() -> Report:
    """Python, packages, TinyCLIP's weights and the data. Never raises: what fails is reported."""
    looks: tuple[tuple[Callable[[], str], str], ...] = (
        (_python, "install Python 3.11 or newer and run make lab again"),
        (_packages, "run make lab again, or pip install -e ."),
        (_weights, "get the package again: its weights file is missing or damaged"),
        (_data, "run from a checkout of the repository, or correct PROMPTAD_DATA"),
    )
    checks = []
    for look, remedy in looks:
        try:
            checks.append(Check(True, look()))
        except (RuntimeError, ValueError, OSError, ImportError) as error:
            checks.append(Check(False, str(error), remedy))
    return Report(tuple(checks))


def _python() -> str:
    if tuple(sys.version_info) < OLDEST_PYTHON:
        raise RuntimeError(f"expected Python 3.11 or newer, found {sys.version.split()[0]}")
    return "Python is new enough"


def _packages() -> str:
    from packaging.requirements import Requirement  # one of the packages that may be missing

    try:
        wanted = [Requirement(line) for line in requires(DISTRIBUTION) or []]
    except PackageNotFoundError as error:
        raise RuntimeError(f"{DISTRIBUTION} is not installed in this kernel") from error
    wanted = [r for r in wanted if r.marker is None or r.marker.evaluate({"extra": ""})]
    wrong = []
    for requirement in wanted:
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            found = "nothing"
        if found == "nothing" or not requirement.specifier.contains(found, prereleases=True):
            wrong.append(f"{requirement.name}{requirement.specifier} (found {found})")
    if wrong:
        raise RuntimeError(f"packages are missing or too old: {', '.join(wrong)}")
    return "every package is there and new enough"


def _weights() -> str:
    from promptad_tutorial.clip import tinyclip

    tinyclip.load_tiny()
    return "TinyCLIP's weights are complete (checksum agrees) and load"


def _data() -> str:
    from promptad_tutorial.datasets import dataset_from_environment

    dataset = dataset_from_environment()
    lines = [dataset.load(name) for name in dataset.product_lines]
    pictures = sum(len(line.train) + len(line.test) for line in lines)
    return f"the data are there: {len(lines)} product lines, {pictures} pictures"
