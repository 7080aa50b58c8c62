"""`minifactory build`, `sheet` and `card`: render the tutorial's pictures."""

from __future__ import annotations

import argparse
from pathlib import Path

from promptad_tutorial.commands.command import Actions, add_command
from workshop.commands.group import add_group


def add_to(groups: Actions) -> None:
    """Add the group `minifactory` to the command line."""
    actions = add_group(groups, "minifactory", "render the tutorial's pictures")
    build = add_command(actions, "build", run_build, "render the benchmark, MVTec AD's layout")
    build.add_argument("--out", type=Path, default=Path("data/minifactory"), help="a folder")
    build.add_argument("--seed", type=int, default=0, help="another seed: other pieces")
    build.add_argument("--jobs", type=int, default=-1, help="processes; -1 for all cores")
    sheet = add_command(actions, "sheet", run_sheet, "draw every kind with every defect")
    sheet.add_argument("--out", type=Path, required=True, help="the picture to write, a .png")
    sheet.add_argument("--style", type=int, default=0, help="number of the look")
    card = add_command(actions, "card", run_card, "write the data card from manifest and table")
    card.add_argument("--data", type=Path, default=Path("data/minifactory"), help="a folder")
    card.add_argument(
        "--zero-shot", type=Path, default=Path("results/zero_shot.csv"), help="of `zero-shot`"
    )


def run_build(arguments: argparse.Namespace) -> str:
    """Render the benchmark; raises FileExistsError where it is there already."""
    from workshop.minifactory.build import BuildPlan, build_benchmark

    if arguments.seed < 0:
        raise ValueError(f"--seed must be 0 or more, got {arguments.seed}")
    folder = build_benchmark(arguments.out, BuildPlan(arguments.seed), jobs=arguments.jobs)
    pictures = sum(1 for _ in folder.rglob("*.jpg"))
    return f"{pictures} pictures in {folder}"


def run_sheet(arguments: argparse.Namespace) -> str:
    """Draw one picture of every kind with every defect."""
    if arguments.out.suffix.lower() != ".png":
        raise ValueError(f"--out must be a .png file, got {arguments.out}")
    from workshop.minifactory.contact_sheet import contact_sheet

    sheet = contact_sheet(style=arguments.style)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(arguments.out)
    return f"{sheet.width} x {sheet.height} pixels in {arguments.out}"


def run_card(arguments: argparse.Namespace) -> str:
    """Write the data card, README.md of the benchmark's folder."""
    from workshop.minifactory.data_card import write_data_card

    return f"data card in {write_data_card(arguments.data, arguments.zero_shot)}"
