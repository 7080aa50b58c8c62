"""Training against SGD written out by hand, and what it does when something goes wrong."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from promptad_tutorial.clip.loading import Backbone
from promptad_tutorial.learning import loop as training
from promptad_tutorial.learning.config import PromptADConfig, with_trap
from promptad_tutorial.learning.loop import History, Level, objective, train
from promptad_tutorial.learning.losses import explicit_anomaly_margin
from promptad_tutorial.prompts.learner import PromptLearner
from promptad_tutorial.prompts.structure import pull_only, semantic_concatenation

STATES = ("damaged {}", "{} with flaw")
T = 10.0
# every setting large enough that three steps show it
CONFIG = PromptADConfig(
    steps=3,
    learning_rate=0.02,
    final_learning_rate=0.005,
    weight_decay=0.1,
    margin=0.3,
    alignment_weight=0.5,
)


def unit(*shape: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(*shape, generator=generator), dim=-1)


def level(backbone: Backbone, name: str = "image", n_tokens: int = 2) -> Level:
    """Untrained prompts, always with the same tokens, and features of three normal images."""
    image = name == "image"
    structure = semantic_concatenation("nut", 2 if image else 1, n_tokens, STATES, 2)
    generator = torch.Generator().manual_seed(3 if image else 4)
    learner = PromptLearner(backbone, structure, generator, std=0.2)
    return Level(name, learner, unit(3, 32, seed=1) if image else unit(3, 4, 32, seed=2))


def tokens(one: Level) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in one.learner.parameters()]


def written_out_loss(one: Level, config: PromptADConfig) -> dict[str, Tensor]:
    """Method section 2 with torch's own cross-entropy, one image or patch a row."""
    features, z = one.learner(), one.features.flatten(0, -2)
    negatives = torch.cat([features.manual, features.learnt])
    w_n, w_a = (F.normalize(side.mean(dim=0), dim=0) for side in (features.normal, negatives))
    logits = T * torch.cat([(z @ w_n)[:, None], z @ F.normalize(negatives, dim=1).T], dim=1)
    means = [F.normalize(side, dim=1).mean(dim=0) for side in (features.manual, features.learnt)]
    found = {
        "contrastive": F.cross_entropy(logits, torch.zeros(len(z), dtype=torch.long)),
        "margin": F.relu(
            torch.cdist(z, w_n[None]) ** 2 - torch.cdist(z, w_a[None]) ** 2 + 0.3
        ).mean(),
        "alignment": (means[0] - means[1]).pow(2).sum(),
    }
    total = found["contrastive"] + found["margin"] + config.alignment_weight * found["alignment"]
    return found | {"total": total}


def test_three_steps_are_those_of_sgd_by_hand(small_backbone):
    found, expected = level(small_backbone()), level(small_backbone())
    train([found], CONFIG, T)
    parameters = [expected.learner.contexts, expected.learner.suffixes]
    speeds = [torch.zeros_like(parameter) for parameter in parameters]
    first, last = 0.02, 0.005
    for step in range(3):
        rate = last + (first - last) * (1 + math.cos(math.pi * step / 3)) / 2
        gradients = torch.autograd.grad(written_out_loss(expected, CONFIG)["total"], parameters)
        for parameter, speed, gradient in zip(parameters, speeds, gradients, strict=True):
            with torch.no_grad():
                speed.mul_(0.9).add_(gradient + 0.1 * parameter)
                parameter.sub_(rate * speed)
    for one, other, start in zip(
        tokens(found), tokens(expected), tokens(level(small_backbone())), strict=True
    ):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=0)
        assert (one - start).abs().max() > 1e-2


def test_levels_trained_together_learn_what_each_learns_alone(small_backbone):
    names = ("image", "pixel")
    together = [level(small_backbone(), name) for name in names]
    table = train(together, CONFIG, T).table()
    for name, one in zip(names, together, strict=True):
        alone = level(small_backbone(), name)
        rows = train([alone], CONFIG, T).table()
        for found, expected in zip(tokens(one), tokens(alone), strict=True):
            torch.testing.assert_close(found, expected, atol=2e-6, rtol=0)
        totals = table[table["level"] == name]["total"].tolist()
        assert totals == pytest.approx(rows["total"].tolist(), abs=1e-5)


def test_the_history_has_a_row_for_every_step_and_level(small_backbone):
    levels = [level(small_backbone(), name) for name in ("image", "pixel")]
    expected = [written_out_loss(one, CONFIG) for one in levels]
    history = train(levels, CONFIG, T)
    table = history.table()
    columns = ["step", "level", "contrastive", "margin", "alignment", "total"]
    assert list(table.columns) == columns
    assert table["step"].tolist() == [0, 0, 1, 1, 2, 2]
    assert table["level"].tolist() == ["image", "pixel"] * 3
    assert (history.steps, history.interrupted) == (3, False)
    for row, terms in zip(history.rows, expected, strict=False):  # before the first step
        for name, value in terms.items():
            assert row[name] == pytest.approx(float(value.detach()), abs=1e-5), name
            assert row[name] > 1e-3  # no term sleeps
    totals = table["contrastive"] + table["margin"] + 0.5 * table["alignment"]
    assert totals.tolist() == pytest.approx(table["total"].tolist(), abs=1e-5)
    assert table["total"].iloc[-2] < table["total"].iloc[0]  # and it learns


