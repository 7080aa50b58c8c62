"""`check-backbone`: what is there, what is not, and never a word that was not looked up."""

from __future__ import annotations

import json

import open_clip
import pytest
from huggingface_hub import constants
from safetensors.torch import save, save_file

from promptad_tutorial.clip import tinyclip
from promptad_tutorial.clip.loading import load_backbone
from promptad_tutorial.clip.weights import download as weights_download
from promptad_tutorial.clip.weights.source import HUB_FILES, licence_of_card, tag_in
from tests.commands.test_cli import failure, run

REPOSITORY = "/org/small.some_tag/resolve/main/"


def check(capsys, *words: object) -> tuple[int, dict]:
    code, out, lines = run(capsys, "check-backbone", "--json", *words)
    assert lines == [] and out.count("\n") == 1
    return code, json.loads(out)


@pytest.fixture
def tag(monkeypatch, small_configs) -> dict:
    """A tag of the small model that open_clip seems to know."""
    entry = {"hf_hub": "org/small.some_tag/", "mean": (0.5,) * 3, "std": (0.5,) * 3}
    known = {("small-plain", "some_tag"): entry}
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda m, t: known.get((m, t), {}))
    monkeypatch.setattr(open_clip, "list_pretrained_tags_by_model", lambda m: ["some_tag"])
    return entry


@pytest.fixture
def hub(tag, hub_server, small_backbone):
    """The small model's weights on a hub."""
    server = hub_server
    server.files[REPOSITORY + HUB_FILES[0]] = save(small_backbone().model.state_dict())
    server.files[REPOSITORY + "README.md"] = b"---\nlicense: apache-2.0\n---\n"
    server.piece = 100_000
    return server


def test_the_shipped_backbone_is_there(capsys):
    code, found = check(capsys)
    assert code == 0 and found["status"] == "there"
    assert found["sha256"] == tinyclip.checksum() and found["licence"].startswith("CC0-1.0")
    assert (found["image_size"], found["grid"]) == (120, [15, 15])
    assert found["parameters"] * 4 == found["memory_bytes"]


