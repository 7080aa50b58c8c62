"""Small detectors of every kind, random pictures, and training written out as plain arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from promptad_tutorial.clip.loading import Backbone
from promptad_tutorial.detectors import CoOp, Detector, PromptAD, VisualMemory, ZeroShot
from promptad_tutorial.learning.config import PromptADConfig
from promptad_tutorial.prompts.learner import PromptLearner
from promptad_tutorial.prompts.words import single_pair

MAP = 24  # px: maps are as good at this size, and quick

KINDS: dict[str, Callable[[Backbone], Detector]] = {
    "zero-shot": lambda backbone: ZeroShot(backbone, "nut", single_pair("nut"), MAP),
    "pull-only": lambda backbone: CoOp(backbone, "nut", quick(), "pull-only"),
    "two-class": lambda backbone: CoOp(backbone, "nut", quick(), "two-class"),
    "promptad": lambda backbone: PromptAD(backbone, "nut", quick()),
    "promptad without memory": lambda backbone: PromptAD(backbone, "nut", quick(use_memory=False)),
    "visual-memory": lambda backbone: VisualMemory(backbone, "nut", MAP),
}
LEARNING = [kind for kind in KINDS if kind != "zero-shot"]


def quick(**changes: Any) -> PromptADConfig:
    """Few prompts and three large steps, in which every term and every setting has its say."""
    few = {
        "states": ("damaged {}", "{} with flaw"),
        "n_normal_prompts": 2,
        "n_anomaly_suffixes": 3,
        "steps": 3,
        "learning_rate": 0.01,
        "final_learning_rate": 0.001,
        "weight_decay": 0.05,
        "margin": 0.5,
        "alignment_weight": 0.5,
        "map_size": MAP,
    }
    return PromptADConfig(**few | changes)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="session")
def shots() -> list[np.ndarray]:
    """Three pictures to learn from, 40 x 40 pixels of noise."""
    return list(np.random.default_rng(3).integers(0, 256, (3, 40, 40, 3), dtype=np.uint8))


@pytest.fixture(scope="session")
def pictures() -> list[np.ndarray]:
    """Four pictures to score; their means differ, so that their features do too."""
    draw = np.random.default_rng(4)
    return [draw.integers(40 * i, 40 * i + 100, (40, 40, 3), dtype=np.uint8) for i in range(4)]


def prompt_texts(detector: PromptAD, level: str) -> list[str]:
    """Every prompt of a level in words, with [P1] and [A1] for what is learnt."""
    return [prompt.text() for prompt in detector.structure(level).prompts]


def slow_features(learner: PromptLearner) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Raw features of NP, MAP, LAP and own prompts, each prompt written out by itself."""
    embeddings, ends = learner.assemble()
    raw = learner.text.encode_embeddings(embeddings, ends, unit_norm=False)
    s = learner.structure
    normal, manual, learnt, own = raw.split([len(x) for x in (s.normal, s.manual, s.learnt, s.own)])
    return normal, manual, learnt, own


def slow_sides(learner: PromptLearner) -> tuple[Tensor, Tensor]:
    """w_n and w_a (method section 1)."""
    normal, *negative = slow_features(learner)
    means = normal.mean(dim=0), torch.cat(negative).mean(dim=0)
    return means[0] / means[0].norm(), means[1] / means[1].norm()


def slow_loss(learner: PromptLearner, z: Tensor, config: PromptADConfig, t: float) -> Tensor:
    """Method section 2, term by term, with torch's own cross-entropy."""
    normal, manual, learnt, own = slow_features(learner)
    negatives = torch.cat([manual, learnt, own])
    w_n = normal.mean(dim=0) / normal.mean(dim=0).norm()
    z = z.reshape(-1, z.shape[-1])
    if not len(negatives):
        return t * (1 - z @ w_n).mean()
    w_a = negatives.mean(dim=0) / negatives.mean(dim=0).norm()
    sides = torch.stack([w_n, *(g / g.norm() for g in negatives)])
    loss = F.cross_entropy(t * z @ sides.T, torch.zeros(len(z), dtype=torch.long))
    if config.margin_weight:
        gap = (z - w_n).pow(2).sum(dim=1) - (z - w_a).pow(2).sum(dim=1) + config.margin
        loss = loss + config.margin_weight * gap.clamp_min(0).mean()
    if config.alignment_weight:
        mean_map, mean_lap = (
            torch.stack([g / g.norm() for g in side]).mean(dim=0) for side in (manual, learnt)
        )
        loss = loss + config.alignment_weight * (mean_map - mean_lap).pow(2).sum()
    return loss


def slow_training(
    detector: PromptAD, pictures: list[np.ndarray], until: int | None = None
) -> dict[str, dict[str, Tensor]]:
    """Tokens after SGD with momentum and cosine (method section 2), one level after the other.

    `until` ends it after so many steps of `config.steps`. Keys: level, "contexts" or "suffixes".
    """
    c, t = detector.config, detector.temperature
    found = detector.backbone.encode_images(pictures)
    learnt = {}
    for level, learner in detector.learners(seeded()).items():
        z = found.cls if level == "image" else found.patches
        parameters = {n: p for n, p in learner.named_parameters() if p.numel()}
        z = z.to(learner.contexts.dtype)  # a small tower learns in float64
        speed = {name: torch.zeros_like(p) for name, p in parameters.items()}
        for step in range(c.steps if until is None else until):
            cosine = (1 + math.cos(math.pi * step / c.steps)) / 2
            rate = c.final_learning_rate + (c.learning_rate - c.final_learning_rate) * cosine
            slopes = torch.autograd.grad(
                slow_loss(learner, z, c, t), list(parameters.values()), allow_unused=True
            )
            with torch.no_grad():
                for (name, p), slope in zip(parameters.items(), slopes, strict=True):
                    if slope is not None:
                        speed[name] = c.momentum * speed[name] + slope + c.weight_decay * p
                        p -= rate * speed[name]
        learnt[level] = {name: p.detach().float() for name, p in learner.named_parameters()}
    return learnt


def assert_same_scores(one, other, atol: float = 1e-6) -> None:
    """Image scores and maps agree, and the scores are not all alike."""
    np.testing.assert_allclose(one.image_scores, other.image_scores, atol=atol, rtol=0)
    np.testing.assert_allclose(one.anomaly_maps, other.anomaly_maps, atol=atol, rtol=0)
    assert one.anomaly_maps.std() > 1e-4
