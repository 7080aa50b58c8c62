"""`demo`: fit PromptAD on a few good pictures, score the test pictures, show the result."""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
import torch

from promptad_tutorial.benchmark.test_set import mask_on_square
from promptad_tutorial.commands.command import backbone_loader
from promptad_tutorial.datasets import dataset_from_environment, draw_shots, open_dataset
from promptad_tutorial.detectors import PromptAD
from promptad_tutorial.figures import panels
from promptad_tutorial.files.pictures import read_image, seen_part
from promptad_tutorial.files.writing import write_table
from promptad_tutorial.scoring.metrics import image_auroc


def run(arguments: argparse.Namespace) -> str:
    """Write demo.png, scores.csv and detector.safetensors; returns the figures in one line."""
    data = open_dataset(arguments.data) if arguments.data else dataset_from_environment()
    line = data.load(arguments.line or data.product_lines[0], require_masks=False)
    backbone = backbone_loader(arguments)()
    shots = [s.image for s in draw_shots(line.train, arguments.shots, arguments.seed)]
    if not line.test:
        raise ValueError(f"expected test pictures of {line.name!r}, found none: nothing to score")
    detector = PromptAD(backbone, line.name)
    detector.fit(shots, torch.Generator().manual_seed(arguments.seed)).calibrate(shots)
    scores = detector.score([s.image for s in line.test])
    arguments.out.mkdir(parents=True, exist_ok=True)
    detector.save(arguments.out / "detector.safetensors")
    table = pd.DataFrame(
        {
            "image": [s.image.relative_to(line.root).as_posix() for s in line.test],
            "defect": [s.defect for s in line.test],
            "score": scores.image_scores,
            "anomalous": scores.image_scores > detector.threshold,
            "backbone": backbone.label,
        }
    )
    write_table(arguments.out / "scores.csv", table)
    ranked = np.argsort(-scores.image_scores)
    shown = ranked[np.unique(np.r_[:3, len(ranked) - 1].clip(0, len(ranked) - 1))]
    size = detector.config.map_size
    chosen = [line.test[i] for i in shown]
    picture = panels(
        [seen_part(read_image(s.image), backbone.resize) for s in chosen],
        [
            mask_on_square(s, size, backbone.resize) if s.mask or s.label == 0 else None
            for s in chosen
        ],
        [scores.anomaly_maps[i] for i in shown],
        [s.defect for s in chosen],
        scores.image_scores[shown],
    )
    picture.figure.savefig(arguments.out / "demo.png", dpi=120, bbox_inches="tight")
    labels = np.array([s.label or 0 for s in line.test])
    told = "no labels to compare with"
    if 0 < labels.sum() < len(labels) and all(s.label is not None for s in line.test):
        told = f"image AUROC {100 * image_auroc(labels, scores.image_scores):.1f} %"
    return (
        f"{line.name}, {arguments.shots} shots, {backbone.label}: {told}; threshold "
        f"{detector.threshold:.3f}; {arguments.out}/demo.png, scores.csv, detector.safetensors"
    )
