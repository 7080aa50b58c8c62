"""`zero-shot`: the zero-shot figures of every product line of a dataset."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from promptad_tutorial.commands.command import Actions, add_command


def add_to(groups: Actions) -> None:
    """Add the command `zero-shot` to the command line."""
    table = add_command(
        groups, "zero-shot", run_zero_shot, "zero-shot figures of every product line"
    )
    table.add_argument("--backbone", help="tiny, MODEL:TAG or MODEL:FILE; else $PROMPTAD_BACKBONE")
    table.add_argument("--data", type=Path, help="a dataset's folder; else $PROMPTAD_DATA")
    table.add_argument(
        "--out", type=Path, default=Path("results/zero_shot.csv"), help="a .csv file"
    )


def run_zero_shot(arguments: argparse.Namespace) -> str:
    """Write the table as CSV, with the backbone's label and checksum in every row."""
    from promptad_tutorial.backbone import backbone_from_environment
    from promptad_tutorial.benchmark.zero_shot_table import zero_shot_table
    from promptad_tutorial.datasets import dataset_from_environment, open_dataset

    data = open_dataset(arguments.data) if arguments.data else dataset_from_environment()
    chosen = {"PROMPTAD_BACKBONE": arguments.backbone} if arguments.backbone else {}
    backbone = backbone_from_environment(dict(os.environ) | chosen)
    table = zero_shot_table(backbone, data)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(arguments.out, index=False, float_format="%.2f")
    mean = table.iloc[-1]
    return (
        f"mean image AUROC {mean.image_auroc:.1f} %, pixel AUROC {mean.pixel_auroc:.1f} %, "
        f"{backbone.label}: {arguments.out}"
    )
