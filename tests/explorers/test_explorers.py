"""Both explorers over the whole range of every control, against the backbone's own numbers."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from promptad_tutorial.clip.attention import ATTENTION_KINDS
from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.clip.text_tower import UnknownWordWarning
from promptad_tutorial.datasets import ProductLine, Sample
from promptad_tutorial.explorers import (
    AttentionExplorer,
    Explorer,
    LabelledFeatures,
    PromptExplorer,
    encode_test,
)
from promptad_tutorial.explorers.prompt_explorer import split_prompts
from promptad_tutorial.scoring.metrics import image_auroc


def pictures(count: int, size: int = 48) -> list[np.ndarray]:
    """Four fields of different colours in each picture."""
    fields = np.random.default_rng(4).integers(0, 256, (count, 2, 2, 3), dtype=np.uint8)
    return [np.kron(one, np.ones((size // 2, size // 2, 1), dtype=np.uint8)) for one in fields]


def features(backbone: Backbone, seed: int) -> LabelledFeatures:
    generator = torch.Generator().manual_seed(seed)
    cls = torch.randn(20, backbone.embed_dim, generator=generator)
    labels = np.array([0] * 12 + [1] * 8)
    return LabelledFeatures(torch.nn.functional.normalize(cls, dim=-1), labels)


@pytest.fixture
def backbone(small_backbone: Callable[[str], Backbone]) -> Backbone:
    return small_backbone("small-plain")


@pytest.fixture
def prompts(backbone: Backbone) -> PromptExplorer:
    lines = {"metal_plate": features(backbone, 1), "capsule": features(backbone, 2)}
    return PromptExplorer(backbone, lines)


@pytest.fixture
def attention(backbone: Backbone) -> AttentionExplorer:
    return AttentionExplorer(backbone, pictures(3), kind="v-v", block=2)


def whole_range(control: Any) -> list[Any]:
    """Every value that a person can choose; of a slider of tenths and of free text, samples."""
    if hasattr(control, "base"):
        return [control.base**power for power in np.linspace(control.min, control.max, 5)]
    if hasattr(control, "ensure_option"):  # a Combobox
        return [*control.options, "x", "good {}; fine {}", "one\ntwo ; {}"]
    if hasattr(control, "options"):
        return list(control.options)
    return list(range(control.min, control.max + 1, control.step))


def drive(explorer: Explorer, number: int) -> list[tuple[str, str]]:
    """The status and the alt text for every value of one control."""
    control = explorer.controls[number]
    told = []
    for value in whole_range(control):
        control.value = value
        assert control.value == value
        assert (
            explorer.answer.png
            and explorer.answer.alt in explorer._repr_mimebundle_()["text/plain"]
        )
        assert "no answer" not in explorer.status.value
        told.append((explorer.status.value, explorer.answer.alt))
    return told


@pytest.mark.parametrize("number", range(4))
def test_prompts_over_the_whole_range_of_each_control(prompts, number) -> None:
    told = drive(prompts, number)
    assert len({alt for _, alt in told}) == len(told) > 1
    # a temperature changes the scores but not their order
    statuses = {status for status, _ in told}
    assert (len(statuses) == 1) == (prompts.controls[number] is prompts.temperature)


@pytest.mark.parametrize("number", range(5))
def test_attention_over_the_whole_range_of_each_control(attention, number) -> None:
    told = drive(attention, number)
    sizes = (3, 6, 4, 4, len(ATTENTION_KINDS))
    assert len({alt for _, alt in told}) == len(told) == sizes[number]


def test_controls_are_named_and_answer_when_let_go(prompts, attention) -> None:
    for explorer in (prompts, attention):
        names = [control.description for control in explorer.controls]
        assert all(names) and len(set(names)) == len(names)
        assert not any(getattr(c, "continuous_update", False) for c in explorer.controls)


def test_prompt_status_is_the_auroc_of_the_text_score(backbone, prompts) -> None:
    prompts.normal.value = "a good {}; a fine {}"
    prompts.anomalous.value = "a broken {}"
    prompts.temperature.value = 20
    line = prompts.lines["metal_plate"]
    good = backbone.encode_text(["a good metal plate", "a fine metal plate"]).mean(dim=0)
    bad = backbone.encode_text(["a broken metal plate"])[0]
    logits = 20 * torch.stack([line.cls @ (good / good.norm()), line.cls @ bad], dim=1)
    scores = logits.softmax(dim=1)[:, 1].double().numpy()
    auroc = image_auroc(line.labels, scores)
    assert prompts.status.value == (
        f"Image AUROC {auroc + 1e-7:.2f} for metal plate, from 2 normal and 1 anomalous prompt."
    )
    assert f"AUROC {auroc + 1e-7:.2f}" in prompts.answer.alt
    assert '"a good metal plate" and 1 more against "a broken metal plate"' in prompts.answer.alt
    median = np.median(scores[line.labels == 1])
    assert f"median {median + 1e-7:.2f}. AUROC" in prompts.answer.alt


@pytest.mark.parametrize("text", ["", " ; ", "\n"])
def test_empty_prompts_are_told_of(prompts, text) -> None:
    with pytest.raises(ValueError, match="at least one anomalous prompt"):
        prompts.anomalous.value = text
    assert "type at least one anomalous prompt" in prompts.status.value
    assert not prompts.answer.png


def test_long_prompts_are_told_of(prompts) -> None:
    with pytest.raises(ValueError, match="at most 24 tokens"):
        prompts.normal.value = "word " * 50
    assert "Shorten it" in prompts.status.value
    prompts.normal.value = "word"
    assert prompts.status.value.startswith("Image AUROC")


def test_unknown_words_are_named_and_other_warnings_pass(backbone, monkeypatch) -> None:
    def unknown(prompt: str) -> list[str]:
        if "odd" in prompt:
            warnings.warn("something else", DeprecationWarning, stacklevel=1)
        return [word for word in prompt.split() if word.startswith("zz")]

    monkeypatch.setattr(backbone.text, "unknown_words", unknown)
    explorer = PromptExplorer(backbone, {"brick": features(backbone, 1)})
    assert "never trained" not in explorer.status.value
    explorer.normal.value = "a zzy {}"
    explorer.anomalous.value = "a zza {}"
    assert "never trained on these words: zza, zzy." in explorer.status.value
    explorer.temperature.value = 3  # from the kept prototypes
    assert "never trained on these words: zza, zzy." in explorer.status.value
    with pytest.warns(DeprecationWarning, match="something else") as caught:
        explorer.normal.value = "an odd {}"
    assert not any(issubclass(one.category, UnknownWordWarning) for one in caught)


def test_split_prompts() -> None:
    assert split_prompts("a {} ; b\n\n the {} of {};", "nut", "normal") == (
        "a nut",
        "b",
        "the nut of nut",
    )


def test_temperature_starts_at_the_backbones_own_within_the_range(backbone) -> None:
    assert PromptExplorer(backbone, {"a": features(backbone, 1)}).temperature.value == (
        pytest.approx(backbone.temperature)
    )
    hot = SimpleNamespace(temperature=100.00001, encode_text=backbone.encode_text)
    assert PromptExplorer(hot, {"a": features(backbone, 1)}).temperature.value == 100


def test_encode_test_takes_embeddings_and_labels_in_order(backbone, tmp_path: Path) -> None:
    samples = []
    for i, picture in enumerate(pictures(3)):
        Image.fromarray(picture).save(tmp_path / f"{i}.png")
        label = i % 2
        samples.append(Sample(tmp_path / f"{i}.png", label, "hole" if label else "good"))
    encoded = encode_test(backbone, ProductLine("nut", tmp_path, (), tuple(samples)))
    assert encoded.labels.tolist() == [0, 1, 0]
    torch.testing.assert_close(encoded.cls, backbone.encode_images(pictures(3)).cls)
    unlabelled = Sample(tmp_path / "0.png", None, "unlabelled")
    with pytest.raises(ValueError, match="labels for the test pictures of 'nut'"):
        encode_test(backbone, ProductLine("nut", tmp_path, (), (unlabelled,)))
    with pytest.raises(ValueError, match=r"some 0 .good. and some 1 .anomalous."):
        encode_test(backbone, ProductLine("nut", tmp_path, (), tuple(samples[::2])))


def test_explorers_refuse_what_they_cannot_show(backbone) -> None:
    with pytest.raises(ValueError, match="at least one product line"):
        PromptExplorer(backbone, {})
    with pytest.raises(ValueError, match="attention kind"):
        AttentionExplorer(backbone, pictures(1), kind="q-v")
    with pytest.raises(ValueError, match=r"1\.\.6, found 7"):
        AttentionExplorer(backbone, pictures(1), block=7)
    with pytest.raises(ValueError, match="image"):
        AttentionExplorer(backbone, [])


def test_attention_status_is_the_row_of_the_weights(backbone, attention) -> None:
    attention.image.value, attention.block.value, attention.kind.value = 1, 4, "k-k"
    attention.row.value, attention.column.value = 0, 3  # a corner of the 4 x 4 grid
    weights = backbone.attention_weights(pictures(3)[1], 4, "k-k")[0].double().numpy()
    row = weights[1 + 3]
    near = row[1 + 2] + row[1 + 4 + 2] + row[1 + 4 + 3]
    assert attention.status.value == (
        f"Block 4, k-k: patch (0, 3) keeps {100 * row[4]:.0f} % of its attention on itself and "
        f"gives {100 * near:.0f} % to its 3 neighbours. Spread evenly over all tokens it would be "
        "6 % and 18 %."
    )
    assert attention.answer.alt.startswith("Picture 1, block 4. Attention of the framed patch")


def test_attention_of_one_picture_has_a_slider_with_one_place(backbone) -> None:
    explorer = AttentionExplorer(backbone, Image.fromarray(pictures(1)[0]))
    assert (explorer.image.min, explorer.image.max, explorer.kind.value) == (0, 0, "q-k")
    assert explorer.kind.options[0] == "q-k"


def test_a_change_costs_no_more_than_it_must(prompts, attention, work) -> None:
    """Pictures are never encoded again; texts and attention only where others are asked for."""
    prompts.temperature.value = 2.0
    attention.column.value = 1
    assert work == {"pictures drawn": 2}
    work.clear()
    prompts.normal.value = "a {} of another kind"
    attention.block.value = 3
    assert work == {"pictures drawn": 2, "texts": 1, "attention": 1}
