"""Fit and measure methods on product lines, over shots and seeds: parallel, and resumable.

All pictures of a product line are encoded at once, as the committed tables were made; the
benchmark's tasks encode one picture at a time, which changes the last digits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from promptad_tutorial.benchmark.measure import KEY, Encode, measure
from promptad_tutorial.benchmark.methods import Method
from promptad_tutorial.benchmark.test_set import TestSet
from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.datasets import Dataset, ProductLine
from promptad_tutorial.detectors import Detector, PromptAD


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
    features: dict[tuple, tuple] = {}
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
    features: dict[tuple, tuple] | None = None,
) -> list[dict[str, object]]:
    """The rows of one product line and seed that are not `there` yet.

    `features` is filled with what was encoded, and used again.
    """
    test = TestSet.of(line, plan.map_size, backbone.resize)
    encode = _encode_once({} if features is None else features)
    there = set(there or ())
    rows = []
    for shots in plan.shots:
        fitted: dict[str, Detector] = {}
        for method in plan.methods:
            key = (line.name, method.name, *((shots, seed) if method.few_shot else (0, 0)))
            if key not in there:
                whole = fitted.get(method.text_of or "")
                found = measure(method, backbone, line, test, shots, seed, encode, whole)
                fitted[method.name] = found.detector
                rows.append(found.row)
                there.add(key)
    return rows


def _encode_once(features: dict[tuple, tuple]) -> Encode:
    """Features of all training and all test pictures, once for all detectors that want the same."""

    def encode(detector: Detector, line: ProductLine, test: TestSet) -> tuple:
        asked: tuple = (detector.kind,)
        if isinstance(detector, PromptAD):
            traps = detector.config.traps
            asked = (
                *("promptad", detector.config.use_memory, traps.memory_in_place),
                *(traps.test_images_bgr, traps.resize_through_1024),
            )
        if asked not in features:
            train = detector.encode([s.image for s in line.train])
            features[asked] = train, detector.encode(test.images, test=True)
        return features[asked]

    return encode
