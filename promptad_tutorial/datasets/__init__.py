"""Real folders as product lines, whatever their layout, with one interface for all."""

from __future__ import annotations

from promptad_tutorial.datasets.masks import mask_at, read_mask
from promptad_tutorial.datasets.opening import Dataset, dataset_from_environment, open_dataset
from promptad_tutorial.datasets.plain_folder import load_folder
from promptad_tutorial.datasets.samples import GOOD, UNLABELLED, ProductLine, Sample
from promptad_tutorial.datasets.shots import draw_shots

__all__ = [
    "GOOD",
    "UNLABELLED",
    "Dataset",
    "ProductLine",
    "Sample",
    "dataset_from_environment",
    "draw_shots",
    "load_folder",
    "mask_at",
    "open_dataset",
    "read_mask",
]
