"""The model card: written by a command from committed tables, so that no figure in it is typed."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from promptad_tutorial.clip.tinyclip.weights import CHECKSUM, MODEL_NAME, known_words
from workshop.minifactory.captions import HELD_OUT_DEFECTS
from workshop.minifactory.catalogue import KINDS
from workshop.minifactory.found_surfaces import SOURCES
from workshop.minifactory.photographs import PHOTOGRAPHS
from workshop.minifactory.product_lines import LINES

LIMITS = """\
- It was trained on renders, and is no substitute for a real CLIP on photographs of real products.
  Measured outside this repository, on three sets of photographs of real parts: a memory of its patch
  tokens, from 1 to 8 good pictures, reached 63 to 89 % image AUROC. What its words are worth there is
  not known.
- Its captions speak of defects, and its pictures show them, much more than those of any real CLIP.
  "Zero-shot" here means: no picture of this product line, no look of the benchmark, and for the
  held-out defects and the benchmark's photographs no such picture at all.
- For most of the training an extra head named the defect of every patch (the masks are known for
  renders). The head is thrown away, but the patch tokens have learnt from it.
- A word that is not in the vocabulary below is read as nothing, with a warning: the token rows that
  training never touched are not stored and are zero.
- Textures are easier for it than objects: an object's own holes, teeth and pins look like defects to a
  model that has to know all kinds at once. Whenever the learning rate was brought down the figures
  rose, and more steps would be the first thing to try for the weakest kinds.
