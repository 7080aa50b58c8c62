"""Fit and measure methods on product lines, over shots and seeds: parallel, and resumable."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Int
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from promptad_tutorial.benchmark.methods import Method
from promptad_tutorial.datasets import Dataset, ProductLine, Sample, draw_shots, mask_at
from promptad_tutorial.datasets.shots import draw_unsorted_shots
from promptad_tutorial.detectors import Detector, PromptAD
from promptad_tutorial.frozen_clip import Backbone
from promptad_tutorial.metrics import Evaluation, evaluate
from promptad_tutorial.prompts import defect_states
from promptad_tutorial.text import UnknownWordWarning

FIGURES = ("image_auroc", "average_precision", "f1_max", "pixel_auroc", "aupro")
Features: TypeAlias = dict[tuple, tuple]  # (train, test) by what the encoder is asked for
KEY = ["product_line", "method", "shots", "seed"]


@dataclass(frozen=True)
class Plan:
    """What is compared."""

    methods: tuple[Method, ...]
    shots: tuple[int, ...] = (1, 2, 4, 8)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)  # of the draw of the shots and of the prompts
    map_size: int = 120  # pixels a side at which maps and masks are compared

    def __post_init__(self) -> None:
        if not self.methods or not self.shots or not self.seeds:
            raise ValueError("a comparison needs methods, shots and seeds, got an empty list")
        if min(self.shots) < 1 or min(self.seeds) < 0:
            raise ValueError(f"shots must be 1 or more and seeds 0 or more, got {self}")


@dataclass(frozen=True)
class TestSet:
    """The labelled test samples of a product line, with masks at the size of the maps."""

    __test__ = False  # not a test class, whatever pytest thinks of its name

    samples: tuple[Sample, ...]
    labels: Int[np.ndarray, " n"]
    masks: Bool[np.ndarray, "n s s"] | None  # None if a mask is missing

    @classmethod
    def of(cls, line: ProductLine, map_size: int) -> TestSet:
        """Raises ValueError if there are not both good and anomalous test samples."""
        samples = tuple(s for s in line.test if s.label is not None)
        labels = np.array([s.label for s in samples], dtype=int)
        if not 0 < labels.sum() < len(labels):
            raise ValueError(
                f"expected good and anomalous test pictures of {line.name!r}, found "
                f"{len(labels) - labels.sum()} good and {labels.sum()} anomalous"
            )
        masks = None
        if all(s.label == 0 or s.mask is not None for s in samples):
            masks = np.stack([mask_at(s, (map_size, map_size)) for s in samples])
        return cls(samples, labels, masks)


def compare(
    plan: Plan, load: Callable[[], Backbone], dataset: Dataset, parts: Path, jobs: int = -1
) -> pd.DataFrame:
    """One row for each product line, method, number of shots and seed; figures in %.

    A product line is one piece of work, so that its images are encoded once; every seed of it is
    one file in `parts`, and a comparison that was stopped goes on where it stopped. `load` makes
    the backbone in each process.

    Raises ValueError if `parts` holds rows of other weights.
    """
    parts.mkdir(parents=True, exist_ok=True)
    checksum = load().checksum
    names = dataset.product_lines
    run = Parallel(n_jobs=jobs, return_as="generator_unordered")(
        delayed(_one_line)(plan, load, dataset, name, parts, checksum) for name in names
    )
    tables = list(tqdm(run, total=len(names), desc="comparison", unit="line"))
    table = pd.concat(tables, ignore_index=True)
    table = table.drop_duplicates(KEY)  # zero-shot rows come with every seed
    order = {method.name: i for i, method in enumerate(plan.methods)}
    return table.sort_values(
        KEY, key=lambda column: column.map(order) if column.name == "method" else column
    ).reset_index(drop=True)


def _one_line(
    plan: Plan,
    load: Callable[[], Backbone],
    dataset: Dataset,
    name: str,
    parts: Path,
    checksum: str,
) -> pd.DataFrame:
    """All rows of one product line; rows that are in its files are not made again."""
    line, backbone = dataset.load(name), load()
    features: Features = {}
    tables = []
    for seed in plan.seeds:
        path = parts / f"{name}_{seed}.csv"
        done = (
            pd.read_csv(path)
            if path.exists()
            else pd.DataFrame(columns=[*KEY, "backbone", "checksum"])
        )
        if len(done) and {*done["backbone"], *done["checksum"]} != {backbone.label, checksum}:
            raise ValueError(f"{path} holds results of other weights: remove {parts} first")
        there = set(done[KEY].itertuples(index=False, name=None))
        rows = measure_line(plan, backbone, line, seed, there, features)
        if rows:
            made = pd.DataFrame(rows).assign(backbone=backbone.label, checksum=checksum)
            done = pd.concat([done, made], ignore_index=True) if len(done) else made
            part = path.with_suffix(".part")
            done.to_csv(part, index=False)
            part.replace(path)
        tables.append(done)
    return pd.concat(tables, ignore_index=True)


def measure_line(
    plan: Plan,
    backbone: Backbone,
    line: ProductLine,
    seed: int,
    there: set[tuple] | None = None,
    features: Features | None = None,
) -> list[dict[str, object]]:
    """The rows of one product line and seed that are not `there` yet.

    `features` is filled with what was encoded, and used again.
    """
    test = TestSet.of(line, plan.map_size)
    features = {} if features is None else features
    rows = []
    for shots in plan.shots:
        fitted: dict[str, Detector] = {}
        for method in plan.methods:
            key = (line.name, method.name, *((shots, seed) if method.few_shot else (0, 0)))
            if key in (there or set()):
                continue
            begun = time.perf_counter()
            figures, detector = _measure(
                method, backbone, line, test, shots, seed, plan, fitted, features
            )
            fitted[method.name] = detector
            percent = {k: round(100 * v, 4) for k, v in asdict(figures).items()}
            seconds = round(time.perf_counter() - begun, 3)
            rows.append(dict(zip(KEY, key, strict=True)) | percent | {"seconds": seconds})
            there = (there or set()) | {key}
    return rows


def _measure(
    method: Method,
    backbone: Backbone,
    line: ProductLine,
    test: TestSet,
    shots: int,
    seed: int,
    plan: Plan,
    fitted: dict[str, Detector],
    features: Features,
) -> tuple[Evaluation, Detector]:
    generator = torch.Generator().manual_seed(seed)
    with warnings.catch_warnings():
        # a defect's own name may be a word that the small model never saw: that is the point
        warnings.simplefilter("ignore", UnknownWordWarning)
        detector = method.make(backbone, line.name, plan.map_size)
        if method.own_states and isinstance(detector, PromptAD):
            defects = sorted({s.defect for s in test.samples if s.label})
            states = (*detector.config.states, *defect_states(defects))
            detector.config = replace(detector.config, states=states)
        traps = method.traps
        asked = (detector.kind, traps.memory_in_place, traps.test_images_bgr)
        if isinstance(detector, PromptAD):
            asked = ("promptad", *asked[1:], detector.config.use_memory)
        if asked not in features:
            features[asked] = (
                detector.encode([s.image for s in line.train]),
                detector.encode([s.image for s in test.samples], test=True),
            )
        train_features, test_features = features[asked]
        if method.few_shot:
            draw = draw_unsorted_shots if traps.unsorted_shots else draw_shots
            chosen = [line.train.index(s) for s in draw(line.train, shots, seed)]
            whole = fitted.get(method.text_of or "")
            if isinstance(whole, PromptAD):
                detector = whole.without_memory()
            elif traps.test_selected and isinstance(detector, PromptAD):
                seen = (test_features, test.labels.tolist())
                detector.fit_features(train_features[sorted(chosen)], generator, seen)
            else:
                detector.fit_features(train_features[sorted(chosen)], generator)
        scores = detector.score_features(test_features)
    maps = None if test.masks is None else scores.anomaly_maps
    return evaluate(test.labels, scores.image_scores, test.masks, maps), detector
