"""`doctor`: is this computer ready for the notebooks? Every look has the one thing to do."""

from __future__ import annotations

import argparse
import json
import platform

from promptad_tutorial.commands import computer
from promptad_tutorial.commands.command import Result
from promptad_tutorial.commands.environment import ESSENTIAL, Look, Report, examine
from promptad_tutorial.files.provenance import versions

PYTHON, PACKAGES, WEIGHTS, DATA = ESSENTIAL


def run(arguments: argparse.Namespace) -> Result:
    """Look at everything; the exit code is 0 if all is well, else 1."""
    report = examine(LOOKS)
    failed = sum(not check.passed for check in report)
    verdict = f"not ready: {failed} of {len(report)} to fix" if failed else "ready"
    said = to_json(report) if arguments.json else f"{report!r}\n{verdict}"
    return Result(said, int(not report.passed))


def to_json(report: Report) -> str:
    """One line of JSON, so that the lines of thirty computers make one table."""
    told = {
        "computer": platform.node(),
        "system": platform.platform(),
        "ready": report.passed,
        "versions": versions(),
        "checks": [
            {"name": one.name, "passed": one.passed, "found": one.what, "remedy": one.remedy}
            for one in report
        ],
    }
    return json.dumps(told)


def _packages() -> str:
    telling = ", ".join(f"{n} {versions()[n]}" for n in ("torch", "open_clip_torch", "numpy"))
    return f"{PACKAGES.find()}: {telling}"


KERNEL = "python -m ipykernel install --sys-prefix --name python3"
WIDGETS = "pip install --force-reinstall ipywidgets jupyterlab_widgets, and restart JupyterLab"
LOOKS = (
    PYTHON._replace(find=lambda: f"{PYTHON.find()}: {platform.python_version()}"),
    PACKAGES._replace(find=_packages),
    Look("torch", computer.torch_computes, "pip install --force-reinstall torch"),
    Look("memory", computer.enough_memory, "close other programs and other notebooks' kernels"),
    Look("disk", computer.enough_disk, "delete files that nobody needs from that disk"),
    WEIGHTS,
    DATA,
    Look("kernel", computer.kernel_is_this_python, KERNEL),
    Look("widgets", computer.widgets_are_shown, WIDGETS),
    Look("writing", computer.can_write, "work in a folder of your own, below your home"),
    Look("network", computer.network, "none is needed"),
)