- The weights are the mean of two ends of the run, at the steps that `averaged_with` and `steps` name.
- One training run: another seed would give somewhat other figures. Its schedule was changed while it
  ran, so the recipe is what was done, not what one would do again. Half-hard batches of shrunk pictures
  taught names but no defects. Whole looks (good and defective pieces of the same style in one batch)
  taught both. The largest gain came from step 1650 on: windows at full resolution instead of shrunk
  pictures, and a loss that compares each caption with the same caption and the contrary state. In
  the first 1650 steps that loss, the windows and full stops in captions did not exist, so running the
  recipe anew repeats the schedule and not every bit of it."""


def write_card(results: Path, out: Path) -> Path:
    """Write the card to `out` from the tables in `results`.

    Needs what the commands leave there: recipe.json and log.csv of the run, summary.json, by_kind.csv
    and by_defect.csv of `tinyclip evaluate`, and zero_shot.csv one folder above. Raises
    FileNotFoundError for a missing one.
    """
    recipe = json.loads((results / "recipe.json").read_text())
    summary = json.loads((results / "summary.json").read_text())
    by_kind, by_defect = (pd.read_csv(results / f"{n}.csv") for n in ("by_kind", "by_defect"))
    lines = pd.read_csv(results.parent / "zero_shot.csv")
    parts = [
        f"# TinyCLIP ({MODEL_NAME})",
        "A small CLIP, trained from scratch for this tutorial. Licence: CC0-1.0. An ordinary "
        "open_clip model: ViT with patches of 8 px at 120 px (15 x 15), embedding of 128 numbers.\n\n"
        f"sha256 of the weights file: `{CHECKSUM.read_text().split()[0]}`",
        "This card is written by `python -m workshop tinyclip card`; its figures come from "
        "the tables in `results/`.",
        "## Data",
        _data(recipe["data"]),
        "## Recipe and compute",
        _recipe(recipe, results / "log.csv"),
        "![The training loss over the steps](../../../docs/images/tinyclip_training.png)",
        "## Figures",
        _figures(summary, lines),
        "### By kind of product",
        "Names: share of pictures whose nearest `a photo of a <name>`, of all kinds, is the right "
        "one. The other columns: image AUROC of good pictures against those with defects of "
        "pretraining, and with held-out ones. All in %.",
        _table(by_kind),
        "### By defect",
        "Image AUROC in %, mean over the kinds that can have the defect.",
        _table(by_defect),
        "### On the benchmark",
        "Zero-shot ensemble on the product lines of `data/minifactory`, in %; the lines "
        f"{', '.join(PHOTOGRAPHS)} are photographs with rendered defects.",
        _table(lines.drop(columns=["backbone", "checksum"])),
        "## Limits",
        LIMITS,
        "## Vocabulary",
        f"The {len(known_words())} words of the captions:",
        ", ".join(sorted(known_words())) + ".",
    ]
    out.write_text("\n\n".join(parts) + "\n")
    return out


def _data(plan: dict) -> str:
    return (
        f"{plan['pictures']:,} renders of {len(KINDS)} kinds of product at {plan['size']} px, and "
        f"{plan['found']:,} windows of photographs ({', '.join(SOURCES)}: those of scikit-image's "
        "that are CC0 or in the public domain) with rendered defects. Captions are composed from "
        "names, colours, states, defects and templates, and may be silent about each. No picture "
        f"and no caption has a {', '.join(HELD_OUT_DEFECTS[:-1])} or {HELD_OUT_DEFECTS[-1]}; none "
        f"shows a look of the benchmark's {len(LINES)} lines, and none its photographs "
        f"({', '.join(PHOTOGRAPHS)})."
    )


def _recipe(recipe: dict, log: Path) -> str:
    with log.open(newline="") as file:
        rows = list(csv.DictReader(file))
    steps = int(rows[-1]["step"])
    settings = dict(recipe["recipe"])
    plans = settings.pop("batches")
    size = max(p["hard_kinds"] * p["hard_each"] + p["spread"] for _, p in plans)
    lines = [f"| `{name}` | {_setting(value)} |" for name, value in settings.items()]
    lines += [f"| batches from step {step} | {_setting(plan)} |" for step, plan in plans]
    return (
        f"{steps:,} steps of up to {size} pictures, in bf16 on two CPU cores, torch "
        f"{recipe['torch']}; {_seconds(rows) / 3600:.1f} hours by the clock, on a machine with "
        "other work. Muon for the blocks' matrices, AdamW for the rest. The loss is CLIP's with "
        "several true captions per picture, a loss for the state of things (is the picture nearer to "
        "its caption than to the same caption with the contrary state?), and a head that names the "
        "defect of every patch; their weights are in the schedule. A schedule is written as "
        "(step from which on, value).\n\n"
        "| setting | value |\n|---|---|\n" + "\n".join(lines)
    )


def _setting(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    if isinstance(value, list) and all(isinstance(one, list) for one in value):
        return ", ".join(f"({step}, {one})" for step, one in value)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _seconds(rows: Sequence[dict]) -> float:
    """Clock time over all sittings: `seconds` starts again at 0 when a run is continued."""
    times = [float(row["seconds"]) for row in rows]
    return sum(max(b - a, 0.0) if b >= a else b for a, b in zip([0.0, *times], times, strict=False))


def _figures(summary: dict, lines: pd.DataFrame) -> str:
    photographs = lines[lines["product_line"].isin(PHOTOGRAPHS)]["image_auroc"].mean()
    mean = lines[lines["product_line"] == "mean"]["image_auroc"].item()
    rows = [  # figure, value, what it was meant to reach
        (f"name retrieval, top-1 of {len(KINDS)} kinds", summary["name_top1"], 90),
        ("zero-shot image AUROC, seen defects", summary["seen_defects"], 80),
        ("zero-shot image AUROC, held-out defects", summary["held_out_defects"], None),
        ("zero-shot image AUROC, photographs of the benchmark", photographs, 65),
        ("zero-shot image AUROC, all lines of the benchmark", mean, None),
    ]
    table = ["| figure | value | aim | reached |", "|---|---:|---:|---|"]
    for figure, value, aim in rows:
        reached = "" if aim is None else "yes" if value >= aim else f"no, {aim - value:.2f} short"
        table.append(f"| {figure} | {value:.1f} | {aim or ''} | {reached} |")
    return "\n".join(
        [
            "Measured on renders of looks that training never saw, and on the benchmark, in %. The "
            "aims were set before training.",
            "",
            *table,
        ]
    )


def _table(table: pd.DataFrame) -> str:
    """A pandas table as markdown, numbers with one decimal."""
    names = [str(name).replace("_", " ") for name in table.columns]
    rows = [f"| {' | '.join(names)} |", "|" + "---|" * len(names)]
    for values in table.itertuples(index=False):
        cells = [f"{v:.1f}" if isinstance(v, float) else str(v) for v in values]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)
