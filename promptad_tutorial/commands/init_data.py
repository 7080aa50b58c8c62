"""`init-data`: own pictures in the layout of MVTec AD, copied, split and checked."""

from __future__ import annotations

import argparse

from promptad_tutorial.datasets.own.plan import plan_layout
from promptad_tutorial.datasets.own.writing import check_place, lay_out
from promptad_tutorial.datasets.samples import GOOD
from promptad_tutorial.files.listing import shorten


def run(arguments: argparse.Namespace) -> str:
    """Plan, look at every file, write; returns what was laid out where."""
    a = arguments
    check_place(a.out, a.name)
    plan = plan_layout(a.good, a.bad, a.masks, a.test_good, a.seed, a.jobs)
    folder = lay_out(plan, a.out, a.name, a.seed, a.link)
    bad = ", ".join(f"{n} {defect}" for defect, n in plan.tested.items() if defect != GOOD)
    masks = f"{plan.masks} masks" if plan.masks else "no masks (image scores only)"
    copies = f"; {len(plan.copies)} copies of good pictures left out" if plan.copies else ""
    if plan.others:
        names = shorten([path.name for path in plan.others], 3)
        others = f"{len(plan.others)} files left out that are no pictures by their suffix"
        copies += f"; {others} ({names})"
    return (
        f"{a.name}: {plan.learnt} good pictures to learn from; to test {plan.tested.get(GOOD, 0)} "
        f"good, {bad or 'none bad'}, {masks}{copies}; seed {a.seed}: {folder}"
    )
