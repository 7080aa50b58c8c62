"""`doctor`: is this computer ready for the notebooks?"""

from __future__ import annotations

import argparse

from promptad_tutorial.commands.command import Actions, Result, add_command


def add_to(groups: Actions) -> None:
    """Add the command `doctor` to the command line."""
    doctor = add_command(groups, "doctor", run_doctor, "is this computer ready? what to fix if not")
    doctor.add_argument("--json", action="store_true", help="one line of JSON, for a room of many")


def run_doctor(arguments: argparse.Namespace) -> Result:
    """Look at everything; the exit code is 0 if all is well, else 1."""
    from promptad_tutorial.commands.examination import examine_computer

    found = examine_computer()
    return Result(found.to_json() if arguments.json else repr(found), int(not found.passed))
