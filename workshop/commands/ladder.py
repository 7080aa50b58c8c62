"""`ladder`: what each step of the method is worth, measured over lines, shots and seeds."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from promptad_tutorial.commands.command import Actions, add_command, backbone_loader
from workshop.commands.inputs import add_inputs, chosen_data

DEFAULTS = {  # set -> (shots, seeds)
    "ladder": ((1, 2, 4, 8), (0, 1, 2, 3, 4)),
    "traps": ((4,), (0, 1, 2)),
    "sweeps": ((4,), (0, 1, 2)),
    "readings": ((1, 4), (0, 1, 2)),
}
PAIRS = [
    ("CoOp, pull only", "zero-shot"),
    ("CoOp, two-class", "zero-shot"),
    ("SC, manual", "CoOp, two-class"),
    ("SC, learnt", "CoOp, two-class"),
    ("SC", "CoOp, two-class"),
    ("SC", "zero-shot"),
    ("SC + EAM", "SC"),
    ("SC + EAM + alignment", "SC + EAM"),
    ("PromptAD", "SC + EAM + alignment"),
    ("PromptAD", "memory"),
    ("PromptAD", "zero-shot"),
    ("PromptAD", "WinCLIP+"),
    ("WinCLIP+", "WinCLIP"),
]


def add_to(groups: Actions) -> None:
    """Add the command `ladder` to the command line."""
    ladder = add_command(groups, "ladder", run_ladder, "measure what each step is worth")
    ladder.add_argument(
        "--set", choices=tuple(DEFAULTS), default="ladder", help="which methods are compared"
    )
    ladder.add_argument("--methods", nargs="+", help="only these of the set")
    ladder.add_argument("--shots", nargs="+", type=int, help="numbers of shots")
    ladder.add_argument("--seeds", nargs="+", type=int, help="of the draw and of the prompts")
    ladder.add_argument("--map-size", type=int, default=120, help="pixels a side of the maps")
    add_inputs(ladder, lines=True)
    ladder.add_argument("--jobs", type=int, default=-1, help="processes; -1 for all cores")
    ladder.add_argument("--runs", type=Path, help="unfinished work; runs/<set> by default")
    ladder.add_argument("--out", type=Path, default=Path("results/told"), help="a folder")


def run_ladder(arguments: argparse.Namespace) -> str:
    """Compare, then write <set>.csv, <set>_summary.csv, <set>_paired.csv and <set>.json."""
    from promptad_tutorial.benchmark import methods, report
    from promptad_tutorial.files.provenance import versions
    from workshop.results import comparison, sets

    name = arguments.set
    shots, seeds = DEFAULTS[name]
    found = sets.SETS[name]()
    if arguments.methods:
        found = methods.chosen(found, arguments.methods)
    plan = comparison.Plan(
        found,
        tuple(arguments.shots or shots),
        tuple(arguments.seeds or seeds),
        arguments.map_size,
    )
    data = chosen_data(arguments)
    load = backbone_loader(arguments)
    parts = arguments.runs or Path("runs") / name
    table = comparison.compare(plan, load, data, parts, arguments.jobs)
    arguments.out.mkdir(parents=True, exist_ok=True)
    table.to_csv(arguments.out / f"{name}.csv", index=False, float_format="%.4f")
    means = report.summary(table)
    means.to_csv(arguments.out / f"{name}_summary.csv", index=False, float_format="%.2f")
    there = set(table["method"])
    pairs = [pair for pair in PAIRS if set(pair) <= there]
    if name == "readings":
        pairs = [(m, m.partition(",")[0]) for m in dict.fromkeys(table["method"]) if "," in m]
    elif name != "ladder":
        pairs = [
            (method, "paper") for method in dict.fromkeys(table["method"]) if method != "paper"
        ]
        pairs = pairs if "paper" in there else []
    if pairs:
        paired = report.paired_table(table, pairs)
        paired.to_csv(arguments.out / f"{name}_paired.csv", index=False, float_format="%.2f")
    note = {
        "command": arguments.command,
        "backbone": table["backbone"].iloc[0],
        "checksum": table["checksum"].iloc[0],
        "versions": versions(),
    }
    (arguments.out / f"{name}.json").write_text(json.dumps(note, indent=1) + "\n")
    lacking = means["pixel_auroc_mean"].isna().any()
    best = means.loc[means["image_auroc_mean"].idxmax()]
    return (
        f"{len(table)} rows in {arguments.out / name}.csv; highest mean image AUROC: "
        f"{best['method']} at {best['shots']} shots, {best['image_auroc_mean']:.1f} %"
        f"{'; pixel level not available: masks are missing' if lacking else ''}"
    )
