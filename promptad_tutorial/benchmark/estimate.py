"""What a run would take, from one encoded picture, a short fit and figures, really measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

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
    settings: Settings, dataset: Dataset, left: Sequence[Task], backbone: Backbone, jobs: int
) -> Estimate:
    """Measure one picture and STEPS steps of one fit; writes nothing.

    `left` are the tasks without a row. Categories that cannot be read count as nothing.
    """
    encoder = CachedEncoder(backbone, None, settings.resize)
    wanted = {task.method for task in left}
    detectors = {
        method.name: method.make(backbone, "part", settings.map_size)
        for method in settings.chosen_methods()
        if method.name in wanted
    }
    requests = {request_of(one, True) for one in detectors.values()} - {None}
    tested: dict[str, int] = {}  # test pictures of each category
    pictures, most, encoding, size, fit = 0, 0, 0.0, 0, 0.0
    fits = sum(isinstance(detectors[task.method], PromptAD) for task in left)
    for name in dict.fromkeys(task.product_line for task in left):
        try:
            line = settings.load(dataset, name)
            draws = {(task.shots, task.seed) for task in left if task.product_line == name}
            shots = {s.image for k, n in draws if k for s in draw_shots(line.train, k, n)}
            some = [line.train[0].image]
            if not encoding:  # nothing was measured yet
                for request in requests:
                    encoder.features(some, request)  # the first pass also warms up
                    encoding += _seconds(partial(encoder.features, some, request))
                    size += bytes_of(encoder.features(some, request))
                if fits:
                    fit = _seconds_of_a_fit(settings, backbone, encoder, some, name)
        except (ValueError, OSError):  # its own tasks fail later; others are estimated
            continue
        tested[name] = len(line.test)
        here = len(line.test) + len(shots)
        pictures, most = pictures + here, max(most, here)
    if not encoding:
        return Estimate()
    scored = sum(tested.get(task.product_line, 0) for task in left)
    seconds = pictures * encoding + fits * fit + scored * _seconds_of_figures(settings.map_size)
    # at most one process a group of one category and seed
    workers = own_workers(settings.backbone) if jobs < 0 else jobs
    processes = min(workers, len({(task.product_line, task.seed) for task in left}))
    held = psutil.Process().memory_info().rss + most * size
    return Estimate(fits, pictures, seconds / processes, held * processes, pictures * size)


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _seconds_of_figures(size: int, pictures: int = 8) -> float:
    """Of the figures of one picture: measured on noise, half of it with a square as its mask."""
    noise = np.random.default_rng(0).random((pictures, size, size))
    masks = np.zeros(noise.shape, dtype=bool)
    masks[1::2, size // 4 : size // 2, size // 4 : size // 2] = True
    labels = np.arange(pictures) % 2
    return _seconds(lambda: evaluate(labels, noise[:, 0, 0], masks, noise)) / pictures


def _seconds_of_a_fit(
    settings: Settings, backbone: Backbone, encoder: CachedEncoder, some: list, name: str
) -> float:
    """Of PromptAD with as many shots as asked for at most, by its first steps."""
    traps = type(settings.config.traps)()
    short = PromptAD(backbone, name, replace(settings.config, steps=STEPS, traps=traps))
    request = request_of(short, False)
    assert request is not None
    features = encoder.features(some * max(settings.shots), request)
    generator = torch.Generator().manual_seed(0)
    return _seconds(lambda: short.fit_features(features, generator)) / STEPS * settings.steps