def test_a_weight_of_0_leaves_its_term_out(small_backbone, monkeypatch):
    one = level(small_backbone())
    features = one.learner()
    monkeypatch.setattr(training.losses, "alignment", lambda *_: torch.tensor(float("nan")))
    monkeypatch.setattr(
        training.losses, "explicit_anomaly_margin", lambda *_: torch.tensor(math.inf)
    )
    neither = replace(CONFIG, margin_weight=0.0, alignment_weight=0.0)
    terms = objective(features, one.features, neither, T)
    assert torch.equal(terms["total"], terms["contrastive"])
    assert math.isnan(terms["alignment"]) and math.isinf(terms["margin"])  # told all the same
    for weights in ({"margin_weight": 0.0}, {"alignment_weight": 0.0}):
        left = objective(features, one.features, replace(CONFIG, **weights), T)["total"]
        assert not torch.isfinite(left)


def test_weights_scale_their_terms(small_backbone):
    one = level(small_backbone())
    features = one.learner()
    config = replace(CONFIG, margin_weight=3.0, alignment_weight=7.0)
    terms = objective(features, one.features, config, T)
    expected = terms["contrastive"] + 3 * terms["margin"] + 7 * terms["alignment"]
    torch.testing.assert_close(terms["total"], expected)


def test_trap_3_reaches_the_margin_of_patches(small_backbone):
    one = level(small_backbone(), "pixel")
    features = one.learner()
    w_n, w_a = training.losses.prototypes(features)
    expected = explicit_anomaly_margin(one.features, w_n, w_a, 0.3, over_patches=True)
    trap = with_trap(CONFIG, "margin_over_patches")
    assert torch.equal(objective(features, one.features, trap, T)["margin"], expected)
    clean = objective(features, one.features, CONFIG, T)["margin"]
    assert float((clean - expected).detach().abs()) > 1e-4


def test_normal_prompts_alone_are_pulled(small_backbone):
    learner = PromptLearner(small_backbone(), pull_only("nut", 2, 2), std=0.2)
    one = Level("image", learner, unit(3, 32, seed=1))
    w_n = F.normalize(learner().normal.detach().mean(dim=0), dim=0)
    expected = T * (1 - float((one.features @ w_n).mean()))
    table = train([one], replace(CONFIG, steps=5), T).table()
    assert table["contrastive"][0] == table["total"][0] == pytest.approx(expected, abs=1e-5)
    assert not table[["margin", "alignment"]].any(axis=None)
    assert table["total"].is_monotonic_decreasing


def test_after_step_sees_what_each_step_has_learnt(small_backbone):
    one = level(small_backbone())
    seen = [tokens(one)[0]]
    called = []

    def after_step(step: int) -> None:
        called.append(step)
        seen.append(tokens(one)[0])

    train([one], CONFIG, T, after_step)
    assert called == [1, 2, 3]
    assert not any(torch.equal(a, b) for a, b in pairwise(seen))
    assert torch.equal(seen[-1], tokens(one)[0])


def test_an_interruption_keeps_what_was_learnt(small_backbone, caplog):
    one, uninterrupted = level(small_backbone()), level(small_backbone())
    at_two: list[Tensor] = []

    def interrupt(step: int) -> None:
        if step == 2:
            raise KeyboardInterrupt

    def remember(step: int) -> None:
        if step == 2:
            at_two.extend(tokens(uninterrupted))

    history = train([one], CONFIG, T, interrupt)
    whole = train([uninterrupted], CONFIG, T, remember)
    assert (history.interrupted, history.steps, len(history.rows)) == (True, 2, 2)
    assert history.rows == whole.rows[:2]
    for found, expected in zip(tokens(one), at_two, strict=True):
        assert torch.equal(found, expected)
    assert "interrupted after 2 of 3 steps" in caplog.text


def test_other_errors_of_after_step_are_not_swallowed(small_backbone):
    def fail(step: int) -> None:
        raise RuntimeError(f"at {step}")

    with pytest.raises(RuntimeError, match="at 1"):
        train([level(small_backbone())], CONFIG, T, fail)


def test_a_loss_that_explodes_names_the_learning_rate(small_backbone):
    config = replace(CONFIG, learning_rate=1e38, steps=5)
    with pytest.raises(
        ValueError, match=r"the loss is nan at step \d: .* learning_rate than 1e\+38"
    ):
        train([level(small_backbone())], config, T)


def test_no_steps_learn_nothing(small_backbone):
    one = level(small_backbone())
    before = tokens(one)
    history = train([one], replace(CONFIG, steps=0), T, pytest.fail)
    assert all(map(torch.equal, tokens(one), before))
    assert (history.rows, history.steps, history.interrupted) == ([], 0, False)
    assert list(history.table().columns) == list(History().table().columns)
    assert len(history.table()) == 0


def test_without_anything_to_learn_training_is_no_error(small_backbone):
    learner = PromptLearner(small_backbone(), pull_only("nut", 1, 0))
    nothing = Level("pixel", learner, unit(3, 32, seed=1))
    assert train([nothing], CONFIG, T).rows == []
    # beside a level that learns it is there, and stays as it is
    beside = level(small_backbone())
    table = train([nothing, beside], CONFIG, T).table()
    assert table[table["level"] == "pixel"]["total"].nunique() == 1
    assert table[table["level"] == "image"]["total"].nunique() == 3
