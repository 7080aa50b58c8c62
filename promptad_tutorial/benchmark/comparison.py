"""Fit and measure methods on product lines, over shots and seeds: parallel, and resumable."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeAlias

import pandas as pd
import torch
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from promptad_tutorial.benchmark.methods import Method
from promptad_tutorial.benchmark.test_selection import fit_with_test_selection
from promptad_tutorial.benchmark.test_set import TestSet
from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.clip.text_tower import UnknownWordWarning
from promptad_tutorial.datasets import Dataset, ProductLine, Sample, draw_shots
from promptad_tutorial.datasets.shots import draw_unsorted_shots
from promptad_tutorial.detectors import Detector, PromptAD
from promptad_tutorial.prompts.words import defect_states, own_states
from promptad_tutorial.scoring import Scores
from promptad_tutorial.scoring.metrics import Evaluation

Features: TypeAlias = dict[tuple, tuple]  # (train, test) by what the encoder is asked for
# What gives (train, test) features for a detector; an index into the first gives some shots'.
Encode: TypeAlias = Callable[[Detector, ProductLine, TestSet], tuple]
KEY = ["product_line", "method", "shots", "seed"]


@dataclass(frozen=True)
class Scored:
    """What stands behind a row."""

    shots: tuple[Sample, ...]  # that the detector was fitted on, in drawing order
    test: TestSet
    scores: Scores


Watch: TypeAlias = Callable[[Scored], None]


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


def compare(
    plan: Plan, load: Callable[[], Backbone], dataset: Dataset, parts: Path, jobs: int = -1
) -> pd.DataFrame:
    """One row for each product line, method, number of shots and seed; figures in %.

    A product line is one piece of work, so that its images are encoded once; every seed of it is
    one file in `parts` for each size of maps, and a comparison that was stopped goes on where it
    stopped. `load` makes the backbone in each process.

    Raises ValueError if `parts` holds rows of other weights.
    """
    parts.mkdir(parents=True, exist_ok=True)
    names = dataset.product_lines
    run = Parallel(n_jobs=jobs, return_as="generator_unordered")(
        delayed(_one_line)(plan, load, dataset, name, parts) for name in names
    )
    tables = list(tqdm(run, total=len(names), desc="comparison", unit="line"))
    table = pd.concat(tables, ignore_index=True)
    table = table.drop_duplicates(KEY)  # zero-shot rows come with every seed
    order = {method.name: i for i, method in enumerate(plan.methods)}
    return table.sort_values(
        KEY, key=lambda column: column.map(order) if column.name == "method" else column
    ).reset_index(drop=True)


def _one_line(
    plan: Plan, load: Callable[[], Backbone], dataset: Dataset, name: str, parts: Path
) -> pd.DataFrame:
    """All rows of one product line; rows that are in its files are not made again."""
    line, backbone = dataset.load(name), load()
    weights = {"backbone": backbone.label, "checksum": backbone.checksum}
    features: Features = {}
    tables = []
    for seed in plan.seeds:
        path = parts / f"{name}_{seed}_{plan.map_size}px.csv"
        done = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=[*KEY, *weights])
        if len(done) and {*done["backbone"], *done["checksum"]} != set(weights.values()):
            raise ValueError(f"{path} holds results of other weights: remove {parts} first")
        there = set(done[KEY].itertuples(index=False, name=None))
        rows = measure_line(plan, backbone, line, seed, there, features)
        if rows:
            made = pd.DataFrame(rows).assign(**weights)
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
    test: TestSet | None = None,
    encode: Encode | None = None,
    watch: Watch | None = None,
) -> list[dict[str, object]]:
    """The rows of one product line and seed that are not `there` yet.

    `features` is filled with what was encoded, and used again. `test` replaces the line's own test
    set, and `encode` what encodes the line's pictures (by default all of them, now). `watch` is
    shown what each row was made from.
    """
    test = test or TestSet.of(line, plan.map_size, backbone.resize)
    encode = encode or encode_line
    features = {} if features is None else features
    rows = []
    for shots in plan.shots:
        fitted: dict[str, Detector] = {}
        for method in plan.methods:
            key = (line.name, method.name, *((shots, seed) if method.few_shot else (0, 0)))
            if key in (there or set()):
                continue
            begun = time.perf_counter()
            figures, detector, behind = _measure(
                method, backbone, line, test, shots, seed, plan, fitted, features, encode
            )
            fitted[method.name] = detector
            percent = {k: round(100 * v, 4) for k, v in asdict(figures).items()}
            seconds = round(time.perf_counter() - begun, 3)
            if watch is not None:
                watch(behind)
            rows.append(dict(zip(KEY, key, strict=True)) | percent | {"seconds": seconds})
            there = (there or set()) | {key}
    return rows


def encode_line(detector: Detector, line: ProductLine, test: TestSet) -> tuple:
    """Features of all training and all test pictures, as `detector` wants them."""
    train = detector.encode([s.image for s in line.train])
    return train, detector.encode(test.images, test=True)


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
    encode: Encode,
) -> tuple[Evaluation, Detector, Scored]:
    drawn: tuple[Sample, ...] = ()
    generator = torch.Generator().manual_seed(seed)
    with warnings.catch_warnings():
        # a defect's own name may be a word that the small model never saw: that is the point
        warnings.simplefilter("ignore", UnknownWordWarning)
        detector = method.make(backbone, line.name, plan.map_size)
        # the trap finds the words of MVTec AD and VisA itself
        foreign = method.traps.own_states and not own_states(line.name)
        if (method.own_states or foreign) and isinstance(detector, PromptAD):
            defects = sorted({s.defect for s in test.samples if s.label})
            states = (*detector.config.states, *defect_states(defects))
            detector.config = replace(detector.config, states=states)
        traps = method.traps
        asked = (
            detector.kind,
            traps.memory_in_place,
            traps.test_images_bgr,
            traps.resize_through_1024,
        )
        if isinstance(detector, PromptAD):
            asked = ("promptad", *asked[1:], detector.config.use_memory)
        if asked not in features:
            features[asked] = encode(detector, line, test)
        train_features, test_features = features[asked]
        if method.few_shot:
            draw = draw_unsorted_shots if traps.unsorted_shots else draw_shots
            drawn = draw(line.train, shots, seed)
            chosen = [line.train.index(s) for s in drawn]
            whole = fitted.get(method.text_of or "")
            if isinstance(whole, PromptAD):
                detector = whole.without_memory()
            elif traps.test_selected and isinstance(detector, PromptAD):
                seen = (test_features, test.labels, test.masks)
                fit_with_test_selection(
                    detector, train_features[sorted(chosen)], *seen, generator=generator
                )
            else:
                detector.fit_features(train_features[sorted(chosen)], generator)
        scores = detector.score_features(test_features)
    return test.evaluate(scores), detector, Scored(drawn, test, scores)
