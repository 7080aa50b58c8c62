"""Learnt prompts against prompts put together by hand and encoded one by one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from promptad_tutorial.clip.loading import Backbone, UnknownWordWarning, load_backbone
from promptad_tutorial.prompts.learner import PromptLearner, encode_learners
from promptad_tutorial.prompts.structure import (
    LearntPrompt,
    PromptStructure,
    pull_only,
    semantic_concatenation,
    two_classes,
)
from tests.conftest import BUILDS

START, END = 49406, 49407  # CLIP's own
STATES = ("damaged {}", "{} with flaw")


def learner_of(
    backbone: Backbone, structure: PromptStructure | None = None, seed: int = 1, **settings
) -> PromptLearner:
    """A learner whose tokens are large enough to matter: N(0, 0.2)."""
    structure = structure or semantic_concatenation("metal_nut", 2, 3, STATES, 2, 2)
    generator = torch.Generator().manual_seed(seed)
    return PromptLearner(backbone, structure, generator, **({"std": 0.2} | settings))


def words(backbone: Backbone, text: str) -> list[int]:
    """The ids of a text alone, without start, end and padding."""
    ids = backbone.tokenize([text])[0].tolist()
    return ids[1 : ids.index(END)]


def by_hand(backbone: Backbone, learner: PromptLearner, prompt: LearntPrompt) -> list[Tensor]:
    """`[start] [context] words [suffix] words [end]`, one embedding after the other."""

    def embedded(ids: list[int]) -> list[Tensor]:
        return list(backbone.embed_tokens(torch.tensor([ids]))[0]) if ids else []

    suffix = [] if prompt.suffix is None else list(learner.suffixes[prompt.suffix])
    return [
        *embedded([START]),
        *learner.contexts[prompt.context],
        *embedded(words(backbone, prompt.before) if prompt.before else []),
        *suffix,
        *embedded(words(backbone, prompt.after)),
        *embedded([END]),
    ]


def encoded_by_hand(backbone: Backbone, learner: PromptLearner, prompt: LearntPrompt) -> Tensor:
    rows = by_hand(backbone, learner, prompt)
    end = len(rows) - 1
    embeddings = torch.stack(rows)[None]
    return backbone.encode_prompt_embeddings(embeddings, torch.tensor([end]), unit_norm=False)[0]


def test_learnt_tokens_stand_where_they_belong(small_backbone):
    backbone = small_backbone()
    name = words(backbone, "metal xylophone")
    stop = words(backbone, ".")
    assert len(name) > 2 and len(stop) == 1
    structure = semantic_concatenation("metal_xylophone", 2, 3, STATES, 2, 2)
    learner = learner_of(backbone, structure)
    context = [("context", 1, 0), ("context", 1, 1), ("context", 1, 2)]
    suffix = [("suffix", 0, 0), ("suffix", 0, 1)]
    damaged, flaw = words(backbone, "damaged"), words(backbone, "with flaw")
    for prompt, expected in [
        (structure.normal[1], [*context, *name, *stop]),
        (structure.manual[2], [*context, *damaged, *name, *stop]),
        (structure.manual[3], [*context, *name, *flaw, *stop]),
        (structure.learnt[2], [*context, *name, *suffix, *stop]),
    ]:
        assert learner.tokens(prompt) == [START, *expected, END]
    trap = semantic_concatenation("metal_xylophone", 2, 3, STATES, 2, 2, suffix_before_name=True)
    found = learner_of(backbone, trap).tokens(trap.learnt[2])
    assert found == [START, *context, *suffix, *name, *stop, END]


@pytest.mark.parametrize(("n_context", "n_suffix"), [(4, 1), (0, 2), (2, 0), (0, 0)])
@pytest.mark.parametrize("first", [False, True], ids=["after", "before"])
def test_assembled_prompts_are_those_by_hand(small_backbone, n_context, n_suffix, first):
    backbone = small_backbone()
    structure = semantic_concatenation(
        "metal_nut", 2, n_context, STATES, 2, n_suffix, suffix_before_name=first
    )
    learner = learner_of(backbone, structure)
    assert learner.contexts.shape == (2, n_context, 48)
    assert learner.suffixes.shape == (2, n_suffix, 48)
    embeddings, ends = learner.assemble()
    assert len(embeddings) == len(structure.prompts) == 10
    for found, end, prompt in zip(embeddings, ends.tolist(), structure.prompts, strict=True):
        expected = torch.stack(by_hand(backbone, learner, prompt))
        assert end == len(expected) - 1
        torch.testing.assert_close(found[: end + 1], expected, atol=0, rtol=0)
    assert embeddings.shape[1] == int(ends.max()) + 1


@pytest.mark.parametrize("name", BUILDS)
def test_features_are_those_of_every_prompt_alone(small_backbone, name):
    backbone = small_backbone(name)
    learner = learner_of(backbone)
    with torch.no_grad():
        found = learner()
        s = learner.structure
        assert found.own.shape == (0, 32)
        for kind in ("normal", "manual", "learnt"):
            expected = [encoded_by_hand(backbone, learner, p) for p in getattr(s, kind)]
            torch.testing.assert_close(
                getattr(found, kind), torch.stack(expected), atol=2e-5, rtol=0
            )
        assert torch.equal(found.anomalous, torch.cat([found.manual, found.learnt]))
        # prompts differ by far more than that, and are not of length 1
        assert torch.pdist(torch.cat([found.normal, found.anomalous])).min() > 1e-3
        assert (found.normal.norm(dim=-1) - 1).abs().min() > 1e-2


@pytest.mark.parametrize("name", ["small-plain", "small-layer-scale", "small-quickgelu"])
def test_levels_encoded_together_are_each_alone(small_backbone, name):
    backbone = small_backbone(name)
    structures = [None, two_classes("nut", 2, 4), pull_only("nut", 1, 0)]
    learners = [learner_of(backbone, one, seed) for seed, one in enumerate(structures)]
    together = encode_learners(learners)
    for found, learner, own in zip(together, learners, (0, 2, 0), strict=True):
        alone = learner()
        assert len(found.own) == own
        for kind in ("normal", "manual", "learnt", "own"):
            torch.testing.assert_close(
                getattr(found, kind), getattr(alone, kind), atol=1e-5, rtol=0
            )


@pytest.mark.parametrize("name", ["small-plain", "small-layer-scale"])
def test_gradients_reach_learnt_tokens_of_the_used_level_only(small_backbone, name):
    backbone = small_backbone(name)
    used, other = learner_of(backbone), learner_of(backbone, seed=2)
    assert {name for name, _ in used.named_parameters()} == {"contexts", "suffixes"}
    target = torch.randn(32, generator=torch.Generator().manual_seed(3))
    features = encode_learners([used, other])[0]
    (features.normal[0] @ target).backward(retain_graph=True)
    assert used.contexts.grad[0].abs().sum(dim=-1).min() > 0
    assert used.contexts.grad[1].abs().max() == 0  # the other context is in other prompts
    assert used.suffixes.grad is None or used.suffixes.grad.abs().max() == 0
    (features.learnt @ target).sum().backward()
    assert used.suffixes.grad.abs().sum(dim=-1).min() > 0
    for parameter in other.parameters():
        assert parameter.grad is None or parameter.grad.abs().max() == 0
    assert all(weight.grad is None for weight in backbone.model.parameters())


def test_gradients_are_those_of_finite_differences(small_backbone):
    learner = learner_of(small_backbone())
    generator = torch.Generator().manual_seed(4)
    target = torch.randn(10, 32, generator=generator)

    def functional() -> Tensor:
        found = learner()
        return (torch.cat([found.normal, found.anomalous]) * target).sum()

    functional().backward()
    for parameter in (learner.contexts, learner.suffixes):
        # along the gradient, where the change is largest, and by as much elsewhere
        elsewhere = torch.randn(parameter.shape, generator=generator)
        step = 0.005 * (parameter.grad / parameter.grad.norm() + elsewhere / elsewhere.norm())
        expected = float((parameter.grad * step).sum())
        with torch.no_grad():
            parameter.add_(step)
            up = float(functional())
            parameter.sub_(2 * step)
            down = float(functional())
            parameter.add_(step)
        assert (up - down) / 2 == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("name", ["small-plain", "small-layer-scale", "small-quickgelu"])
def test_a_learner_that_starts_from_words_has_the_features_of_these_words(small_backbone, name):
    backbone = small_backbone(name)
    structure = semantic_concatenation("nut", 2, 4, STATES, 0)
    learner = learner_of(backbone, structure, start=["a photo of a", "the picture of my"])
    found = learner()
    for kind, expected in {
        "normal": ["a photo of a nut.", "the picture of my nut."],
        "manual": [
            "a photo of a damaged nut.",
            "a photo of a nut with flaw.",
            "the picture of my damaged nut.",
            "the picture of my nut with flaw.",
        ],
    }.items():
        wanted = backbone.encode_text(expected)
        unit = F.normalize(getattr(found, kind), dim=-1)
        torch.testing.assert_close(unit, wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "start", [[], ["a photo of a"], ["a photo of a"] * 3, ["a photo of a", "a photo of"]], ids=str
)
def test_a_start_that_does_not_fit_is_named(small_backbone, start):
    structure = semantic_concatenation("nut", 2, 4, STATES, 1)
    with pytest.raises(ValueError, match="expected 2 texts of 4 tokens to start from, found"):
        learner_of(small_backbone(), structure, start=start)


def test_prompts_longer_than_the_context_are_named(small_backbone):
    backbone = small_backbone()  # context 24: start, 18 learnt, "nut", "with", "flaw", ".", end
    learner_of(backbone, semantic_concatenation("nut", 1, 18, STATES, 1))()
    for structure in (
        semantic_concatenation("nut", 1, 19, STATES, 1),
        semantic_concatenation("nut", 1, 18, STATES, 1, 3),
    ):
        with pytest.raises(ValueError, match="at most 24 tokens, found 25: use fewer learnt tok"):
            learner_of(backbone, structure)


def test_tokens_are_drawn_from_the_generator_with_the_given_spread(small_backbone):
    backbone = small_backbone()
    structure = semantic_concatenation("nut", 3, 4, STATES, 4, 3)
    one, same, other = (learner_of(backbone, structure, seed) for seed in (1, 1, 2))
    for name in ("contexts", "suffixes"):
        tokens = getattr(one, name).detach()
        assert torch.equal(tokens, getattr(same, name))
        assert not torch.equal(tokens, getattr(other, name))
        assert float(tokens.std()) == pytest.approx(0.2, rel=0.1)
        assert abs(float(tokens.mean())) < 0.03
    unsaid = PromptLearner(backbone, structure)
    assert float(unsaid.contexts.detach().std()) == pytest.approx(0.02, rel=0.1)
    assert torch.equal(unsaid.contexts, PromptLearner(backbone, structure).contexts)


def test_words_that_the_tiny_model_never_saw_are_named_once():
    tiny = load_backbone(device="cpu")
    with pytest.warns(UnknownWordWarning, match="these words: xylophone, zebra. Their") as caught:
        learner_of(tiny, semantic_concatenation("zebra", 2, 4, ("{} with xylophone",), 2))
    assert len(caught) == 1
    learner_of(tiny, semantic_concatenation("nut", 2, 4, STATES, 2))  # warns of nothing
