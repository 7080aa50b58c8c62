"""Is this computer ready? Four checks, each with one remedy; `doctor` adds more of them."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from typing import NamedTuple

DISTRIBUTION = "promptad-tutorial"
OLDEST_PYTHON = (3, 11)
TOO_OLD = ("1.", "2.0.", "2.1.", "2.2.", "2.3.")  # of torch


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    passed: bool
    what: str  # what was found, or what is wrong
    remedy: str = ""  # the one thing to do
    name: str = ""  # as JSON calls it

    def __repr__(self) -> str:
        return f"[ok]  {self.what}" if self.passed else f"[fix] {self.what}: {self.remedy}"


class Report(tuple[Check, ...]):
    """All checks, one per line."""

    @property
    def passed(self) -> bool:
        """Whether nothing needs a remedy."""
        return all(check.passed for check in self)

    def __repr__(self) -> str:
        return "\n".join(map(repr, self))


class Look(NamedTuple):
    """One thing to look at."""

    name: str
    find: Callable[[], str]  # returns what was found, raises an error that says what is wrong
    remedy: str | Callable[[], str]  # the one thing to do then

    def check(self) -> Check:
        """What was found. Never raises: a broken installation fails in its own way."""
        try:
            return Check(True, " ".join(self.find().split()), name=self.name)
        except ModuleNotFoundError as error:
            found, remedy = str(error), get_packages()
        except Exception as error:
            usual = isinstance(error, RuntimeError | ValueError | OSError | ImportError)
            found = str(error) if usual else f"{type(error).__name__}: {error}"
            remedy = self.remedy if isinstance(self.remedy, str) else self.remedy()
        return Check(False, " ".join(found.split()).rstrip("."), remedy, self.name)


def examine(looks: Iterable[Look]) -> Report:
    """Look at everything. Never raises: what fails is reported, with its remedy."""
    return Report(look.check() for look in looks)


def check_environment() -> Report:
    """Python, packages, TinyCLIP's weights and the data. Never raises: what fails is reported."""
    return examine(ESSENTIAL)


def find_python() -> str:
    """Python is new enough. RuntimeError if not."""
    if tuple(sys.version_info) < OLDEST_PYTHON:
        raise RuntimeError(f"expected Python 3.11 or newer, found {sys.version.split()[0]}")
    return "Python is new enough"


def find_packages() -> str:
    """Every package that this one asks for is there and new enough. RuntimeError if not."""
    from packaging.requirements import Requirement  # one of the packages that may be missing

    if not installed(DISTRIBUTION):
        raise RuntimeError(f"{DISTRIBUTION} is not installed in this kernel")
    wrong = []
    for one in map(Requirement, requires(DISTRIBUTION) or []):
        found = installed(one.name)
        asked = one.marker is None or one.marker.evaluate({"extra": ""})
        if asked and not (found and one.specifier.contains(found, prereleases=True)):
            wrong.append(f"{one.name}{one.specifier} (found {found or 'nothing'})")
    if wrong:
        raise RuntimeError(f"packages are missing or too old: {', '.join(wrong)}")
    return "every package is there and new enough"


def installed(name: str) -> str:
    """The version of a package; empty where it is missing."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def get_packages() -> str:
    """The remedy; where it would fail after minutes of waiting, what to do instead."""
    intel_mac = (platform.system(), platform.machine()) == ("Darwin", "x86_64")
    if intel_mac and (installed("torch") or "1.").startswith(TOO_OLD):
        return (
            "PyTorch has published nothing for Intel Macs since 2.2: on a Mac with Apple silicon "
            "install a Python for arm64, else take another computer"
        )
    return "run make lab again, or pip install -e ."


def find_weights() -> str:
    """TinyCLIP's weights load. Raises what loading raises."""
    from promptad_tutorial.clip import tinyclip

    tinyclip.load_tiny()
    return "TinyCLIP's weights are complete (checksum agrees) and load"


def find_data() -> str:
    """The dataset in use opens; the minifactory's has every file. Raises what opening raises."""
    from promptad_tutorial.datasets import dataset_from_environment
    from promptad_tutorial.datasets.complete import check_complete

    dataset = dataset_from_environment()
    check_complete(dataset.root)
    lines = [dataset.load(name) for name in dataset.product_lines]
    pictures = sum(len(line.train) + len(line.test) for line in lines)
    return f"the data are there: {len(lines)} product lines, {pictures} pictures"


def get_data() -> str:
    """The remedy, for one's own data or the tutorial's."""
    if os.environ.get("PROMPTAD_DATA"):
        return "correct PROMPTAD_DATA"
    return "git checkout -- data/minifactory, and start the notebooks from that checkout"


GET_WEIGHTS = "git checkout -- promptad_tutorial/clip/tinyclip, or install the package again"
ESSENTIAL = (
    Look("python", find_python, "install Python 3.11 or newer, and run make lab again"),
    Look("packages", find_packages, get_packages),
    Look("weights", find_weights, GET_WEIGHTS),
    Look("data", find_data, get_data),
)
