"""Detectors as files: everything comes back, and a file from outside can do nothing but fail."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from promptad_tutorial.clip.loading import load_backbone
from promptad_tutorial.detectors import CoOp, PromptAD, VisualMemory, ZeroShot, promptad, saving
from promptad_tutorial.learning.config import Traps
from promptad_tutorial.prompts.words import single_pair
from tests.detectors.conftest import KINDS, assert_same_scores, quick

FORMAT = "promptad-tutorial detector 1"


@pytest.fixture(scope="module")
def fitted(small_backbone, shots) -> PromptAD:
    return PromptAD(small_backbone(), "nut", quick()).fit(shots).calibrate(shots)


@pytest.fixture
def saved(fitted, tmp_path) -> Path:
    return fitted.save(tmp_path / "nut.safetensors")


def note_of(path: Path) -> dict[str, Any]:
    """The description in a saved file, read by its bytes: 8 of length, then JSON."""
    raw = path.read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    return json.loads(header["__metadata__"]["detector"])


def rewrite(path: Path, note: Any = None, tensors: dict[str, torch.Tensor] | None = None) -> None:
    """The same file with another description, or with other tensors beside the old ones."""
    described = note_of(path) if note is None else note
    text = described if isinstance(described, str) else json.dumps(described)
    everything = {k: v.clone() for k, v in load_file(path).items()} | (tensors or {})
    save_file(everything, path, metadata={"format": FORMAT, "detector": text})


# --- there and back -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_saved_comes_back(small_backbone, shots, pictures, tmp_path, kind):
    detector = KINDS[kind](small_backbone()).fit(shots).calibrate(shots, 0.2)
    path = detector.save(tmp_path / "new folder" / "nut.safetensors")
    again = type(detector).load(path, small_backbone())
    assert_same_scores(again.score(pictures), detector.score(pictures), atol=1e-7)
    assert again.threshold == detector.threshold is not None
    assert (again.name, again.false_positive_rate) == ("nut", 0.2)
    assert again.settings() == detector.settings()
    np.testing.assert_array_equal(again.predict(pictures), detector.predict(pictures))
    assert [file.name for file in path.parent.iterdir()] == ["nut.safetensors"]
    # and what came back can be saved and fitted again
    second = type(detector).load(again.save(path), small_backbone())
    assert_same_scores(second.score(pictures), detector.score(pictures), atol=1e-7)
    assert_same_scores(second.fit(shots).score(pictures), detector.score(pictures), atol=1e-6)


def test_every_setting_comes_back(small_backbone, shots, tmp_path):
    config = quick(
        normal_start="a photo of a", sigma=0.02, margin=0, steps=1, traps=Traps(modulo_pairs=True)
    )
    path = PromptAD(small_backbone(), "metal_nut", config).fit(shots).save(str(tmp_path / "x"))
    again = PromptAD.load(str(path), small_backbone())
    assert again.config == config and again.threshold is None and again.name == "metal nut"
    pair = ZeroShot(small_backbone(), "nut", single_pair("nut", "fine {}"), 11)
    assert ZeroShot.load(pair.save(tmp_path / "y"), small_backbone()).prompts == pair.prompts


def test_an_interrupted_save_leaves_the_old_file(
    fitted, saved, small_backbone, pictures, monkeypatch
):
    before = saved.read_bytes()

    def broken(tensors, path, metadata):
        Path(path).write_bytes(before[:100])
        raise KeyboardInterrupt

    monkeypatch.setattr(saving, "save_file", broken)
    with pytest.raises(KeyboardInterrupt):
        fitted.save(saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]  # and nothing half done beside it
    found = PromptAD.load(saved, small_backbone()).score(pictures)
    assert_same_scores(found, fitted.score(pictures), atol=1e-7)


# --- the wrong file -------------------------------------------------------------------------------


@pytest.mark.parametrize("other", ["other weights", "other activation", "other shape"])
def test_another_backbone_is_named(saved, small_backbone, other):
    found = {
        "other weights": lambda: load_backbone("small-plain", "random", "cpu", seed=1),
        "other activation": lambda: small_backbone("small-quickgelu"),  # the very same weights
        "other shape": lambda: small_backbone("small-12-blocks"),
    }[other]()
    with pytest.raises(ValueError, match="was fitted with") as caught:
        PromptAD.load(saved, found)
    for backbone in (small_backbone(), found):
        assert backbone.label in str(caught.value)
        assert backbone.checksum[:12] in str(caught.value)


def test_another_kind_is_named(saved, small_backbone):
    for kind in (CoOp, VisualMemory, ZeroShot):
        with pytest.raises(ValueError, match=f"kind '{kind.kind}' .* found 'promptad'"):
            kind.load(saved, small_backbone())


def test_a_missing_file_is_not_found(small_backbone, tmp_path):
    for path in (tmp_path / "none.safetensors", tmp_path):
        with pytest.raises(FileNotFoundError, match="found no file there"):
            PromptAD.load(path, small_backbone())


def test_a_pickle_is_never_executed(small_backbone, tmp_path):
    marker = tmp_path / "marker"
    for path in (tmp_path / "evil.safetensors", tmp_path / "evil.pt"):
        if path.suffix == ".pt":
            torch.save({"memory": Evil(marker)}, path)
        else:
            path.write_bytes(pickle.dumps(Evil(marker)))
        with pytest.raises(ValueError, match="damaged, or no saved detector"):
            PromptAD.load(path, small_backbone())
        assert not marker.exists()
    pickle.loads(pickle.dumps(Evil(marker)))  # it would have
    assert marker.exists()


class Evil:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def settings(**changes: Any) -> Callable[[Path], None]:
    """Damage: other values in the saved configuration."""

    def damage(path: Path) -> None:
        note = note_of(path)
        note["settings"]["config"] |= changes
        rewrite(path, note)

    return damage


def description(**changes: Any) -> Callable[[Path], None]:
    return lambda path: rewrite(path, note_of(path) | changes)


def tensors(**changes: torch.Tensor) -> Callable[[Path], None]:
    return lambda path: rewrite(path, tensors={k.replace("_", "."): v for k, v in changes.items()})


def bytes_of(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(change(path.read_bytes()))


def drop_a_tensor(path: Path) -> None:
    kept = {k: v.clone() for k, v in load_file(path).items() if k != "image.normal"}
    save_file(kept, path, metadata={"format": FORMAT, "detector": json.dumps(note_of(path))})


NAN = torch.full((32,), float("nan"))
DAMAGE: dict[str, Callable[[Path], None]] = {
    "empty": bytes_of(lambda raw: b""),
    "seven bytes": bytes_of(lambda raw: raw[:7]),
    "header cut": bytes_of(lambda raw: raw[:200]),
    "tensors cut": bytes_of(lambda raw: raw[:-4]),
    "more at the end": bytes_of(lambda raw: raw + b"more"),
    "random bytes": bytes_of(lambda raw: np.random.default_rng(0).bytes(len(raw))),
    "a huge header": bytes_of(lambda raw: (2**62).to_bytes(8, "little") + raw[8:]),
    "a JSON": lambda path: path.write_text(json.dumps({"kind": "promptad"})),
    "a torch file": lambda path: torch.save({"memory": torch.zeros(3)}, path),
    "other safetensors": lambda path: save_file({"weight": torch.zeros(3)}, path),
    "another format": lambda path: save_file({"a": NAN}, path, metadata={"format": "pt"}),
    "no description": lambda path: save_file({"a": NAN}, path, metadata={"format": FORMAT}),
    "description no JSON": lambda path: rewrite(path, "{"),
    "description a list": lambda path: rewrite(path, []),
    "description too deep": lambda path: rewrite(path, "[" * 100_000),
    "unknown entry": description(extra=1),
    "threshold a word": description(threshold="high"),
    "threshold NaN": description(threshold=float("nan")),
    "threshold a switch": description(threshold=True),
    "threshold beyond all numbers": description(threshold=10**400),
    "rate beyond one": description(false_positive_rate=7.0),
    "name a number": description(name=3),
    "name empty": description(name=" "),
    "no settings": description(settings={}),
    "settings a list": description(settings=[]),
    "config a number": description(settings={"config": 3}),
    "tensor missing": drop_a_tensor,
    "tensor surplus": tensors(more=torch.zeros(3)),
    "tensor too long": tensors(image_normal=torch.zeros(33)),
    "tensor of other rank": tensors(image_normal=torch.zeros(1, 32)),
    "memory of other width": tensors(memory=torch.zeros(2, 5, 63)),
    "memory of nothing": tensors(memory=torch.zeros(2, 0, 64)),
    "float64": tensors(image_normal=torch.zeros(32, dtype=torch.float64)),
    "float8": tensors(image_normal=torch.zeros(32).to(torch.float8_e4m3fn)),
    "whole numbers": tensors(image_normal=torch.zeros(32, dtype=torch.int64)),
    "NaN": tensors(image_normal=NAN),
    "infinity": tensors(memory=torch.full((2, 5, 64), float("inf"))),
    "unknown setting": settings(wings=2),
    "unknown trap": settings(traps={"door": True}),
    "trap a number": settings(traps={"modulo_pairs": 1}),
    "steps a word": settings(steps="many"),
    "steps a fraction": settings(steps=2.5),
    "steps missing its number": settings(steps=None),
    "rate a word": settings(learning_rate="fast"),
    "rate NaN": settings(learning_rate=float("nan")),
    "memory a number": settings(use_memory=1),
    "map_size huge": settings(map_size=10**9),
    "map_size infinite": settings(map_size=float("inf")),
    "sigma huge": settings(sigma=1e9),
    "states a number": settings(states=3),
    "states a word": settings(states="damaged {}"),
    "states of numbers": settings(states=[1, 2]),
    "states without a place": settings(states=["damaged"]),
    "states with two places": settings(states=["{} {:>3}"]),
    "start a number": settings(normal_start=3),
    "more suffixes": settings(n_anomaly_suffixes=9),
    "a billion tokens": settings(n_normal_tokens=10**9),
    "a billion suffixes": settings(n_anomaly_suffixes=10**9),
    "a billion prompts": settings(n_normal_prompts=10**9),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_a_value_error(saved, small_backbone, monkeypatch, damage):
    make = promptad.semantic_concatenation

    def few(*arguments):  # before a billion prompts fill this machine's memory
        _, n_prompts, _, states, n_suffixes, *_ = arguments
        assert n_prompts * (len(states) + n_suffixes) < 10**6, "a file asked for too much"
        return make(*arguments)

    monkeypatch.setattr(promptad, "semantic_concatenation", few)
    DAMAGE[damage](saved)
    with pytest.raises(ValueError, match="nut.safetensors"):  # the message names the file
        PromptAD.load(saved, small_backbone())


@pytest.mark.parametrize("size", [0, -3, 10**9, float("inf"), "large", None], ids=str)
@pytest.mark.parametrize("kind", ["zero-shot", "visual-memory"])
def test_a_map_of_any_size_cannot_be_asked_for(small_backbone, shots, tmp_path, kind, size):
    detector = KINDS[kind](small_backbone()).fit(shots)
    path = detector.save(tmp_path / "nut.safetensors")
    note = note_of(path)
    note["settings"]["map_size"] = size
    rewrite(path, note)
    with pytest.raises(ValueError, match="nut.safetensors"):
        type(detector).load(path, small_backbone())


def test_a_flipped_byte_in_the_header_is_a_value_error_or_harmless(saved, small_backbone, pictures):
    raw = bytearray(saved.read_bytes())
    length = 8 + int.from_bytes(raw[:8], "little")
    draw, refused = np.random.default_rng(0), 0
    places = [*range(8), *draw.integers(8, length, 112)]
    for place in places:
        damaged = raw.copy()
        damaged[place] ^= int(draw.integers(1, 256))
        saved.write_bytes(damaged)
        try:  # a flip inside a word or a number can leave a file that is well formed
            PromptAD.load(saved, small_backbone()).score(pictures[:1])
        except ValueError:
            refused += 1
    assert refused > len(places) / 2
