"""What a run would take, from one encoded picture, a short fit and figures, really measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import psutil
import torch

from promptad_tutorial.benchmark.encoding import CachedEncoder, Request, bytes_of, request_of
from promptad_tutorial.benchmark.place import Place
from promptad_tutorial.benchmark.settings import Settings
from promptad_tutorial.benchmark.tasks import Task, groups
from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.datasets import Dataset, draw_shots
from promptad_tutorial.detectors import PromptAD
from promptad_tutorial.learning.config import Traps
from promptad_tutorial.scoring.metrics import evaluate

STEPS = 3  # of the fit that is measured; the cost of a step is the same throughout


@dataclass(frozen=True)
class Estimate:
    """Rough figures: loading, scoring and the reading of cached features are not counted."""

    fits: int = 0  # trainings of prompts
    pictures: int = 0  # to encode, if none is in the cache
    seconds: float = 0.0  # on all processes together, side by side
    memory: float = 0.0  # bytes, of all processes
    disk: float = 0.0  # bytes that the features take

    def __str__(self) -> str:
        return (
            f"{self.fits} trainings, at most {self.pictures} pictures to encode; roughly "
            f"{self.seconds / 60:.1f} minutes, {self.memory / 1e9:.1f} GB of memory and "
            f"{self.disk / 1e9:.2f} GB of features on disk"
        )


def estimate(
    settings: Settings, dataset: Dataset, left: Sequence[Task], backbone: Backbone, place: Place
) -> Estimate:
    """Measure one picture and STEPS steps of one fit; writes nothing.

    `left` are the tasks without a row. Categories that cannot be read count as nothing.
    """
    encoder = CachedEncoder(backbone, None, settings.resize)
    detectors = {
        method.name: method.make(backbone, "part", settings.map_size)
        for method in settings.chosen_methods()
    }
    asked = {task.method: request_of(detectors[task.method], True) for task in left}
    fits = sum(isinstance(detectors[task.method], PromptAD) for task in left)
    counts: dict[str, int] = {}  # test pictures, and drawn ones, of each category
    encoding, size, fit, scored = 0.0, 0, 0.0, 0
    for name in dict.fromkeys(task.product_line for task in left):
        mine = [task for task in left if task.product_line == name]
        try:
            line = settings.load(dataset, name)
            draws = {(task.shots, task.seed) for task in mine if task.shots}
            shots = {s.image for k, seed in draws for s in draw_shots(line.train, k, seed)}
            some = [line.train[0].image]
            if not encoding:  # nothing was measured yet
                for request in {*asked.values()} - {None}:
                    features = encoder.features(some, request)  # the first pass also warms up
                    encoding += _seconds(encoder.features, some, request)
                    size += bytes_of(features)
                fit = _seconds_of_a_fit(settings, backbone, encoder, some) if fits else 0.0
        except (ValueError, OSError):  # its own tasks fail later; others are estimated
            continue
        counts[name] = len(line.test) + len(shots)
        scored += len(mine) * len(line.test)
    if not encoding:
        return Estimate()
    pictures = sum(counts.values())
    seconds = pictures * encoding + fits * fit + scored * _seconds_of_figures(settings.map_size)
    processes = min(place.workers(settings.backbone), len(groups(left)))
    held = psutil.Process().memory_info().rss + max(counts.values()) * size
    return Estimate(fits, pictures, seconds / processes, held * processes, pictures * size)


def _seconds(work: Callable[..., object], *inputs: object) -> float:
    begun = time.perf_counter()
    work(*inputs)
    return time.perf_counter() - begun


def _seconds_of_figures(size: int, pictures: int = 8) -> float:
    """Of the figures of one picture: measured on noise, half of it with a square as its mask."""
    noise = np.random.default_rng(0).random((pictures, size, size))
    masks = np.zeros(noise.shape, dtype=bool)
    masks[1::2, size // 4 : size // 2, size // 4 : size // 2] = True
    return _seconds(evaluate, np.arange(pictures) % 2, noise[:, 0, 0], masks, noise) / pictures


def _seconds_of_a_fit(
    settings: Settings, backbone: Backbone, encoder: CachedEncoder, some: list
) -> float:
    """Of PromptAD with as many shots as asked for at most, by its first steps."""
    config = replace(settings.config, steps=STEPS, traps=Traps())
    features = encoder.features(some * max(settings.shots), Request())
    detector, generator = PromptAD(backbone, "part", config), torch.Generator().manual_seed(0)
    return _seconds(detector.fit_features, features, generator) / STEPS * settings.steps
