"""Backbones for the tests: small random open_clip models of many builds, and one of full size."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import open_clip
import pytest
import torch

from promptad_tutorial.clip.loading import Backbone, load_backbone
from promptad_tutorial.datasets import Dataset, open_dataset

SMALL = {
    "embed_dim": 32,
    "vision_cfg": {
        "image_size": 32,
        "patch_size": 8,
        "width": 64,
        "head_width": 16,
        "layers": 6,
    },
    "text_cfg": {
        "context_length": 24,
        "vocab_size": 49408,
        "width": 48,
        "heads": 3,
        "layers": 3,
    },
}

# What differs from SMALL: (top level, vision, text).
BUILDS: dict[str, tuple[dict, dict, dict]] = {
    "small-plain": ({}, {}, {}),
    "small-quickgelu": ({"quick_gelu": True}, {}, {}),
    "small-layer-scale": ({}, {"ls_init_value": 0.5}, {"ls_init_value": 0.5}),
    "small-uneven-patches": ({}, {"image_size": 36}, {}),
    "small-12-blocks": ({}, {"layers": 12}, {}),
}


ROOT = Path(__file__).resolve().parents[1]
PROMPTS = ["a photo of a flawless washer.", "washer", "a close-up photo of the damaged long word"]


def random_pixels(backbone: Backbone, count: int = 3) -> torch.Tensor:
    size = backbone.image_size
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(2))


def write_config(folder: Path, name: str, *changes: dict) -> None:
    """Tell open_clip of a model config; `changes` are for the top level, vision and text."""
    config = deepcopy(SMALL)
    top, vision, text = (*changes, {}, {}, {})[:3]
    config.update(top)
    config["vision_cfg"].update(vision)
    config["text_cfg"].update(text)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(config))
    open_clip.add_model_config(path)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first, so that processes that share the files end together."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def small_configs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every small build is known to open_clip; returns the folder of the configs."""
    folder = tmp_path_factory.mktemp("configs")
    for name, changes in BUILDS.items():
        write_config(folder, name, *changes)
    return folder


def stir(backbone: Backbone) -> Backbone:
    """Move every weight off its start, so that biases of 0 and gains of 1 hide nothing."""
    generator = torch.Generator().manual_seed(5)
    for name, weight in backbone.model.named_parameters():
        noise = torch.randn(weight.shape, generator=generator).to(weight.dtype)
        if name != "logit_scale":  # the temperature has been read already
            weight.add_(0.05 * noise)
    return backbone


@pytest.fixture(scope="session")
def small_backbone(small_configs: Path) -> Callable[[str], Backbone]:
    """A random backbone of one of the small builds, made once each."""
    made: dict[str, Backbone] = {}

    def make(name: str = "small-plain") -> Backbone:
        if name not in made:
            made[name] = stir(load_backbone(name, pretrained="random", device="cpu"))
        return made[name]

    return make


@pytest.fixture(scope="session")
def plus_240(small_configs: Path) -> Backbone:
    """The paper's architecture in full size with random weights: 208 million numbers, once."""
    return load_backbone("ViT-B-16-plus-240", pretrained="random", device="cpu")


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two product lines with five pictures a folder, under a name of their own."""
    root = tmp_path_factory.mktemp("switched") / "other_factory"
    for line in ("wood", "brick"):
        for folder in sorted((ROOT / "data" / "minifactory" / line).glob("*/*")):
            wanted = root / line / folder.parent.name / folder.name
            wanted.mkdir(parents=True)
            for file in sorted(folder.iterdir())[:5]:
                shutil.copy(file, wanted)
    return root


@pytest.fixture(scope="session")
def two_lines(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A minifactory of two product lines that is rendered in a moment."""
    from workshop.minifactory.build import BuildPlan, build_benchmark
    from workshop.minifactory.product_lines import LINES

    lines = tuple(line for line in LINES if line.name in ("wood", "capsule"))
    plan = BuildPlan(size=48, train_good=4, test_good=4, each_defect=1)
    return open_dataset(build_benchmark(tmp_path_factory.mktemp("two"), plan, lines, jobs=1))
