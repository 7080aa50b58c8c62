"""What the tests of explorers share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.explorers import LabelledFeatures, ShotFeatures
from promptad_tutorial.figures import illustration
from promptad_tutorial.learning.config import PromptADConfig

# few prompts and three large steps
QUICK = PromptADConfig(
    states=("damaged {}", "{} with flaw"),
    n_normal_prompts=2,
    n_anomaly_suffixes=2,
    steps=3,
    learning_rate=0.05,
    map_size=8,
)


@pytest.fixture
def backbone(small_backbone: Callable[[str], Backbone]) -> Backbone:
    return small_backbone("small-plain")


def unit(generator: torch.Generator, *shape: int) -> torch.Tensor:
    """Random features of length 1."""
    return torch.nn.functional.normalize(torch.randn(*shape, generator=generator), dim=-1)


def random_shots(backbone: Backbone, seed: int, draws: int = 3) -> ShotFeatures:
    """Four shots a draw, and 12 good and 8 anomalous test pictures."""
    generator = torch.Generator().manual_seed(seed)
    shots = tuple(unit(generator, 4, backbone.embed_dim) for _ in range(draws))
    test = unit(generator, 20, backbone.embed_dim)
    return ShotFeatures(shots, LabelledFeatures(test, np.array([0] * 12 + [1] * 8)))


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """How often the costly steps were made: counts do not depend on the machine, seconds do."""
    done: Counter[str] = Counter()

    def count(owner: Any, name: str, what: str) -> None:
        real = getattr(owner, name)

        def counted(*inputs: Any, **named: Any) -> Any:
            done[what] += 1
            return real(*inputs, **named)

        monkeypatch.setattr(owner, name, counted)

    count(illustration, "encode_png", "pictures drawn")
    count(Backbone, "encode_text", "texts")
    count(Backbone, "encode_images", "images")
    count(Backbone, "attention_weights", "attention")
    hook = register_optimizer_step_post_hook(lambda *step: done.update(steps=1))
    yield done
    hook.remove()
