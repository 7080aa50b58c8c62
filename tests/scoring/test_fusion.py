"""Fusions of two branches, against closed forms and the package's own harmonic fusion."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import rankdata

from promptad_tutorial.scoring import harmonic_fusion
from promptad_tutorial.scoring.fusion import FUSIONS, fuse


def branches(n: int = 30) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    text, visual = torch.rand(2, n, generator=generator, dtype=torch.float64)
    return text, visual


def test_harmonic_at_one_half_is_the_papers_also_at_zeros():
    text, visual = branches()
    text[[0, 1]] = 0
    visual[[0, 2]] = 0
    torch.testing.assert_close(fuse(text, visual), harmonic_fusion(text, visual))
    assert fuse(text, visual)[:3].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("harmonic", 1 / (2 * 0.75 / 0.5 + 2 * 0.25 / 0.2)),
        ("arithmetic mean", 0.75 * 0.5 + 0.25 * 0.2),
        ("maximum", 1.5 * 0.5),
        ("product", 0.5**1.5 * 0.2**0.5),
    ],
)
def test_each_kind_is_its_formula(kind, expected):
    found = fuse(torch.tensor([0.5]), torch.tensor([0.2]), kind, 0.25)
    assert float(found) == pytest.approx(expected)


@pytest.mark.parametrize("kind", FUSIONS)
def test_the_ends_of_the_weight_rank_as_one_branch_alone(kind):
    text, visual = branches()
    text[0] = visual[1] = 0  # the zero of a branch that has no weight decides nothing
    for weight, alone in ((0.0, text), (1.0, visual)):
        np.testing.assert_array_equal(rankdata(fuse(text, visual, kind, weight)), rankdata(alone))


@pytest.mark.parametrize("kind", FUSIONS)
def test_a_higher_score_of_a_branch_never_lowers_the_fused_one(kind):
    text, visual = branches()
    for weight in (0.1, 0.5, 0.9):
        low = fuse(text, visual, kind, weight)
        assert (fuse(text + 0.01, visual, kind, weight) >= low - 1e-12).all()
        assert (fuse(text, visual + 0.01, kind, weight) >= low - 1e-12).all()


def test_harmonic_fusion_follows_the_smaller_branch():
    """The slopes are (b / (a + b))^2 and (a / (a + b))^2: their ratio is (a / b)^2."""
    text = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    visual = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    fuse(text, visual).backward()
    assert float(visual.grad / text.grad) == pytest.approx(16)


def test_other_kinds_and_weights_are_refused():
    text, visual = branches()
    with pytest.raises(ValueError, match="one of harmonic, arithmetic mean.*got 'mean'"):
        fuse(text, visual, "mean")
    for weight in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="between 0 and 1"):
            fuse(text, visual, "harmonic", weight)
