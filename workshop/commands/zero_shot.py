"""`zero-shot`: the zero-shot figures of every product line of a dataset."""

from __future__ import annotations

import argparse
from pathlib import Path

from promptad_tutorial.commands.command import Actions, add_command, backbone_loader
from workshop.commands.inputs import add_inputs, chosen_data


def add_to(groups: Actions) -> None:
    """Add the command `zero-shot` to the command line."""
    table = add_command(
        groups, "zero-shot", run_zero_shot, "zero-shot figures of every product line"
    )
    add_inputs(table)
    table.add_argument(
        "--out", type=Path, default=Path("results/zero_shot.csv"), help="a .csv file"
    )


def run_zero_shot(arguments: argparse.Namespace) -> str:
    """Write the table as CSV, with the backbone's label and checksum in every row."""
    from workshop.results.zero_shot_table import zero_shot_table

    data = chosen_data(arguments)
    backbone = backbone_loader(arguments)()
    table = zero_shot_table(backbone, data)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(arguments.out, index=False, float_format="%.2f")
    mean = table.iloc[-1]
    pixel = "not available (no masks)"
    if mean.pixel_auroc == mean.pixel_auroc:  # not NaN
        pixel = f"{mean.pixel_auroc:.1f} %"
    return (
        f"mean image AUROC {mean.image_auroc:.1f} %, pixel AUROC {pixel}, "
        f"{backbone.label}: {arguments.out}"
    )
