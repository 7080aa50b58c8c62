"""`doctor`: is this computer ready for the notebooks? Every look has the one thing to do."""

from __future__ import annotations

import argparse
import json
import platform

from promptad_tutorial.commands import computer
from promptad_tutorial.commands import environment as env
from promptad_tutorial.commands.command import Actions, Result, add_command
from promptad_tutorial.commands.environment import Look, Report
from promptad_tutorial.files.provenance import versions


def add_to(groups: Actions) -> None:
    """Add the command `doctor` to the command line."""
    doctor = add_command(groups, "doctor", run_doctor, "is this computer ready? what to fix if not")
    doctor.add_argument("--json", action="store_true", help="one line of JSON, for a room of many")


def run_doctor(arguments: argparse.Namespace) -> Result:
    """Look at everything; the exit code is 0 if all is well, else 1."""
    report = env.examine(LOOKS)
    failed = sum(not check.passed for check in report.checks)
    verdict = f"not ready: {failed} of {len(report.checks)} to fix" if failed else "ready"
    said = to_json(report) if arguments.json else f"{report!r}\n{verdict}"
    return Result(said, int(not report.passed))


def to_json(report: Report) -> str:
    """One line of JSON, so that the lines of thirty computers make one table."""
    checks = [
        {"name": check.name, "passed": check.passed, "found": check.what, "remedy": check.remedy}
        for check in report.checks
    ]
    machine = {"computer": platform.node(), "system": platform.platform()}
    return json.dumps({**machine, "ready": report.passed, "versions": versions(), "checks": checks})


def _python() -> str:
    return f"{env.find_python()}: {platform.python_version()}"


def _packages() -> str:
    telling = ", ".join(f"{n} {versions()[n]}" for n in ("torch", "open_clip_torch", "numpy"))
    return f"{env.find_packages()}: {telling}"


KERNEL = "python -m ipykernel install --sys-prefix --name python3"
WIDGETS = "pip install --force-reinstall ipywidgets jupyterlab_widgets, and restart JupyterLab"
LOOKS = (
    Look("python", _python, env.GET_PYTHON),
    Look("packages", _packages, env.get_packages),
    Look("torch", computer.torch_computes, "pip install --force-reinstall torch"),
    Look("memory", computer.enough_memory, "close other programs and other notebooks' kernels"),
    Look("disk", computer.enough_disk, "delete files that nobody needs from that disk"),
    Look("weights", env.find_weights, env.GET_WEIGHTS),
    Look("data", env.find_data, env.get_data),
    Look("kernel", computer.kernel_is_this_python, KERNEL),
    Look("widgets", computer.widgets_are_shown, WIDGETS),
    Look("writing", computer.can_write, "work in a folder of your own, below your home"),
    Look("network", computer.network, "none is needed"),
)
