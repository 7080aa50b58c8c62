"""Batches become smaller where the memory does not suffice, and nothing is lost or done twice."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from PIL import Image

from promptad_tutorial.clip import out_of_memory
from promptad_tutorial.clip.loading import load_backbone
from promptad_tutorial.clip.out_of_memory import (
    HalvingBatches,
    TooLittleMemoryError,
    is_out_of_memory,
    largest_batch,
)
from promptad_tutorial.clip.weights.pretrained import choose
from promptad_tutorial.commands.score_folder.stream import inspect
from promptad_tutorial.detectors import VisualMemory

ERRORS = {
    "cuda": lambda: torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    "mps": lambda: RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
    "cpu": lambda: RuntimeError("[enforce fail at alloc_cpu.cpp:117] err == 0. "
                                "DefaultCPUAllocator: can't allocate memory: you tried"),
    "windows": lambda: RuntimeError("DefaultCPUAllocator: not enough memory: you tried to"),
    "python": MemoryError,
}  # fmt: skip


def worker(fits: int, error=ERRORS["cuda"]):
    """Squares batches of at most `fits` numbers; keeps the sizes that were tried."""
    tried: list[int] = []

    def work(batch: list[int]) -> list[int]:
        tried.append(len(batch))
        if len(batch) > fits:
            raise error()
        return [n * n for n in batch]

    return work, tried


@pytest.mark.parametrize("kind", ERRORS)
def test_the_batch_halves_says_so_and_stays_small(caplog, kind):
    work, tried = worker(3, ERRORS[kind])
    batches = HalvingBatches(work, 16)
    with caplog.at_level(logging.WARNING):
        found = list(batches(list(range(20))))
        more = list(batches(list(range(4))))
    assert [n for batch, _ in found for n in batch] == list(range(20))
    assert [n for _, result in found for n in result] == [n * n for n in range(20)]
    assert tried == [16, 8, 4] + 12 * [2] and len(more) == 2 and batches.size == 2
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        f"out of memory with a batch of {n}: going on with {n // 2}" for n in (16, 8, 4)
    ]


def test_a_last_batch_that_is_smaller_halves_from_its_own_size():
    work, tried = worker(2)
    assert [len(batch) for batch, _ in HalvingBatches(work, 16)([1, 2, 3, 4, 5])] == [2, 2, 1]
    assert tried == [5, 2, 2, 1]


def test_one_that_does_not_fit_alone_is_an_error_that_says_what_to_do():
    work, tried = worker(0)
    with pytest.raises(TooLittleMemoryError, match="single picture: .* PROMPTAD_DEVICE=cpu"):
        list(HalvingBatches(work, 4)([1, 2, 3, 4]))
    assert tried == [4, 2, 1]


@pytest.mark.parametrize("error", [RuntimeError("shape mismatch"), ValueError("out of memory")])
def test_other_errors_go_through_at_once(error):
    def work(batch):
        raise error

    assert not is_out_of_memory(error)
    with pytest.raises(type(error)):
        list(HalvingBatches(work, 4)([1, 2]))
    with pytest.raises(ValueError, match="1 or more"):
        HalvingBatches(work, 0)


def test_scores_are_the_same_when_memory_runs_out(small_backbone, monkeypatch, tmp_path):
    draw = np.random.default_rng(0)
    paths = [tmp_path / f"{n}.png" for n in range(5)]
    for path in paths:
        Image.fromarray(draw.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(path)
    detector = VisualMemory(small_backbone(), "nut", 24).fit(paths[:2])
    expected = detector.score(paths).image_scores
    whole = detector.score

    def small(batch):
        if len(batch) > 2:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return whole(batch)

    monkeypatch.setattr(detector, "score", small)
    found = list(inspect(detector, paths, 4))
    np.testing.assert_allclose([one.score for one in found], expected, atol=1e-6)


# --- before anything runs -------------------------------------------------------------------


def test_large_pictures_are_read_in_smaller_batches_from_the_start(small_configs, monkeypatch):
    monkeypatch.setattr(out_of_memory, "AT_ONCE", 2**20)
    sizes = {}
    for image_size in (32, 256):
        backbone = load_backbone("small-plain", "random", "cpu", image_size=image_size)
        seen = []
        hook = backbone.model.visual.conv1.register_forward_pre_hook(
            lambda _, given, seen=seen: seen.append(len(given[0]))
        )
        backbone.encode_images(torch.randn(7, 3, image_size, image_size), blocks=())
        hook.remove()
        sizes[image_size] = seen
    assert sizes == {32: [7], 256: [1] * 7}  # 17 and 1025 tokens of width 64


@pytest.mark.parametrize(
    ("name", "image_size", "expected"),
    [("ViT-B-16-plus-240", None, 16), ("ViT-B-16-plus-240", 1024, 4), ("ViT-L-14-336", None, 16)],
)
def test_the_estimate_leaves_usual_batches_whole(name, image_size, expected):
    config = choose(name, "random", image_size)
    with torch.device("meta"):
        visual = config.new_model().visual
    assert min(16, largest_batch(visual)) == expected
