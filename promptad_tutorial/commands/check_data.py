"""`check-data`: everything wrong with a dataset's folder at once, one line each."""

from __future__ import annotations

import argparse

from promptad_tutorial.commands.command import Result
from promptad_tutorial.datasets.checks import check_dataset


def run(arguments: argparse.Namespace) -> Result:
    """One line for every finding and one that counts them; exit code 1 if there are faults."""
    a = arguments
    findings, seen = check_dataset(a.root, a.layout, a.min_side, a.jobs)
    faults = len(findings.faults)
    lines = len({one.line for one in seen})
    total = (
        f"{faults} faults, {len(findings.all) - faults} notes; {len(seen)} pictures of {lines} "
        f"product lines in {a.root}"
    )
    return Result("\n".join([*map(str, findings.all), total]), int(faults > 0))
