"""Text features: exact truncation, learnt embeddings and their gradients, bad prompts."""

from __future__ import annotations

import copy
import warnings

import open_clip
import pytest
import torch

from promptad_tutorial.clip.loading import UnknownWordWarning
from promptad_tutorial.clip.text_tower import TextEncoder
from promptad_tutorial.prompts.shared_prefixes import grow
from tests.conftest import BUILDS, PROMPTS


def test_only_positions_that_matter_are_computed(small_backbone):
    backbone = small_backbone()
    lengths: list[int] = []
    hook = backbone.text.blocks[0].ln_1.register_forward_pre_hook(
        lambda _, inputs: lengths.append(inputs[0].shape[1])
    )
    backbone.encode_text(PROMPTS)
    hook.remove()
    longest = max(len(backbone.text.tokenizer.encode(prompt)) + 2 for prompt in PROMPTS)
    assert lengths == [longest] == [12]


@pytest.mark.parametrize("name", BUILDS)
def test_embeddings_of_words_give_the_features_of_words(small_backbone, name):
    backbone = small_backbone(name)
    ids = backbone.tokenize(PROMPTS)
    found = backbone.encode_prompt_embeddings(
        backbone.embed_tokens(ids), backbone.eot_positions(ids)
    )
    torch.testing.assert_close(found, backbone.encode_text(PROMPTS), atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", BUILDS)
def test_without_unit_norm_features_are_as_open_clip_gives_them(small_backbone, name):
    backbone = small_backbone(name)
    ids = backbone.tokenize(PROMPTS)
    prompts = backbone.embed_tokens(ids), backbone.eot_positions(ids)
    found = backbone.encode_prompt_embeddings(*prompts, unit_norm=False)
    torch.testing.assert_close(found, backbone.model.encode_text(ids), atol=2e-5, rtol=1e-5)
    assert (found.norm(dim=-1) - 1).abs().min() > 1e-2
    unit = torch.nn.functional.normalize(found, dim=-1)
    torch.testing.assert_close(backbone.encode_prompt_embeddings(*prompts), unit, atol=0, rtol=0)


@pytest.mark.parametrize("name", ["small-plain", "small-layer-scale", "small-quickgelu"])
def test_a_tree_of_prompts_gives_the_features_of_each_alone(small_backbone, name):
    backbone = small_backbone(name)
    prompts = ["a photo of a nut.", "a photo of a nut", "a photo.", "a", *PROMPTS, "a photo."]
    ids = backbone.tokenize(prompts)
    ends = backbone.eot_positions(ids).tolist()
    tree = grow([row[: end + 1] for row, end in zip(ids.tolist(), ends, strict=True)])
    assert len(tree.tokens) < sum(ends)  # beginnings are shared
    embeddings = backbone.embed_tokens(torch.tensor([tree.tokens]))
    found = backbone.text.encode_tree(embeddings, *tree.layout)[0]
    torch.testing.assert_close(found, backbone.model.encode_text(ids), atol=2e-5, rtol=1e-5)


def test_trees_of_one_form_are_a_batch(small_backbone):
    text = small_backbone().text
    tree = grow([list("sab"), list("sac"), list("sabd")])
    embeddings = torch.randn(3, 5, 48, generator=torch.Generator().manual_seed(1))
    found = text.encode_tree(embeddings, *tree.layout)
    assert found.shape == (3, 3, 32)
    for one, alone in zip(found, embeddings, strict=True):
        for feature, path in zip(one, tree.paths(), strict=True):
            written = alone[path][None]
            expected = text.encode_embeddings(written, torch.tensor([len(path) - 1]), False)
            torch.testing.assert_close(feature, expected[0], atol=2e-5, rtol=1e-5)


def test_trees_that_do_not_fit_are_named(small_backbone):
    def encode(length: int) -> torch.Tensor:
        tree = grow([list(range(length))])
        return small_backbone().text.encode_tree(torch.zeros(1, length, 48), *tree.layout)

    assert encode(24).shape == (1, 1, 32)
    with pytest.raises(ValueError, match="at most 24 tokens, found 25"):
        encode(25)


def test_gradients_reach_the_prompt_embeddings_only(small_backbone):
    backbone = small_backbone()
    ids = backbone.tokenize(PROMPTS)
    eot = backbone.eot_positions(ids)
    learnt = backbone.embed_tokens(ids).requires_grad_()
    target = torch.randn(32, generator=torch.Generator().manual_seed(3))
    (backbone.encode_prompt_embeddings(learnt, eot) @ target).sum().backward()
    for row, end in zip(learnt.grad, eot.tolist(), strict=True):
        assert row[: end + 1].abs().sum(-1).min() > 0
        assert row[end + 1 :].abs().max() == 0
    assert all(weight.grad is None for weight in backbone.model.parameters())
    # and they are right: a central difference along a random direction
    step = 1e-3 * torch.randn(learnt.shape, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        up = backbone.encode_prompt_embeddings(learnt + step, eot) @ target
        down = backbone.encode_prompt_embeddings(learnt - step, eot) @ target
    expected = float((learnt.grad * step).sum())
    assert float((up - down).sum()) / 2 == pytest.approx(expected, rel=2e-2)


def test_prompts_that_do_not_fit_are_named(small_backbone):
    backbone = small_backbone()
    fits = "word " * 22
    assert backbone.encode_text([fits]).shape == (1, 32)
    with pytest.raises(ValueError, match=r"at most 24 tokens, found 25 in 'tooth "):
        backbone.encode_text(["fine", "tooth " * 23])
    with pytest.raises(ValueError, match="empty"):
        backbone.encode_text([])
    with pytest.raises(ValueError, match="strings, found int"):
        backbone.encode_text(["fine", 3])
    with pytest.raises(ValueError, match="found int"):
        backbone.encode_text(3)
    torch.testing.assert_close(backbone.encode_text("fine"), backbone.encode_text(["fine"]))


@pytest.mark.parametrize(
    ("shape", "eot"),
    [
        ((2, 5, 47), [1, 1]),
        ((2, 5, 48), [1]),
        ((2, 5, 48), [1, 5]),
        ((2, 5, 48), [-1, 2]),
        ((1, 30, 48), [27]),
    ],
)
def test_embeddings_that_do_not_fit_are_named(small_backbone, shape, eot):
    with pytest.raises((ValueError, TypeError)):
        small_backbone().encode_prompt_embeddings(torch.zeros(shape), torch.tensor(eot))


def test_unknown_words_warn_once_with_names(small_backbone):
    known = {"a", "photo", "of", "washer"}
    encoder = TextEncoder(
        small_backbone().model,
        open_clip.SimpleTokenizer(context_length=24),
        lambda prompt: [word for word in prompt.split() if word not in known],
    )
    with pytest.warns(UnknownWordWarning, match="gizmo, zebra") as caught:
        encoder.tokenize(["a photo of zebra", "gizmo", "zebra washer"])
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encoder.tokenize(["a photo of washer"])


def test_a_prompt_in_another_script_is_told_of(small_backbone):
    encoder = small_backbone("small-plain").text
    for foreign in ("a photo of \u94dc\u87ba\u6bcd", "\u0433\u0430\u0439\u043a\u0430"):
        with pytest.warns(UnknownWordWarning, match=f"CLIP reads English, found '{foreign}'"):
            encoder.tokenize(["a photo of a nut", foreign])
    encoder.tokenize(["a caf\u00e9 at 5 \u00b5m"])  # nothing to warn of


@pytest.mark.parametrize("name", BUILDS)
def test_text_tower_in_double_is_a_copy_that_rounds_less(small_backbone, name):
    backbone = small_backbone(name)
    double = backbone.text_in(torch.float64)
    assert double is backbone.text_in(torch.float64)
    assert backbone.text_in(torch.float32) is backbone.text
    assert double.token_embedding is backbone.text.token_embedding
    ids = backbone.tokenize(PROMPTS)
    found = double.encode_ids(ids)
    assert double.embed_tokens(ids).dtype == found.dtype == torch.float64
    text = copy.deepcopy(backbone.model).double().encode_text(ids)
    exact = torch.nn.functional.normalize(text, dim=-1)
    torch.testing.assert_close(found, exact, atol=1e-13, rtol=0)
    single = backbone.encode_text(PROMPTS)
    assert single.dtype == torch.float32  # the tower itself stays as it was
    assert 0 < (single - exact).abs().max() < 1e-5


def test_text_tower_in_half_precision_is_refused(small_backbone):
    with pytest.raises(ValueError, match="expected float32 or float64"):
        small_backbone("small-plain").text_in(torch.bfloat16)
