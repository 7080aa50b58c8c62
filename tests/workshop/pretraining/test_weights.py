"""The shipped file: what is written is what is read back, and damage is found."""

from __future__ import annotations

import re
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import save_file

from promptad_tutorial.clip.tinyclip import weights
from promptad_tutorial.clip.tinyclip.weights import (
    IMAGE_MEAN,
    IMAGE_STD,
    WEIGHTS,
    checksum,
    known_words,
    load_tiny,
    sha256,
    unknown_words,
)
from promptad_tutorial.prompts.words import GENERIC_STATES, compose, ensemble
from workshop.minifactory.catalogue import KINDS
from workshop.pretraining.export import export


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, model) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    state = {f"model.{k}": v.contiguous() for k, v in model.state_dict().items()}
    checkpoint = folder / "checkpoint.safetensors"
    save_file(state | {"step": torch.tensor(7)}, checkpoint)
    return export(checkpoint, folder / "new" / "tiny.safetensors")


@pytest.fixture
def shipped(exported, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The exported file in the place of the package's own."""
    words = known_words(exported)
    monkeypatch.setattr(weights, "known_words", lambda: words)
    return exported


def test_an_export_reads_back_as_the_model_in_half_precision(exported, model):
    loaded, mean, std = load_tiny(exported)
    assert (mean, std) == (IMAGE_MEAN, IMAGE_STD) and not loaded.training
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    rounded = open_clip.create_model("TinyCLIP-8-120", pretrained=None).eval()
    rounded.load_state_dict({k: v.half().float() for k, v in model.state_dict().items()})
    tokens = open_clip.get_tokenizer("TinyCLIP-8-120")(
        ["a photo of a damaged metal plate", "hexagon nut with a scratch"]
    )
    images = torch.rand(2, 3, 120, 120, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(
            loaded.encode_text(tokens), rounded.encode_text(tokens), atol=0, rtol=0
        )
        torch.testing.assert_close(
            loaded.encode_image(images), rounded.encode_image(images), atol=0, rtol=0
        )
    assert torch.equal(loaded.logit_scale, model.logit_scale)


def test_rows_of_words_that_were_never_seen_are_zero(exported, model):
    table = load_tiny(exported)[0].token_embedding.weight
    encode = open_clip.get_tokenizer("TinyCLIP-8-120").encode
    for word in ("zebra", "printed", "burnt", "crease"):
        assert not table[encode(word)].any(), word
    for word in ("scratch", "metal", "washer", "."):
        assert torch.equal(
            table[encode(word)], model.token_embedding.weight[encode(word)].half().float()
        )


def test_the_file_is_small_and_its_checksum_lies_beside_it(exported):
    assert exported.stat().st_size <= 12e6
    note = exported.with_suffix(".sha256").read_text()
    assert re.fullmatch(rf"{sha256(exported)}  {exported.name}\n", note)
    assert checksum(exported) == sha256(exported)


def test_damage_is_found(exported, tmp_path):
    broken = bytearray(exported.read_bytes())
    broken[len(broken) // 2] ^= 1
    damaged = tmp_path / "tiny.safetensors"
    damaged.write_bytes(broken)
    damaged.with_suffix(".sha256").write_text(exported.with_suffix(".sha256").read_text())
    with pytest.raises(ValueError, match="tiny.safetensors is damaged: expected sha256"):
        load_tiny(damaged)


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "tiny.safetensors"
    with pytest.raises(FileNotFoundError, match=r"expected TinyCLIP's weights at tiny"):
        load_tiny(path)
    path.write_bytes(b"no weights at all")
    with pytest.raises(ValueError, match="cannot be read"):
        load_tiny(path)
    save_file({"a": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="without 'token_embedding.rows'"):
        load_tiny(path)
    with pytest.raises(FileNotFoundError, match="expected the checksum"):
        checksum(path)


def test_without_a_checkpoint_there_is_nothing_to_export(tmp_path):
    with pytest.raises(FileNotFoundError, match="tinyclip train"):
        export(tmp_path / "checkpoint.safetensors", tmp_path / "tiny.safetensors")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a photo of a damaged metal plate.", []),
        ("a close-up photo of the washer", []),
        ("A Photo Of The WASHER", []),
        ("a photo of a zebra and another zebra", ["zebra", "and", "another"]),
        ("a washer with a printed mark", ["printed"]),
        ("burnt-zebra gear", ["burnt", "zebra"]),
        ("hexagon_nut", []),
        ("", []),
        ("Gehäuse", ["gehäuse"]),
    ],
)
def test_unknown_words_are_named_once_in_their_order(shipped, text, expected):
    assert unknown_words(text) == expected


def test_the_tutorials_prompts_have_no_unknown_word(shipped):
    for kind in KINDS:
        sides = ensemble(kind)
        for text in (*sides.normal, *sides.anomalous, *compose(kind, GENERIC_STATES)):
            assert unknown_words(text) == [], text


def test_the_shipped_file_is_whole_and_small():
    assert sha256(WEIGHTS) == checksum() and WEIGHTS.stat().st_size <= 12e6
    assert not {"print", "printed", "burn", "burnt", "fold", "crease"} & known_words()
    load_tiny()


def test_weights_of_earlier_steps_are_averaged(tmp_path, model):
    state = {f"model.{k}": v.contiguous() for k, v in model.state_dict().items()}
    save_file(state | {"step": torch.tensor(7)}, tmp_path / "checkpoint.safetensors")
    other = {k: v + 1 if v.is_floating_point() else v for k, v in state.items()}
    save_file(other | {"step": torch.tensor(4)}, tmp_path / "step_4.safetensors")
    found = load_tiny(export(tmp_path / "checkpoint.safetensors", tmp_path / "out.safetensors"))[0]
    for name in ("visual.conv1.weight", "text_projection", "ln_final.bias"):
        expected = (state[f"model.{name}"] + 0.5).half().float()
        torch.testing.assert_close(found.state_dict()[name], expected, atol=1e-3, rtol=1e-3)
