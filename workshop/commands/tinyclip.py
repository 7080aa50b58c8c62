"""`tinyclip render`, `train`, `export`, `evaluate` and `card`: make the shipped weights again."""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

from promptad_tutorial.commands.command import Actions, add_command
from workshop.commands.group import add_group


def add_to(groups: Actions) -> None:
    """Add the group `tinyclip` to the command line."""
    actions = add_group(groups, "tinyclip", "train, export and measure TinyCLIP")
    render = add_command(actions, "render", run_render, "render the pretraining pictures")
    render.add_argument("--out", type=Path, help="runs/pretrain, or runs/held_out (--held-out)")
    render.add_argument("--pictures", type=int, help="56000, or 2800 (--held-out)")
    render.add_argument("--found", type=int, help="surfaces cut from photographs: 7000, or 0")
    render.add_argument("--jobs", type=int, default=-1, help="processes; -1 for all cores")
    render.add_argument(
        "--held-out", action="store_true", help="looks and defects that training never sees"
    )
    train = add_command(actions, "train", run_train, "pretrain, or continue a run")
    train.add_argument(
        "--data", type=Path, default=Path("runs/pretrain"), help="what `tinyclip render` made"
    )
    train.add_argument(
        "--run", type=Path, default=Path("runs/tinyclip"), help="checkpoint and log go here"
    )
    train.add_argument("--steps", type=int, help="of the whole run; the recipe's own by default")
    train.add_argument("--seed", type=int, default=0, help="of the weights and the batches")
    export = add_command(actions, "export", run_export, "write a run's weights as the shipped file")
    export.add_argument(
        "--run", type=Path, default=Path("runs/tinyclip"), help="of `tinyclip train`"
    )
    export.add_argument("--out", type=Path, help="by default the package's own file")
    export.add_argument(
        "--results", type=Path, help="also copy the run's recipe and log there, for the card"
    )
    evaluate = add_command(actions, "evaluate", run_evaluate, "measure the shipped weights")
    evaluate.add_argument(
        "--data", type=Path, default=Path("runs/held_out"), help="what `render --held-out` made"
    )
    evaluate.add_argument("--out", type=Path, default=Path("results/tinyclip"), help="a folder")
    card = add_command(actions, "card", run_card, "write the model card from the tables")
    card.add_argument("--results", type=Path, default=Path("results/tinyclip"), help="a folder")
    card.add_argument(
        "--out",
        type=Path,
        default=Path("promptad_tutorial/clip/tinyclip/MODEL_CARD.md"),
        help="a .md file",
    )


def run_render(arguments: argparse.Namespace) -> str:
    """Render the pictures to train on or to measure with; a finished set is left as it is."""
    from workshop.pretraining import render_set as sets

    plan = sets.RenderPlan(pictures=56_000, found=7_000)
    if arguments.held_out:
        first = sets.HELD_OUT_STYLES.start
        plan = sets.RenderPlan(2800, found=0, size=240, first_style=first, held_out_defects=True)
    chosen = {"pictures": arguments.pictures, "found": arguments.found}
    plan = replace(plan, **{name: n for name, n in chosen.items() if n is not None})
    if plan.pictures < 1 or plan.found < 0:
        raise ValueError(
            f"--pictures must be 1 or more and --found 0 or more, got {plan.pictures} and "
            f"{plan.found}"
        )
    folder = arguments.out or Path("runs/held_out" if arguments.held_out else "runs/pretrain")
    total = plan.pictures + plan.found
    if _is_finished(folder, asdict(plan)):
        return f"{total} pictures are in {folder} already"
    sets.render_set(plan, folder, arguments.jobs)
    return f"{total} pictures in {folder}"


def _is_finished(folder: Path, plan: dict[str, object]) -> bool:
    """Whether this very set is there already: a new try after a crash need not render it again."""
    note = folder / "names.json"  # written last
    if not note.exists():
        return False
    if json.loads(note.read_text())["plan"] == plan:
        return True
    raise FileExistsError(f"{folder} holds pictures of another plan: remove it or choose --out")


def run_train(arguments: argparse.Namespace) -> str:
    """Train, or continue a run that was stopped."""
    from workshop.pretraining.recipe import Recipe
    from workshop.pretraining.render_set import RenderSet
    from workshop.pretraining.train import train

    recipe = Recipe(seed=arguments.seed)
    if arguments.steps is not None:
        if arguments.steps < 1:
            raise ValueError(f"--steps must be 1 or more, got {arguments.steps}")
        recipe = recipe.scaled(arguments.steps)
    return f"checkpoint {train(arguments.run, RenderSet.open(arguments.data), recipe)}"


def run_export(arguments: argparse.Namespace) -> str:
    """Write a run's checkpoint as a weights file."""
    from promptad_tutorial.clip.tinyclip.weights import WEIGHTS, checksum
    from workshop.pretraining.export import export

    out = export(arguments.run / "checkpoint.safetensors", arguments.out or WEIGHTS)
    if arguments.results:
        arguments.results.mkdir(parents=True, exist_ok=True)
        for name in ("recipe.json", "log.csv"):
            shutil.copy(arguments.run / name, arguments.results / name)
    return f"{out.stat().st_size / 1e6:.1f} MB in {out}, sha256 {checksum(out)}"


def run_evaluate(arguments: argparse.Namespace) -> str:
    """Measure the shipped weights; writes by_kind.csv, by_defect.csv and summary.json."""
    from promptad_tutorial.clip.loading import load_backbone
    from workshop.pretraining.held_out import held_out_figures, save_figures
    from workshop.pretraining.render_set import RenderSet

    data, backbone = RenderSet.open(arguments.data), load_backbone("tiny")
    figures = held_out_figures(backbone, data)
    summary = save_figures(figures, arguments.out, backbone, arguments.command)
    named, seen, unseen = (figures[k] for k in ("name_top1", "seen_defects", "held_out_defects"))
    return (
        f"names {named:.1f} % right, image AUROC {seen:.1f} % on seen and {unseen:.1f} % on "
        f"held-out defects: {summary}"
    )


def run_card(arguments: argparse.Namespace) -> str:
    """Write the model card from the tables."""
    from workshop.pretraining.card import write_card

    return f"model card in {write_card(arguments.results, arguments.out)}"
