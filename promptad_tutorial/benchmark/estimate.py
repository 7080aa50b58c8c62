"""What a run would take, from one encoded picture, a short fit and figures, really measured."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import psutil
import torch

from promptad_tutorial.benchmark.encoding import CachedEncoder, bytes_of, request_of
from promptad_tutorial.benchmark.place import own_workers
from promptad_tutorial.benchmark.settings import Settings
from promptad_tutorial.benchmark.tasks import Task
from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.datasets import Dataset, draw_shots
from promptad_tutorial.detectors import PromptAD
from promptad_tutorial.files.pictures import read_image
from promptad_tutorial.scoring.metrics import evaluate

STEPS = 3  # of the fit that is measured; the cost of a step is the same throughout


@dataclass(frozen=True)
class Estimate:
    """Rough figures: loading, scoring and the reading of cached features are not counted."""

    fits: int  # trainings of prompts
    pictures: int  # to encode, if none is in the cache
    seconds: float  # on all processes together, side by side
    memory: float  # bytes, of all processes
    disk: float  # bytes that the features take

    def __str__(self) -> str:
        return (
            f"{self.fits} trainings, at most {self.pictures} pictures to encode; roughly "
            f"{self.seconds / 60:.1f} minutes, {self.memory / 1e9:.1f} GB of memory and "
            f"{self.disk / 1e9:.2f} GB of features on disk"
        )


def estimate(
    settings: Settings, dataset: Dataset, left: Sequence[Task], backbone: Backbone, jobs: int
) -> Estimate:
    """Measure one picture and STEPS steps of one fit; writes nothing.

    `left` are the tasks without a row. Categories that cannot be read count as nothing.
    """
    methods = {m.name: m for m in settings.chosen_methods()}
    wanted = {task.method for task in left}
    encoder = CachedEncoder(backbone, None, settings.resize)
    pictures, most, some, line_of_some = 0, 0, None, ""
    tested: dict[str, int] = {}  # test pictures of each category
    for name in dict.fromkeys(task.product_line for task in left):
        try:
            line = settings.load(dataset, name)
            shots = {
                sample.image
                for task in left
                if task.product_line == name and task.shots
                for sample in draw_shots(line.train, task.shots, task.seed)
            }
        except (ValueError, OSError):
            continue
        tested[name] = len(line.test)
        here = len(line.test) + len(shots)
        pictures, most = pictures + here, max(most, here)
        if some is None and _readable(line.train[0].image):
            some, line_of_some = line.train[0].image, name
    if some is None:
        return Estimate(0, 0, 0.0, 0.0, 0.0)
    detectors = {name: methods[name].make(backbone, "part", settings.map_size) for name in wanted}
    requests = {request_of(one, True) for one in detectors.values()} - {None}
    encoding, size = 0.0, 0
    for request in requests:
        encoder.features([some], request)  # the first pass also warms up
        begun = time.perf_counter()
        size += bytes_of(encoder.features([some], request))
        encoding += time.perf_counter() - begun
    trained = {name for name, one in detectors.items() if isinstance(one, PromptAD)}
    fits = sum(task.method in trained for task in left)
    fit = _seconds_of_a_fit(settings, backbone, encoder, some, line_of_some) if fits else 0.0
    scored = sum(tested.get(task.product_line, 0) for task in left)
    evaluating = scored * _seconds_of_evaluation(settings.map_size)
    # at most one process a group of one category and seed
    workers = own_workers(settings.backbone) if jobs < 0 else jobs
    processes = min(workers, len({(t.product_line, t.seed) for t in left}))
    held = psutil.Process().memory_info().rss + most * size
    return Estimate(
        fits,
        pictures,
        (pictures * encoding + fits * fit + evaluating) / processes,
        held * processes,
        pictures * size,
    )


def _readable(picture: Path) -> bool:
    """A damaged picture fails its own tasks later; it must not stop the estimate of the others."""
    try:
        read_image(picture)
    except (ValueError, OSError):
        return False
    return True


def _seconds_of_evaluation(size: int, pictures: int = 8) -> float:
    """Of the figures of one picture: measured on noise, half of it with a square as its mask."""
    generator = np.random.default_rng(0)
    labels = np.arange(pictures) % 2
    masks = np.zeros((pictures, size, size), dtype=bool)
    masks[1::2, size // 4 : size // 2, size // 4 : size // 2] = True
    maps = generator.random((pictures, size, size))
    begun = time.perf_counter()
    evaluate(labels, generator.random(pictures), masks, maps)
    return (time.perf_counter() - begun) / pictures


def _seconds_of_a_fit(
    settings: Settings, backbone: Backbone, encoder: CachedEncoder, picture: object, name: str
) -> float:
    """Of PromptAD with as many shots as asked for at most, by its first steps."""
    short = PromptAD(
        backbone, name, replace(settings.config, steps=STEPS, traps=type(settings.config.traps)())
    )
    request = request_of(short, False)
    assert request is not None
    features = encoder.features([picture] * max(settings.shots), request)
    begun = time.perf_counter()
    short.fit_features(features, torch.Generator().manual_seed(0))
    return (time.perf_counter() - begun) / STEPS * settings.steps
