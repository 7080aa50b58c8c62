"""A minifactory of two product lines that is rendered in a moment."""

from __future__ import annotations

import pytest

from promptad_tutorial.datasets import Dataset, open_dataset
from workshop.minifactory.build import BuildPlan, build_benchmark
from workshop.minifactory.product_lines import LINES

TWO_LINES = tuple(line for line in LINES if line.name in ("wood", "capsule"))


@pytest.fixture(scope="session")
def two_lines(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    plan = BuildPlan(size=48, train_good=4, test_good=4, each_defect=1)
    return open_dataset(build_benchmark(tmp_path_factory.mktemp("two"), plan, TWO_LINES, jobs=1))
