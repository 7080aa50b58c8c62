"""Draw the pictures of the README and of the cards from the data, the weights and the logs.

python -m workshop.pages.make_pictures          all of docs/images
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from promptad_tutorial.clip.loading import load_backbone
from promptad_tutorial.datasets import Sample, mask_at, open_dataset
from promptad_tutorial.detectors.zero_shot import ZeroShot
from promptad_tutorial.figures import Illustration, gallery, panels
from promptad_tutorial.figures.illustration import blank_figure

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
SHOWN = ("carpet", "metal_plate", "hexagon_nut", "brick")  # product lines on the README's picture


def middle_hit(detector: ZeroShot, samples: list[Sample]) -> tuple[Sample, np.ndarray]:
    """The anomalous sample whose score is the median one, and its map: neither best nor worst."""
    scores = detector.score([sample.image for sample in samples])
    middle = int(np.argsort(scores.image_scores, kind="stable")[len(samples) // 2])
    return samples[middle], scores.anomaly_maps[middle]


def result() -> Illustration:
    """One typical result on each of a few product lines, from the zero-shot detector."""
    dataset, backbone = open_dataset(ROOT / "data" / "minifactory"), load_backbone("tiny")
    found = []
    for name in SHOWN:
        samples = [sample for sample in dataset.load(name).test if sample.label == 1]
        found.append(middle_hit(ZeroShot(backbone, name), samples))
    return panels(
        [sample.image for sample, _ in found],
        masks=[mask_at(sample, (240, 240)) for sample, _ in found],
        maps=[anomaly_map for _, anomaly_map in found],
        titles=[f"{name}: {sample.defect}" for name, (sample, _) in zip(SHOWN, found, strict=True)],
        caption="Zero-shot, from words alone: of each product line the defective piece with the "
        f"median score. Backbone: {backbone.label}.",
    )


def factory() -> Illustration:
    """A good piece and two defective ones of every product line."""
    dataset = open_dataset(ROOT / "data" / "minifactory")
    lines = [dataset.load(name) for name in dataset.product_lines]
    shown = []
    for line in lines:
        bad = [sample for sample in line.test if sample.label == 1]
        shown += [(line.name, s) for s in (line.train[0], bad[0], bad[len(bad) // 2])]
    return gallery(
        [sample.image for _, sample in shown],
        titles=[f"{name}: {sample.defect}".replace("_", " ") for name, sample in shown],
        columns=6,
        caption="A good piece and two defective ones of every product line of the minifactory.",
    )


def training_curves(log: Path) -> Illustration:
    """The three losses and the temperature over the steps of pretraining.

    A loss that a step did not use stands as 0 in the log, and is not drawn there.
    """
    with log.open(newline="") as file:
        rows = list(csv.DictReader(file))
    figure = blank_figure(8.0, 5.0)
    facts = []
    for axes, name in zip(
        figure.subplots(2, 2).ravel(),
        ("contrastive", "states", "naming", "temperature"),
        strict=True,
    ):
        used = [row for row in rows if float(row[name])]
        steps = np.array([int(row["step"]) for row in used])
        values = np.array([float(row[name]) for row in used])
        width = min(25, len(values))
        smooth = np.convolve(values, np.ones(width) / width, mode="valid")
        axes.plot(steps, values, linewidth=0.5, color="0.75")
        axes.plot(steps[width - 1 :], smooth, color="black")
        axes.set_title(name)
        axes.set_xlabel("step")
        facts.append(f"{name} from {smooth[0]:.2f} to {smooth[-1]:.2f}")
    return Illustration(
        figure,
        f"Pretraining of TinyCLIP over {rows[-1]['step']} steps, running means: "
        f"{'; '.join(facts)}.",
    )


def main() -> int:
    """Write every picture to docs/images."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    result().save(IMAGES / "result.png")
    factory().save(IMAGES / "minifactory.png")
    training_curves(ROOT / "results" / "tinyclip" / "log.csv").save(
        IMAGES / "tinyclip_training.png"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
