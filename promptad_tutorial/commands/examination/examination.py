"""The examination: every look by name, each with the one thing to do where it fails."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from promptad_tutorial.commands import environment
from promptad_tutorial.commands.environment import Check, Report
from promptad_tutorial.commands.examination import jupyter, machine
from promptad_tutorial.files.provenance import versions


@dataclass(frozen=True)
class Look:
    """One thing to look at."""

    name: str  # as JSON calls it
    find: Callable[[], str]  # returns what was found, raises an error that says what is wrong
    remedy: str | Callable[[], str]  # the one thing to do then


def _python() -> str:
    return f"{environment._python()}: {platform.python_version()}"


def _packages() -> str:
    found = environment._packages()
    telling = ("torch", "open_clip_torch", "numpy")
    return f"{found}: {', '.join(f'{name} {versions()[name]}' for name in telling)}"


def _pictures() -> str:
    # imported here: without torch or numpy this one look fails, and the others still tell why
    from promptad_tutorial.commands.examination.pictures import pictures_are_complete

    return pictures_are_complete()


def _mend_data() -> str:
    if os.environ.get("PROMPTAD_DATA"):
        return "correct PROMPTAD_DATA"
    return "git checkout -- data/minifactory, and start the notebooks from that checkout"


def _here(look: Callable[[Path], str]) -> Callable[[], str]:
    return lambda: look(Path.cwd())


LOOKS = (
    Look("python", _python, "install Python 3.11 or newer, and run make lab again"),
    Look("packages", _packages, "run make lab again, or pip install -e ."),
    Look("torch", machine.torch_computes, "pip install --force-reinstall torch"),
    Look("memory", machine.enough_memory, "close other programs and other notebooks' kernels"),
    Look("disk", _here(machine.enough_disk), "delete files that nobody needs from that disk"),
    Look("weights", environment._weights, "git checkout -- workshop/pretraining"),
    Look("data", _pictures, _mend_data),
    Look(
        "kernel",
        jupyter.kernel_is_this_python,
        "python -m ipykernel install --sys-prefix --name python3",
    ),
    Look(
        "widgets",
        jupyter.widgets_are_shown,
        "pip install --force-reinstall ipywidgets jupyterlab_widgets, and restart JupyterLab",
    ),
    Look("writing", _here(machine.can_write), "work in a folder of your own, below your home"),
    Look("network", machine.network, "none is needed"),
)


@dataclass(frozen=True)
class Diagnosis:
    """What the doctor found on one computer."""

    names: tuple[str, ...]
    report: Report  # one check for each name

    @property
    def passed(self) -> bool:
        """Whether nothing needs a remedy."""
        return self.report.passed

    def __repr__(self) -> str:
        failed = sum(not check.passed for check in self.report.checks)
        verdict = "ready" if self.passed else f"not ready: {failed} of {len(self.names)} to fix"
        return f"{self.report!r}\n{verdict}"

    def to_json(self) -> str:
        """One line of JSON, so that the lines of thirty computers make one table."""
        found = {
            "computer": platform.node(),
            "system": platform.platform(),
            "ready": self.passed,
            "versions": versions(),
            "checks": [
                {"name": name, "passed": c.passed, "found": c.what, "remedy": c.remedy}
                for name, c in zip(self.names, self.report.checks, strict=True)
            ],
        }
        return json.dumps(found)


def examine_computer(looks: tuple[Look, ...] = LOOKS) -> Diagnosis:
    """Look at everything. Never raises: what fails is reported, with one remedy."""
    checks = tuple(map(_examined, looks))
    return Diagnosis(tuple(look.name for look in looks), Report(checks))


def _examined(look: Look) -> Check:
    try:
        return Check(True, _one_line(look.find()))
    except (RuntimeError, ValueError, OSError, ImportError) as error:
        found = str(error)
    except Exception as error:  # a broken installation fails in its own way: report that, too
        found = f"{type(error).__name__}: {error}"
    remedy = look.remedy if isinstance(look.remedy, str) else look.remedy()
    return Check(False, _one_line(found), remedy)


def _one_line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")