def test_what_is_not_there_is_described_without_a_network(capsys, caches, monkeypatch):
    def network(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(weights_download.socket, "getaddrinfo", network)
    words = ("--backbone", "ViT-B-16-plus-240", "--pretrained", "laion400m_e32")
    code, found = check(capsys, *words)
    model = open_clip.get_model_config("ViT-B-16-plus-240")
    assert code == 1 and found["status"] == "not there"
    assert found["file"] is None and found["file_bytes"] is None
    assert found["licence"].startswith("not stated here: read https://")
    assert found["embed_dim"] == model["embed_dim"] and found["grid"] == [15, 15]
    assert found["image_size"] == 240 and found["vision_width"] == 896
    assert "laion400m_e31" in found["notes"][0]  # open_clip's slip
    code, text, _ = run(capsys, "check-backbone", *words)
    assert code == 1 and "size        unknown" in text
    name = "ViT-B-16-plus-240.laion400m_e32.pt"
    assert f"curl -L -C - -o {name} {found['source']}" in text
    assert f"export PROMPTAD_BACKBONE=ViT-B-16-plus-240:$PWD/{name}" in text


def test_download_goes_on_verifies_and_is_used_without_a_network(
    capsys, hub, monkeypatch, small_backbone, tmp_path
):
    words = ("--backbone", "small-plain", "--pretrained", "some_tag")
    assert check(capsys, *words)[0] == 1 and hub.asked == []
    hub.breaks = 1
    code, found = check(capsys, *words, "--download")
    assert code == 0 and found["licence"].startswith("apache-2.0 (stated by")
    assert any(told.startswith("bytes=100000-") for told in hub.received)
    assert "the published sha256" in found["verified"]
    asked = len(hub.asked)
    assert check(capsys, *words, "--download")[0] == 0 and len(hub.asked) == asked
    loaded = load_backbone("small-plain", "some_tag", "cpu")
    assert loaded.checksum == small_backbone().checksum and loaded.label.endswith("(some_tag)")
    # brought to another machine as a file: the name says the tag, so its normalisation is kept
    copy = tmp_path / "small-plain.some_tag.safetensors"
    assert run(capsys, "check-backbone", *words, "--save-as", copy)[0] == 0
    assert load_backbone("small-plain", copy, "cpu").mean == (0.5,) * 3
    assert "is there already" in failure(capsys, "check-backbone", *words, "--save-as", copy)
    assert "must end in .saf" in failure(capsys, "check-backbone", *words, "--save-as", "x.pt")


def test_damaged_weights_are_named_not_loaded_and_fetched_again(capsys, hub):
    words = ("--backbone", "small-plain", "--pretrained", "some_tag")
    _, found = check(capsys, *words, "--download")
    blob = found["file"]
    content = bytearray(hub.files[REPOSITORY + HUB_FILES[0]])
    content[-1] ^= 1  # one bit: the header is right, only the checksum tells
    with open(blob, "wb") as file:
        file.write(content)
    line = failure(capsys, "check-backbone", *words)
    assert "expected sha256" in line and HUB_FILES[0] in line
    with pytest.raises(ValueError, match="expected sha256"):
        load_backbone("small-plain", "some_tag", "cpu")
    code, told = check(capsys, *words)
    assert code == 2 and told["status"] == "wrong" and "expected sha256" in told["error"]
    assert check(capsys, *words, "--download")[0] == 0


def test_a_download_that_fails_is_one_line_and_code_1(capsys, hub, monkeypatch):
    words = ("check-backbone", "--backbone", "small-plain:some_tag", "--download")
    hub.refuses, hub.breaks = 99, 1
    code, out, lines = run(capsys, *words)
    assert code == 1 and lines == [] and "the download failed: http" in out
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    code, out, _ = run(capsys, *words)
    assert code == 1 and out.splitlines()[-1].endswith("HF_HUB_OFFLINE is set")
    assert "a download broke off: 100000 bytes are in" in out


def test_files_are_compared_with_the_model_weight_by_weight(capsys, small_backbone, tmp_path):
    state = small_backbone().model.state_dict()
    save_file(state, tmp_path / "w.safetensors")
    code, found = check(capsys, "--backbone", f"small-plain:{tmp_path / 'w.safetensors'}")
    assert code == 0 and "on trust" in found["activation"]
    assert found["file_bytes"] == (tmp_path / "w.safetensors").stat().st_size
    other = {name: tensor for name, tensor in state.items() if "resblocks.0" not in name}
    save_file(other, tmp_path / "less.safetensors")
    (tmp_path / "none.pt").touch()
    for name, expected in (
        ("less.safetensors", "missing"),
        ("none.pt", "the file is empty"),
    ):
        words = ("--backbone", "small-plain", "--pretrained", tmp_path / name)
        assert expected in failure(capsys, "check-backbone", *words)
    words = ("--backbone", "small-12-blocks", "--pretrained", tmp_path / "w.safetensors")
    assert "are not those of a small-12-blocks" in failure(capsys, "check-backbone", *words)
    code, found = check(capsys, "--backbone", "small-plain", "--pretrained", tmp_path / "no.pt")
    assert code == 1 and "found nothing at" in found["error"]


def test_random_weights_are_never_there(capsys, small_configs):
    code, found = check(capsys, "--backbone", "small-plain:random")
    assert code == 1 and "RANDOM WEIGHTS" in found["notes"][0]
    code, found = check(capsys, "--backbone", "small-plain:random", "--download")
    assert code == 1 and "nothing to download" in found["error"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--backbone", "ViT-B-32", "--pretrained", "openai"), "'ViT-B-32-quickgelu'"),
        (("--backbone", "ViT-B-32"), "Tags of ViT-B-32"),
        (("--backbone", "RN50:openai"), "ResNet"),
        (("--backbone", "ViT-L-14-336-quickgelu:openai", "--image-size", 400), "Use 392 or 406"),
        (("--backbone", "tiny", "--pretrained", "random"), "its own weights"),
    ],
)
def test_a_wrong_call_is_one_line_with_a_remedy(capsys, words, expected):
    assert expected in failure(capsys, "check-backbone", *words)


def test_a_file_named_after_a_tag_is_held_to_it(capsys, small_backbone, tmp_path):
    path = tmp_path / "ViT-B-32.openai.safetensors"
    save_file(small_backbone().model.state_dict(), path)
    assert "QuickGELU" in failure(capsys, "check-backbone", "--backbone", f"ViT-B-32:{path}")
    assert tag_in("ViT-L-14.laion2B-s32b_b82k", "ViT-L-14") == "laion2b_s32b_b82k"
    assert tag_in("weights", "ViT-L-14") == ""


def test_the_licence_is_only_what_the_card_states(tmp_path):
    def licence(text: str) -> str:
        (tmp_path / "README.md").write_text(text)
        return licence_of_card(tmp_path / "README.md")

    assert licence("---\nlicense: mit\ntags: [a]\n---\ntext") == "mit"
    assert licence("---\nlicense:\n- mit\n- other\n---\n") == "mit, other"
    for card in ("", "# MIT", "---\ntags: [a]\n---\n", "---\n[\n---\n", "---\nlicense: mit\n"):
        assert licence(card) == ""


def test_the_environment_is_asked_as_elsewhere(capsys, monkeypatch, small_configs):
    monkeypatch.setenv("PROMPTAD_BACKBONE", "small-plain:random")
    monkeypatch.setenv("PROMPTAD_IMAGE_SIZE", "48")
    _, found = check(capsys)
    assert (found["backbone"], found["image_size"], found["grid"]) == ("small-plain", 48, [6, 6])
    monkeypatch.setenv("PROMPTAD_IMAGE_SIZE", "large")
    assert "PROMPTAD_IMAGE_SIZE" in failure(capsys, "check-backbone")
