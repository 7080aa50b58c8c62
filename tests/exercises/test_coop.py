"""What is special to the exercises of notebook 03; `test_checks` holds for them too."""

from __future__ import annotations

import json
import math
from pathlib import Path

import torch

from promptad_tutorial import exercises as checks
from promptad_tutorial.learning.losses import contrastive
from tests.exercises.learners_coop import learn_sides, two_class_loss

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "03_coop_baseline.ipynb"


def test_the_loss_may_be_a_tensor_with_a_graph():
    def with_graph(z, normal, negatives, temperature):
        return contrastive(z.requires_grad_(), normal, negatives, temperature)

    assert checks.two_class_loss(with_graph)
    assert checks.two_class_loss(lambda *inputs: torch.tensor(two_class_loss(*inputs)))


def test_a_loss_for_each_picture_is_not_yet_one_number():
    verdict = checks.two_class_loss(lambda z, *more: torch.zeros(len(z)))
    assert "the result is a tensor of shape (4,), expected one number" in verdict.message


def test_sides_may_keep_their_graph_but_not_become_a_list():
    assert checks.learn_sides(lambda *inputs: learn_sides(*inputs).requires_grad_())
    verdict = checks.learn_sides(lambda *inputs: learn_sides(*inputs).tolist())
    assert "the result is a list, expected a tensor of shape (2, 8)" in verdict.message


def test_without_any_step_the_sides_are_not_learnt():
    verdict = checks.learn_sides(lambda z, sides, logit_scale, steps: sides)
    assert not verdict and "four of the five lines" in verdict.message


def test_a_tensors_method_on_a_float_is_named():
    verdict = checks.learn_sides(
        lambda z, sides, logit_scale, steps: learn_sides(z, sides, logit_scale.exp(), steps)
    )
    assert "AttributeError: 'float' object has no attribute 'exp'" in verdict.message


def test_the_notebook_plants_the_bug_of_trap_2_and_nothing_else():
    """Its stub gets the hint for the logarithm; with that one factor mended it passes."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    stubs = ["".join(c["source"]) for c in cells if "exercise" in c["metadata"].get("tags", [])]
    (stub,) = (text for text in stubs if "def learn_sides" in text)
    body = stub[: stub.index("checks.learn_sides")]
    wrong = "logit_scale * z"
    assert body.count(wrong) == 1
    names = {"torch": torch, "functional": torch.nn.functional, "math": math}
    exec(body, names)  # the committed notebook's own text
    assert "as CLIP stores it" in checks.learn_sides(names["learn_sides"]).message
    exec(body.replace(wrong, "math.exp(logit_scale) * z"), names)
    assert checks.learn_sides(names["learn_sides"])
