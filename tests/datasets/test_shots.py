from __future__ import annotations

import random
from pathlib import Path

import pytest

from promptad_tutorial.datasets import Sample, draw_shots

SAMPLES = tuple(Sample(Path(f"/data/good/{i}.png"), 0, "good") for i in range(12))

# What the first release drew for seeds 0, 1 and 2: published results depend on it.
PINNED = [
    ["11.png", "3.png", "2.png", "1.png"],
    ["9.png", "2.png", "4.png", "7.png"],
    ["7.png", "3.png", "11.png", "6.png"],
]


@pytest.mark.parametrize("seed", range(10))
def test_the_draws_of_one_seed_are_nested(seed):
    largest = draw_shots(SAMPLES, len(SAMPLES), seed)
    assert set(largest) == set(SAMPLES)
    for shots in range(1, len(SAMPLES)):
        assert draw_shots(SAMPLES, shots, seed) == largest[:shots]


def test_the_order_of_the_files_and_their_root_do_not_matter():
    shuffled = list(SAMPLES)
    random.Random(0).shuffle(shuffled)
    assert draw_shots(shuffled, 4, 7) == draw_shots(SAMPLES, 4, 7)
    moved = [Sample(Path("/home/1/z") / s.image.name, 0, "good") for s in shuffled]
    names = [s.image.name for s in draw_shots(moved, 4, 7)]
    assert names == [s.image.name for s in draw_shots(SAMPLES, 4, 7)]


def test_the_draw_is_the_same_on_every_machine_and_version():
    names = [[s.image.name for s in draw_shots(SAMPLES, 4, seed)] for seed in range(3)]
    assert names == PINNED


def test_seeds_differ_and_every_image_has_the_same_chance():
    draws = [draw_shots(SAMPLES, 1, seed)[0] for seed in range(1200)]
    counts = [draws.count(s) for s in SAMPLES]
    # 100 expected each, standard deviation below 10.
    assert min(counts) > 60 and max(counts) < 140


@pytest.mark.parametrize("shots", [0, -1, 13])
def test_too_few_or_too_many_shots(shots):
    with pytest.raises(ValueError, match=f"between 1 and the 12 samples there are, got {shots}"):
        draw_shots(SAMPLES, shots, 0)


def test_a_negative_seed_and_an_anomalous_sample_are_refused():
    with pytest.raises(ValueError, match="seed must be 0 or more, got -1"):
        draw_shots(SAMPLES, 1, -1)
    scratch = Sample(Path("/data/scratch/0.png"), 1, "scratch")
    with pytest.raises(ValueError, match="found defect 'scratch' at"):
        draw_shots([*SAMPLES, scratch], 1, 0)
