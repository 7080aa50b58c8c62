"""The data card: written by a command from the manifest and the zero-shot table."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from workshop.minifactory.captions import HELD_OUT_DEFECTS
from workshop.minifactory.photographs import PHOTOGRAPHS, WINDOW

UNREAL = """\
- Products are rendered: one lamp, no reflections of a surrounding, no depth of field, no dust that
  belongs there, no slow drift of the machine that makes them.
- Defects are drawn by a few dozen rules. Real ones are more varied, and correlate with each other and
  with the process.
- A mask marks every pixel that the defect changed by more than five grey levels of 255 before sensor
  noise, its shadow included. People draw masks more generously.
- Pieces of a line vary in pose, light and grain only a little, as under a factory camera.
- The photographs bring their own light; only the defect on them is shaded. Train crops come from their
  left half and test crops from their right half, and crops of one half overlap each other."""


def write_data_card(folder: Path, zero_shot: Path) -> Path:
    """Write README.md into the benchmark's `folder`; `zero_shot` is the table of the zero-shot command.

    Raises FileNotFoundError for a missing manifest or table.
    """
    manifest = json.loads((folder / "manifest.json").read_text())
    plan = manifest["plan"]
    scores = pd.read_csv(zero_shot).set_index("product_line")
    files = [file for ending in ("jpg", "png") for file in folder.rglob(f"*.{ending}")]
    size = sum(file.stat().st_size for file in files)
    pictures = sum(file.suffix == ".jpg" for file in files)
    rows = [
        "| product line | made of | defects | zero-shot image AUROC | zero-shot pixel AUROC |",
        "|---|---|---|---:|---:|",
    ]
    for line in manifest["lines"]:
        made = "a photograph" if line["kind"] in PHOTOGRAPHS else f"renders ({line['colour']})"
        defects = ", ".join(
            f"{name}\\*" if name in HELD_OUT_DEFECTS else name for name in line["defects"]
        )
        figures = scores.loc[line["name"]]
        rows.append(
            f"| {line['name']} | {made} | {defects} | {figures['image_auroc']:.1f} "
            f"| {figures['pixel_auroc']:.1f} |"
        )
    mean = scores.loc["mean"]
    rows.append(f"| **mean** | | | {mean['image_auroc']:.1f} | {mean['pixel_auroc']:.1f} |")
    low, high = manifest["lines"][0]["strengths"]
    parts = [
        "# minifactory",
        "A small benchmark for few-shot visual anomaly detection in MVTec AD's layout, made for this "
        "tutorial. **Licence: CC0-1.0** (no rights reserved). The three photographs are "
        "scikit-image's `brick`, `grass` and `gravel`, which are CC0 too.",
        "![Good and defective pieces of several product lines](../../docs/images/minifactory.png)",
        "## What is in it",
        f"{pictures} pictures of {plan['size']} x {plan['size']} px, {size / 1e6:.0f} MB. Each of the "
        f"{len(manifest['lines'])} product lines has {plan['train_good']} good pieces to learn from "
        f"(`train/good`), {plan['test_good']} good ones to test on, and {plan['each_defect']} of each "
        "defect with a mask. A product line is one fixed look. No look, and no photograph, was used "
        "in the pretraining of TinyCLIP; the defects marked \\* appear in none of its pictures and "
        "in none of its captions.",
        "\n".join(rows),
        f"Figures in %, of the zero-shot prompt ensemble with {mean['backbone']}; from "
        "`results/zero_shot.csv`, which `python -m workshop zero-shot` makes.",
        "## How it was made",
        "Renderers in `workshop/minifactory` draw colour, height and gloss of a product, and "
        "light falls on them. The defective piece is drawn beside the same piece without the "
        "defect: the mask is where the two differ, and outside of it they are equal. Defect "
        f"strengths are uniform between {low} and {high} (1 is the strongest). Pictures are JPEG of "
        "high quality without chroma subsampling, masks are PNG.",
        "```sh\npython -m workshop minifactory build --out data/minifactory\n```",
        f"makes the same pictures again (seed {plan['seed']}; a test compares them); another "
        "`--seed` makes other pieces of the same product lines. `manifest.json` says what every line "
        "is made of. The difficulty was chosen so that *zero-shot* detection is neither at chance "
        "nor perfect, before any learning method was run on it.",
        "## Known unrealisms",
        UNREAL,
        f"A crop shows {100 * WINDOW:.0f} % of a photograph's side.",
    ]
    out = folder / "README.md"
    out.write_text("\n\n".join(parts) + "\n")
    return out
