"""Writes the benchmark to disk in MVTec AD's layout.

<line>/train/good/000.jpg
<line>/test/{good,<defect>}/000.jpg
<line>/ground_truth/<defect>/000_mask.png
manifest.json          what every picture is made of
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from PIL import Image
from tqdm.auto import tqdm

from workshop.minifactory.product_lines import LINES, ProductLine
from workshop.minifactory.render import Render, render

QUALITY = 92  # of the JPEG files, without chroma subsampling: the benchmark stays below 30 MB


@dataclass(frozen=True)
class BuildPlan:
    """How much to make. The pictures depend on this plan and the product lines alone."""

    seed: int = 0  # another seed makes other pieces of the same looks
    size: int = 240  # pixels a side
    train_good: int = 24
    test_good: int = 24
    each_defect: int = 8


@dataclass(frozen=True)
class Order:
    """One picture to be made."""

    line: ProductLine
    split: str  # "train" or "test"
    defect: str | None
    number: int  # of the file in its folder
    piece: int  # of the product: every picture shows another one


def orders(line: ProductLine, plan: BuildPlan) -> list[Order]:
    """Every picture of a line: no two show the same piece."""
    first = plan.seed * 10_000
    todo = [("train", None, i) for i in range(plan.train_good)]
    todo += [("test", None, i) for i in range(plan.test_good)]
    todo += [("test", d, i) for d in line.defects for i in range(plan.each_defect)]
    return [Order(line, s, d, i, first + piece) for piece, (s, d, i) in enumerate(todo)]


def make(order: Order, plan: BuildPlan) -> Render:
    """The picture and the mask of one order."""
    line = order.line
    low, high = line.strengths
    strength = float(np.random.default_rng([line.style, order.piece, 7]).uniform(low, high))
    kind = line.build(order.split)
    return render(kind, line.style, order.piece, plan.size, order.defect, strength, line.colour)


def write(order: Order, plan: BuildPlan, folder: Path) -> None:
    """Save one order under `folder`: a JPEG, and beside the test defects a one-bit PNG mask."""
    shot = make(order, plan)
    defect = (order.defect or "good").replace(" ", "_")
    path = folder / order.line.name / order.split / defect / f"{order.number:03}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(shot.image).save(path, quality=QUALITY, subsampling=0, optimize=True)
    if order.defect is not None:
        mask = folder / order.line.name / "ground_truth" / defect / f"{order.number:03}_mask.png"
        mask.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(shot.mask).save(mask, optimize=True)


def build_benchmark(
    folder: Path,
    plan: BuildPlan | None = None,
    lines: tuple[ProductLine, ...] = LINES,
    jobs: int = -1,
) -> Path:
    """Render every line into `folder`, on `jobs` processes (-1: all cores); returns the folder.

    The same plan and lines give the same files. Raises FileExistsError where a line's folder is
    there already, ImportError if a line needs a photograph and scikit-image is not installed.
    """
    plan = plan or BuildPlan()
    for line in lines:
        if (folder / line.name).exists():
            raise FileExistsError(f"{folder / line.name} is there already: remove it first")
        line.build("train")  # a missing photograph is an error before anything is written
    everything = [order for line in lines for order in orders(line, plan)]
    work = Parallel(n_jobs=jobs, return_as="generator_unordered")(
        delayed(write)(order, plan, folder) for order in everything
    )
    for _ in tqdm(work, total=len(everything), desc="building", unit="picture"):
        pass
    manifest = {"plan": asdict(plan), "lines": [asdict(line) for line in lines]}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    return folder
