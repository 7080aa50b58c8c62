"""Small towers compute with one thread, large ones with as many as before; counted, not timed."""

from __future__ import annotations

import threading

import pytest
import torch

from promptad_tutorial.clip.loading import load_backbone
from promptad_tutorial.clip.threads import SMALL_WIDTH, threads_for
from promptad_tutorial.detectors import PromptAD, WinCLIP
from promptad_tutorial.learning.config import PromptADConfig
from promptad_tutorial.learning.loop import Level, train
from tests.conftest import random_pixels, write_config

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def threads_seen(module: torch.nn.Module, work) -> set[int]:
    """The numbers of threads with which a module runs, forward and backward, during `work`."""
    seen: set[int] = set()

    def note(*_: object) -> None:
        seen.add(torch.get_num_threads())

    hooks = module.register_forward_hook(note), module.register_full_backward_hook(note)
    try:
        work()
    finally:
        for hook in hooks:
            hook.remove()
    assert torch.get_num_threads() == 3, "what the user has set is not back"
    return seen


def test_a_fit_and_a_score_in_a_small_tower_take_one_thread(small_backbone):
    backbone = small_backbone()
    pixels = random_pixels(backbone)
    detector = PromptAD(backbone, "washer", PromptADConfig(steps=2, map_size=32))
    learning = detector.learners()["image"].text
    blocks = backbone.text.blocks[0].ln_1, backbone.model.visual.transformer.resblocks[0].ln_1
    for block in (learning.blocks[0].ln_1, blocks[1]):
        assert threads_seen(block, lambda: detector.fit(pixels)) == {1}
    assert threads_seen(blocks[1], lambda: detector.score(pixels)) == {1}
    assert threads_seen(blocks[0], lambda: backbone.encode_text("a washer")) == {1}
    winclip = WinCLIP(backbone, "washer", map_size=32)
    assert threads_seen(blocks[1], lambda: winclip.fit(pixels)) == {1}


def test_scores_of_a_small_tower_are_computed_with_one_thread(small_backbone, monkeypatch):
    seen = []
    backbone = small_backbone()
    detector = PromptAD(backbone, "washer", PromptADConfig(steps=1, map_size=32))
    detector.fit(random_pixels(backbone))
    features = detector.encode(random_pixels(backbone))
    side_score = detector.side_score

    def counted(*given):
        seen.append(torch.get_num_threads())
        return side_score(*given)

    monkeypatch.setattr(detector, "side_score", counted)
    detector.score_features(features)
    assert seen == [1, 1] and torch.get_num_threads() == 3


def test_prompts_that_are_trained_without_a_detector_take_one_thread(small_backbone):
    backbone = small_backbone()
    detector = PromptAD(backbone, "washer", PromptADConfig(steps=2, map_size=32))
    level = Level("image", detector.learners()["image"], torch.ones(1, backbone.embed_dim))
    block = level.learner.text.blocks[0].ln_1
    assert threads_seen(block, lambda: train([level], detector.config, 2.0)) == {1}


def test_a_large_tower_keeps_the_users_threads(small_configs, tmp_path):
    write_config(tmp_path, "small-wide", {}, {}, {"width": SMALL_WIDTH, "heads": 4})
    wide = load_backbone("small-wide", pretrained="random", device="cpu")
    blocks = wide.text.blocks[0].ln_1, wide.model.visual.transformer.resblocks[0].ln_1
    assert threads_seen(blocks[0], lambda: wide.encode_text("a washer")) == {3}
    assert threads_seen(blocks[1], lambda: wide.encode_images(random_pixels(wide))) == {3}


@pytest.mark.parametrize(
    ("width", "device", "expected"),
    [
        (SMALL_WIDTH - 1, CPU, 1),
        (SMALL_WIDTH, CPU, 3),
        (64, torch.device("cuda"), 3),
    ],
)
def test_width_and_device_decide(width, device, expected):
    with threads_for(width, device):
        assert torch.get_num_threads() == expected
    assert torch.get_num_threads() == 3


def test_the_number_is_back_after_nesting_and_after_an_error():
    with pytest.raises(KeyboardInterrupt), threads_for(64, CPU):
        with threads_for(64, CPU):
            pass
        assert torch.get_num_threads() == 1
        raise KeyboardInterrupt
    assert torch.get_num_threads() == 3


def test_threads_of_python_that_overlap_leave_the_number_of_the_first():
    entered, leave = threading.Event(), threading.Event()
    found = []

    def other() -> None:
        with threads_for(64, CPU):
            found.append(torch.get_num_threads())
            entered.set()
            leave.wait(10)
        found.append(torch.get_num_threads())

    with threads_for(64, CPU):  # a thread that begins now would inherit the one for good
        thread = threading.Thread(target=other)
        thread.start()
        assert entered.wait(10)
    assert torch.get_num_threads() == 3  # the first has left, the other is still in
    leave.set()
    thread.join()
    assert found == [1, 3] and torch.get_num_threads() == 3
