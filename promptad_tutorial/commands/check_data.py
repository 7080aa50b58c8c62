"""`check-data`: everything wrong with a dataset's folder at once, one line each."""

from __future__ import annotations

import argparse
from pathlib import Path

from promptad_tutorial.commands.command import Actions, Result, add_command


def add_to(groups: Actions) -> None:
    """Add the command `check-data` to the command line."""
    check = add_command(groups, "check-data", run_check_data, "what is wrong with a dataset?")
    check.epilog = (
        "[fix] is a fault, [note] is worth knowing; exit code: 0 no faults, 1 faults, 2 a mistake "
        "in the call. Nothing is changed."
    )
    check.add_argument("--root", type=Path, required=True, help="the dataset's folder")
    check.add_argument(
        "--layout",
        choices=("mvtec", "visa", "folder", "kolektor", "realiad"),
        help="recognised if left out",
    )
    check.add_argument("--min-side", type=int, default=64, help="pixels; smaller is a fault")
    check.add_argument("--jobs", type=int, default=-1, help="threads; -1 for all cores")


def run_check_data(arguments: argparse.Namespace) -> Result:
    """One line for every finding and one that counts them; exit code 1 if there are faults."""
    from promptad_tutorial.datasets.checks import check_dataset

    findings, seen = check_dataset(
        arguments.root, arguments.layout, arguments.min_side, arguments.jobs
    )
    faults = len(findings.faults)
    lines = len({one.line for one in seen})
    total = (
        f"{faults} faults, {len(findings.all) - faults} notes; {len(seen)} pictures of {lines} "
        f"product lines in {arguments.root}"
    )
    return Result("\n".join([*map(str, findings.all), total]), int(faults > 0))
