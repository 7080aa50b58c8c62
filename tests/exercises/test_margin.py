"""What is special to the exercises of notebook 05; `test_checks` holds for them too."""

from __future__ import annotations

import pytest
import torch

from promptad_tutorial import exercises as checks
from promptad_tutorial.exercises.verdict import Task
from promptad_tutorial.learning.losses import explicit_anomaly_margin
from tests.exercises.learners_margin import idle_margin, margin_gradient, margin_loss


@pytest.fixture
def cases(monkeypatch) -> list[Task]:
    """The tasks that functions are judged by, in the order of the calls."""
    seen: list[Task] = []
    judge = Task.judge

    def spy(task, fn):
        seen.append(task)
        return judge(task, fn)

    monkeypatch.setattr(Task, "judge", spy)
    return seen


def test_the_loss_may_be_a_tensor_with_a_graph():
    right = lambda z, *rest: explicit_anomaly_margin(z.requires_grad_(), *rest)  # noqa: E731
    assert checks.margin_loss(right)
    verdict = checks.margin_loss(lambda z, *more: z.sum(dim=1))
    assert "the result is a tensor of shape (6,), expected one number" in verdict.message


def test_every_case_has_pictures_on_both_sides_of_the_hinge(cases):
    checks.margin_loss(margin_loss)
    checks.margin_gradient(margin_gradient)
    for task in cases:
        for z, w_n, w_a, size in task.cases:
            argument = 2 * z @ (w_a - w_n) + size
            assert (argument > 0.01).any() and (argument < -0.01).any()


def test_at_the_idle_margin_the_loss_is_0_and_a_little_beyond_it_is_not(cases):
    checks.idle_margin(idle_margin)
    for z, w_n, w_a in cases[0].cases:
        size = idle_margin(z, w_n, w_a)
        assert size > 0.01
        assert float(explicit_anomaly_margin(z, w_n, w_a, size - 1e-3)) == 0
        assert float(explicit_anomaly_margin(z, w_n, w_a, size + 1e-3)) > 0


def test_a_gradient_may_keep_its_graph_but_not_become_a_list():
    assert checks.margin_gradient(lambda *inputs: margin_gradient(*inputs).requires_grad_())
    verdict = checks.margin_gradient(lambda *inputs: margin_gradient(*inputs).tolist())
    assert "the result is a list, expected a tensor of shape (4,)" in verdict.message
    assert not checks.margin_gradient(lambda z, *more: torch.zeros(z.shape[1]))
