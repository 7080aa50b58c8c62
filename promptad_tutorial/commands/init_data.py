"""`init-data`: own pictures in the layout of MVTec AD, copied, split and checked."""

from __future__ import annotations

import argparse
from pathlib import Path

from promptad_tutorial.commands.command import Actions, add_command


def add_to(groups: Actions) -> None:
    """Add the command `init-data` to the command line."""
    init = add_command(groups, "init-data", run_init_data, "make a dataset of your own pictures")
    init.epilog = (
        "Every picture is looked at first; if some cannot be used, all of them are named and "
        "nothing is written. Pictures are copied, never moved, and nothing is replaced."
    )
    init.add_argument(
        "--good", type=Path, required=True, help="a folder of good pictures, sub-folders included"
    )
    init.add_argument(
        "--bad", type=Path, help="a folder of bad ones; its sub-folders are the defects' names"
    )
    init.add_argument(
        "--masks", type=Path, help="a folder of masks, called as their pictures (or NAME_mask)"
    )
    init.add_argument("--name", required=True, help="the product, in words: they go into prompts")
    init.add_argument("--out", type=Path, required=True, help="the dataset's folder, new or not")
    init.add_argument(
        "--test-good", type=int, help="good pictures to keep for testing; a fifth by default"
    )
    init.add_argument("--seed", type=int, default=0, help="of the draw of these pictures")
    init.add_argument("--link", action="store_true", help="symbolic links in place of copies")
    init.add_argument("--jobs", type=int, default=-1, help="threads that look; -1 for all cores")


def run_init_data(arguments: argparse.Namespace) -> str:
    """Plan, look at every file, write; returns what was laid out where."""
    from promptad_tutorial.datasets.own.plan import plan_layout
    from promptad_tutorial.datasets.own.writing import check_place, lay_out
    from promptad_tutorial.datasets.samples import GOOD
    from promptad_tutorial.files.listing import shorten

    check_place(arguments.out, arguments.name)
    plan = plan_layout(
        arguments.good,
        arguments.bad,
        arguments.masks,
        arguments.test_good,
        arguments.seed,
        arguments.jobs,
    )
    folder = lay_out(plan, arguments.out, arguments.name, arguments.seed, arguments.link)
    bad = ", ".join(f"{n} {defect}" for defect, n in plan.tested.items() if defect != GOOD)
    masks = f"{plan.masks} masks" if plan.masks else "no masks (image scores only)"
    copies = f"; {len(plan.copies)} copies of good pictures left out" if plan.copies else ""
    if plan.others:
        names = shorten([path.name for path in plan.others], 3)
        copies += (
            f"; {len(plan.others)} files left out that are no pictures by their suffix ({names})"
        )
    return (
        f"{arguments.name}: {plan.learnt} good pictures to learn from; to test "
        f"{plan.tested.get(GOOD, 0)} good, {bad or 'none bad'}, {masks}{copies}; seed "
        f"{arguments.seed}: {folder}"
    )
