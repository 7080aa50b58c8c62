"""`labs`: points per learner from the notebooks that were handed in."""

from __future__ import annotations

import argparse
from pathlib import Path

from promptad_tutorial.commands.command import Actions, add_command


def add_to(groups: Actions) -> None:
    """Add the command `labs` to the command line."""
    labs = add_command(groups, "labs", run_labs, "mark the notebooks that a class handed in")
    labs.add_argument(
        "--answers", type=Path, required=True, help="a folder with one folder for each learner"
    )
    labs.add_argument("--out", type=Path, default=Path("runs/scores.csv"), help="the table, a .csv")
    labs.add_argument(
        "--released",
        type=Path,
        help="the learner's notebooks as given out; those of the tutorial by default",
    )
    labs.add_argument("--jobs", type=int, default=-1, help="processes; -1 for all cores")


def run_labs(arguments: argparse.Namespace) -> str:
    """Write the table; each learner's code runs in processes of its own."""
    from promptad_classroom.marking.table import score_table
    from promptad_tutorial.files.carried import carried
    from promptad_tutorial.files.listing import existing_folder
    from promptad_tutorial.files.writing import write_table

    folder = existing_folder(arguments.answers, "the learners' folders")
    released = arguments.released or carried("notebooks/learner")
    if released is None:
        raise FileNotFoundError(
            "the learner's notebooks as given out were not found beside the package or in a folder "
            "above this one: name their folder with --released"
        )
    table = score_table(folder, released, arguments.jobs)
    write_table(arguments.out, table)
    noted = int((table["notes"] != "").sum())
    return (
        f"{len(table)} learners, {table['points'].mean():.1f} of {table['of'].iloc[0]} points on "
        f"average{f'; {noted} with notes' if noted else ''}; {arguments.out}"
    )
