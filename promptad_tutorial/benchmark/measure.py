"""What a row is: fit a method on the drawn shots of a product line, score its test set, evaluate.

in:  a Method, a ProductLine and its TestSet, the number of shots, the seed of their draw
out: figures in [0, 100] %, and what stands behind them
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias

import torch

from promptad_tutorial.benchmark.methods import Method
from promptad_tutorial.benchmark.test_selection import fit_with_test_selection
from promptad_tutorial.benchmark.test_set import TestSet
from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.clip.text_tower import UnknownWordWarning
from promptad_tutorial.datasets import ProductLine, Sample, draw_shots
from promptad_tutorial.datasets.shots import draw_unsorted_shots
from promptad_tutorial.detectors import Detector, PromptAD
from promptad_tutorial.prompts.words import defect_states, own_states
from promptad_tutorial.scoring import Scores

KEY = ["product_line", "method", "shots", "seed"]
# What gives (train, test) features for a detector; an index into the first gives some shots'.
Encode: TypeAlias = Callable[[Detector, ProductLine, TestSet], tuple]


@dataclass(frozen=True)
class Measured:
    """A row, and what stands behind it."""

    row: dict[str, Any]  # KEY, the figures of `Evaluation` in %, seconds
    shots: tuple[Sample, ...]  # that the detector was fitted on, in drawing order
    detector: Detector
    scores: Scores


def measure(
    method: Method,
    backbone: Backbone,
    line: ProductLine,
    test: TestSet,
    shots: int,
    seed: int,
    encode: Encode,
    whole: Detector | None = None,
) -> Measured:
    """One row; shots and seed are 0 in it for a method that needs no picture.

    `whole` is a fitted PromptAD that is to be measured without its memory, in place of a fit.
    """
    begun = time.perf_counter()
    drawn: tuple[Sample, ...] = ()
    with warnings.catch_warnings():
        # a defect's own name may be a word that the small model never saw: that is the point
        warnings.simplefilter("ignore", UnknownWordWarning)
        detector = method.make(backbone, line.name, test.map_size)
        # the trap finds the words of MVTec AD and VisA itself
        foreign = method.traps.own_states and not own_states(line.name)
        if (method.own_states or foreign) and isinstance(detector, PromptAD):
            defects = sorted({s.defect for s in test.samples if s.label})
            states = (*detector.config.states, *defect_states(defects))
            detector.config = replace(detector.config, states=states)
        train_features, test_features = encode(detector, line, test)
        if method.few_shot:
            draw = draw_unsorted_shots if method.traps.unsorted_shots else draw_shots
            drawn = draw(line.train, shots, seed)
            chosen = sorted(line.train.index(s) for s in drawn)
            generator = torch.Generator().manual_seed(seed)
            if isinstance(whole, PromptAD):
                detector = whole.without_memory()
            elif method.traps.test_selected and isinstance(detector, PromptAD):
                seen = (test_features, test.labels, test.masks)
                fit_with_test_selection(detector, train_features[chosen], *seen, generator)
            else:
                detector.fit_features(train_features[chosen], generator)
        scores = detector.score_features(test_features)
    figures = {k: round(100 * v, 4) for k, v in asdict(test.evaluate(scores)).items()}
    key = (line.name, method.name, *((shots, seed) if method.few_shot else (0, 0)))
    row = dict(zip(KEY, key, strict=True)) | figures
    row["seconds"] = round(time.perf_counter() - begun, 3)
    return Measured(row, drawn, detector, scores)
