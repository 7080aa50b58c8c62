"""The cache of features: the same numbers, whole files, damage noticed, bounded, many processes."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError
from PIL import Image

from promptad_tutorial.benchmark.encoding import CachedEncoder, Request, request_of
from promptad_tutorial.benchmark.feature_cache import FeatureCache
from promptad_tutorial.benchmark.test_set import TestSet
from promptad_tutorial.detectors import CoOp, PromptAD, VisualMemory, WinCLIP, ZeroShot
from promptad_tutorial.learning.config import PromptADConfig, Traps

KEY = {"image": "a", "blocks": [1, 2]}
TENSORS = {"cls": torch.arange(6.0), "blocks": torch.ones(2, 1, 3)}


def tensors_of(features) -> dict[str, torch.Tensor]:
    found = dict(vars(features))
    found |= {f"w{side}": one for side, one in found.pop("windows", {}).items()}
    return found


@pytest.fixture
def paths(two_lines) -> list[Path]:
    return [s.image for s in two_lines.load("wood").test][:5]


@pytest.fixture
def passes(small_backbone, monkeypatch) -> list[int]:
    """The sizes of the batches that run through the image tower of `small_backbone()`."""
    seen: list[int] = []
    conv = small_backbone().model.visual.conv1
    handle = conv.register_forward_hook(lambda module, inputs, output: seen.append(len(output)))
    yield seen
    handle.remove()


def test_what_is_put_comes_back_and_another_key_does_not(tmp_path):
    cache = FeatureCache(tmp_path)
    assert cache.get(KEY) is None and KEY not in cache
    cache.put(KEY, TENSORS)
    found = cache.get(dict(reversed(KEY.items())))
    assert found.keys() == TENSORS.keys()
    assert all(torch.equal(found[name], TENSORS[name]) for name in TENSORS)
    assert cache.get(KEY | {"blocks": [1]}) is None
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("damage", ["cut", "flipped", "nonsense", "empty", "moved"])
def test_a_damaged_entry_counts_as_missing_and_is_made_again(tmp_path, damage):
    cache = FeatureCache(tmp_path)
    cache.put(KEY, TENSORS)
    path = cache.path(KEY)
    data = bytearray(path.read_bytes())
    if damage == "flipped":
        data[-3] ^= 1  # within the numbers, which safetensors itself does not check
    elif damage == "moved":
        cache.put({"image": "b"}, TENSORS)
        data = cache.path({"image": "b"}).read_bytes()
    kept = {"cut": data[:-4], "nonsense": b"nonsense", "empty": b""}
    path.write_bytes(kept.get(damage, data))
    assert cache.get(KEY) is None
    cache.put(KEY, TENSORS)
    assert torch.equal(cache.get(KEY)["cls"], TENSORS["cls"])


def test_the_size_is_bounded_and_what_was_used_longest_ago_goes_first(tmp_path):
    entry = {"cls": torch.zeros(250)}
    cache = FeatureCache(tmp_path, bound=1e9)
    for number in range(8):
        cache.put({"image": number}, entry)
        os.utime(cache.path({"image": number}), (number, number))
    size = cache.usage().size // 8
    assert cache.get({"image": 0}) is not None  # used now
    small = FeatureCache(tmp_path, bound=4.5 * size)
    small.put({"image": "new"}, entry)
    kept = {n for n in (*range(8), "new") if {"image": n} in small}
    assert kept == {6, 7, 0, "new"}
    for number in range(100, 130):
        small.put({"image": number}, entry)
        assert small.usage().size <= 4.5 * size
    assert {"image": 129} in small
    assert small.clear().entries >= 3 and small.usage().entries == 0
    with pytest.raises(ValueError, match="more than 0 bytes"):
        FeatureCache(tmp_path, 0)


def test_half_written_files_of_dead_processes_are_swept_away(tmp_path):
    cache = FeatureCache(tmp_path)
    cache.put(KEY, TENSORS)
    old, new = (cache.path(KEY).parent / name for name in ("old.part", "new.part"))
    old.write_bytes(b"x")
    new.write_bytes(b"x")
    os.utime(old, (1, 1))
    assert cache.usage().entries == 1
    assert not old.exists() and new.exists()


def test_a_folder_that_cannot_be_written_costs_the_entry_and_not_the_run(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    cache = FeatureCache(tmp_path / "file")
    cache.put(KEY, TENSORS)
    assert "features are not kept" in caplog.text and cache.get(KEY) is None


# --- through an encoder ---------------------------------------------------------------------


@pytest.mark.parametrize("windows", [False, True], ids=["v-v", "windows"])
def test_a_hit_gives_identical_features_and_does_not_run_the_tower(
    small_backbone, paths, passes, tmp_path, windows
):
    cache = FeatureCache(tmp_path)
    encoder = CachedEncoder(small_backbone(), cache)
    first = tensors_of(encoder.features(paths, Request(windows)))
    assert sum(passes) >= len(paths)
    passes.clear()
    again = CachedEncoder(small_backbone(), FeatureCache(tmp_path))
    second = tensors_of(again.features(paths[::-1], Request(windows)))
    assert passes == []
    for name, one in first.items():
        batch = 1 if name == "blocks" else 0
        assert torch.equal(one, second[name].flip(batch)), name
    cache.path(encoder.key(paths[2], Request(windows))).write_bytes(b"damaged")
    third = tensors_of(again.features(paths, Request(windows)))
    assert len(passes) > 0 and all(torch.equal(one, third[name]) for name, one in first.items())


def test_the_key_holds_content_weights_build_preprocessing_and_request(
    small_backbone, paths, tmp_path
):
    one = CachedEncoder(small_backbone(), None)
    key = one.key(paths[0], Request())
    copy = tmp_path / "other name.jpg"
    copy.write_bytes(paths[0].read_bytes())
    assert one.key(copy, Request()) == key
    others = [
        one.key(paths[1], Request()),
        one.key(paths[0], Request(windows=True)),
        one.key(paths[0], Request(bgr=True)),
        one.key(paths[0], Request(blocks_in_place=True)),
        CachedEncoder(small_backbone(), None, "crop").key(paths[0], Request()),
        CachedEncoder(small_backbone("small-quickgelu"), None).key(paths[0], Request()),
    ]
    assert all(other != key for other in others)


TRAPS = PromptADConfig(traps=Traps.all())


@pytest.mark.parametrize(
    "make",
    [
        lambda b: ZeroShot(b, "wood"),
        lambda b: VisualMemory(b, "wood"),
        lambda b: WinCLIP(b, "wood"),
        lambda b: CoOp(b, "wood"),
        lambda b: PromptAD(b, "wood"),
        lambda b: PromptAD(b, "wood", TRAPS),
        lambda b: PromptAD(b, "wood", replace(TRAPS, use_memory=False)),
    ],
)
def test_detectors_get_what_they_would_encode_themselves(small_backbone, two_lines, make):
    detector, line = make(small_backbone()), two_lines.load("wood")
    test = TestSet.of(line, 16)
    shots, found = CachedEncoder(small_backbone(), None)(detector, line, test)
    expected = {
        "test": (found, detector.encode(test.images, test=True)),
        "shots": (shots[[2, 0]], detector.encode([line.train[i].image for i in (2, 0)])),
    }
    for mine, own in expected.values():
        for name, one in tensors_of(own).items():
            if name != "blocks" or one.numel():
                torch.testing.assert_close(tensors_of(mine)[name], one, atol=1e-5, rtol=0)


def test_only_drawn_shots_are_read(small_backbone, two_lines, tmp_path):
    line = two_lines.load("wood")
    nowhere = replace(line.train[0], image=tmp_path / "missing.jpg")
    line = replace(line, train=(nowhere, *line.train[1:]))
    encoder = CachedEncoder(small_backbone(), FeatureCache(tmp_path))
    shots, _ = encoder(ZeroShot(small_backbone(), "wood"), line, TestSet.of(line, 16))
    assert len(shots) == 4 and len(shots[[1, 3]]) == 2
    with pytest.raises(OSError, match="missing.jpg"):
        shots[[0]]


def test_crop_is_a_preprocessing_of_its_own(small_backbone, tmp_path):
    wide = np.random.default_rng(0).integers(0, 256, (40, 90, 3), dtype=np.uint8)
    path = tmp_path / "wide.png"
    Image.fromarray(wide).save(path)
    backbone = small_backbone()
    for windows in (False, True):
        a, b = (
            CachedEncoder(backbone, FeatureCache(tmp_path / "c"), resize).features(
                [path], Request(windows)
            )
            for resize in ("squash", "crop")
        )
        assert not torch.allclose(a.cls, b.cls, atol=1e-3)
        expected = backbone.encode_images([path], resize="crop").cls
        torch.testing.assert_close(b.cls, expected, atol=1e-5, rtol=0)


def test_a_kind_of_detector_that_is_not_known_is_refused(small_backbone, two_lines, monkeypatch):
    detector, line = VisualMemory(small_backbone(), "wood"), two_lines.load("wood")
    monkeypatch.setattr("promptad_tutorial.benchmark.encoding.VisualMemory", WinCLIP)
    assert request_of(detector, False) is None
    with pytest.raises(ValueError, match="a detector of kind 'visual-memory'"):
        CachedEncoder(small_backbone(), None)(detector, line, TestSet.of(line, 16))


# --- several processes ----------------------------------------------------------------------


def write_and_read(folder: Path, seed: int) -> list[bool]:
    cache = FeatureCache(folder, bound=60_000)  # so small that each removes what the other needs
    found = []
    for number in torch.randperm(40, generator=torch.Generator().manual_seed(seed)).tolist() * 3:
        there = cache.get({"image": number})
        if there is None:
            cache.put({"image": number}, {"cls": torch.full((500,), float(number))})
        else:
            found.append(bool((there["cls"] == number).all()))
    return found


@pytest.mark.slow
def test_two_processes_at_once_never_read_a_wrong_number(tmp_path):
    found = Parallel(n_jobs=2)(delayed(write_and_read)(tmp_path, seed) for seed in (0, 1))
    assert all(all(one) for one in found) and sum(map(len, found)) > 0
    assert FeatureCache(tmp_path).usage().size <= 60_000 * 1.1
    assert not list(tmp_path.rglob("*.part"))


def write_until_killed(folder: Path) -> None:
    """Writes entry after entry; after a moment the kernel ends this process, wherever it is."""
    cache = FeatureCache(folder)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    for number in range(1_000_000):
        cache.put({"image": number}, {"cls": torch.full((50_000,), float(number))})


def test_a_process_that_is_killed_while_it_writes_leaves_only_whole_entries(tmp_path):
    with pytest.raises(TerminatedWorkerError):
        Parallel(n_jobs=2)(delayed(write_until_killed)(tmp_path) for _ in range(1))
    cache = FeatureCache(tmp_path)
    there = cache.usage().entries
    assert there > 3 and sum({"image": number} in cache for number in range(there + 1)) == there
    for number in range(there):
        found = cache.get({"image": number})
        assert found is not None and bool((found["cls"] == number).all())
    for path in tmp_path.rglob("*.part"):  # of the moment of the death
        os.utime(path, (1, 1))
    assert cache.usage().entries == there and not list(tmp_path.rglob("*.part"))
