"""`thresholds`: false alarms and found defects of a threshold from normal images alone."""

from __future__ import annotations

import argparse
from pathlib import Path

from promptad_tutorial.commands.command import Actions, add_command, backbone_loader
from workshop.commands.inputs import add_inputs, chosen_data


def add_to(groups: Actions) -> None:
    """Add the command `thresholds` to the command line."""
    table = add_command(groups, "thresholds", run_thresholds, "measure the yes/no threshold")
    table.add_argument(
        "--shots", nargs="+", type=int, default=[1, 2, 4, 9], help="numbers of shots"
    )
    table.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="of the draws")
    table.add_argument("--rate", type=float, default=0.1, help="false alarms asked for, 0 to 1")
    add_inputs(table, lines=True)
    table.add_argument("--jobs", type=int, default=-1, help="processes; -1 for all cores")
    table.add_argument(
        "--out", type=Path, default=Path("results/told/thresholds.csv"), help="a .csv file"
    )


def run_thresholds(arguments: argparse.Namespace) -> str:
    """Write the table; returns the means over lines and seeds at each number of shots."""
    from workshop.results.threshold_table import threshold_table

    data = chosen_data(arguments)
    load = backbone_loader(arguments)
    table = threshold_table(
        load,
        data,
        tuple(arguments.shots),
        tuple(arguments.seeds),
        arguments.rate,
        jobs=arguments.jobs,
    )
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(arguments.out, index=False, float_format="%.4f")
    figures = ["wanted", "false_alarms", "found"]
    means = table.groupby(["method", "shots"], sort=False)[figures].mean()
    told = "; ".join(
        f"{method}, {k} shots: {row.wanted:.0f} % false alarms asked for, {row.false_alarms:.0f} "
        f"% seen, {row.found:.0f} % found"
        for (method, k), row in means.iterrows()
    )
    return f"{told}: {arguments.out}"
