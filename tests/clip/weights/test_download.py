"""Downloads over a bad network go on where they broke off, and only whole files get a name."""

from __future__ import annotations

import hashlib
import ssl
import zipfile
from functools import partial
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import save

from promptad_tutorial.clip.choice import BackboneError
from promptad_tutorial.clip.weights import download as weights_download
from promptad_tutorial.clip.weights.checkpoints import read_weights
from promptad_tutorial.clip.weights.download import fetch
from promptad_tutorial.clip.weights.source import HUB_FILES, Source, source_of
from promptad_tutorial.clip.weights.verify import check_whole
from promptad_tutorial.files import download as files_download

CONTENT = np.random.default_rng(0).bytes(3500)
SHA = hashlib.sha256(CONTENT).hexdigest()
TENSORS = save({"a": torch.arange(1000.0)})


def download(url: str, path: Path, sha256: str = "") -> Path:
    check = partial(check_whole, sha256=sha256, suffix=path.suffix)
    return files_download.download(url, path, check)


def test_a_download_that_breaks_off_goes_on_where_it_stopped(server, tmp_path):
    server.files["/w.bin"] = CONTENT
    server.breaks = 3
    path = download(f"{server.address}/w.bin", tmp_path / "w.bin", SHA)
    assert path.read_bytes() == CONTENT
    assert server.received == ["", "bytes=1000-", "bytes=2000-", "bytes=3000-"]
    assert [p.name for p in tmp_path.iterdir()] == ["w.bin"]


def test_what_a_stopped_program_has_received_is_kept_for_the_next_one(server, tmp_path):
    server.files["/w.bin"] = CONTENT
    server.breaks, server.refuses = 2, 99
    with pytest.raises(OSError, match="503.*2000 bytes are kept"):
        download(f"{server.address}/w.bin", tmp_path / "w.bin", SHA)
    server.refuses = 0
    assert not (tmp_path / "w.bin").exists()
    assert (tmp_path / "w.bin.part").read_bytes() == CONTENT[:2000]
    download(f"{server.address}/w.bin", tmp_path / "w.bin", SHA)
    assert server.received[-1] == "bytes=2000-"
    assert (tmp_path / "w.bin").read_bytes() == CONTENT


def test_a_server_that_is_busy_for_a_moment_is_asked_again(server, tmp_path):
    server.files["/w.bin"] = CONTENT
    server.breaks, server.refuses = 1, 2
    assert download(f"{server.address}/w.bin", tmp_path / "w.bin", SHA).read_bytes() == CONTENT
    with pytest.raises(OSError, match="404"):
        download(f"{server.address}/none.bin", tmp_path / "none.bin")


def test_a_server_without_ranges_sends_it_all_again(server, tmp_path):
    server.files["/w.bin"] = CONTENT
    server.ranges, server.breaks = False, 1
    assert download(f"{server.address}/w.bin", tmp_path / "w.bin", SHA).read_bytes() == CONTENT
    assert server.received == ["", "bytes=1000-"]


def test_a_server_without_ranges_that_always_breaks_off_is_given_up(server, tmp_path, monkeypatch):
    monkeypatch.setattr(files_download, "TRIES", 2)
    server.files["/w.bin"] = CONTENT
    server.ranges, server.breaks = False, 99
    with pytest.raises(OSError, match="broke off at 1000 of 3500 bytes; 1000 bytes are kept"):
        download(f"{server.address}/w.bin", tmp_path / "w.bin", SHA)
    assert len(server.received) == 3


def test_wrong_bytes_get_no_name_and_are_not_gone_on_with(server, tmp_path):
    server.files["/w.bin"] = CONTENT
    with pytest.raises(BackboneError, match=rf"expected sha256 0123abcd, found {SHA}"):
        download(f"{server.address}/w.bin", tmp_path / "w.bin", "0123abcd")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "w.bin.part").write_bytes(b"of another file" * 100)  # resumed, it is wrong as well
    with pytest.raises(BackboneError, match="sha256"):
        download(f"{server.address}/w.bin", tmp_path / "w.bin", SHA)
    assert download(f"{server.address}/w.bin", tmp_path / "w.bin", SHA).read_bytes() == CONTENT


def test_a_part_that_is_whole_already_is_only_verified(server, tmp_path):
    server.files["/w.bin"] = CONTENT
    (tmp_path / "w.bin.part").write_bytes(CONTENT)
    assert download(f"{server.address}/w.bin", tmp_path / "w.bin", SHA).read_bytes() == CONTENT


def test_a_disk_that_is_too_small_is_said_before_anything_is_sent(server, tmp_path, monkeypatch):
    server.files["/w.bin"] = CONTENT
    usage = type("Usage", (), {"free": 100})
    monkeypatch.setattr(files_download.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OSError, match="3500 bytes do not fit"):
        download(f"{server.address}/w.bin", tmp_path / "w.bin", SHA)
    assert len(server.received) == 1 and not (tmp_path / "w.bin").exists()


# --- the hub --------------------------------------------------------------------------------


@pytest.fixture
def hub(hub_server) -> Source:
    return source_of("small-plain", "some_tag", {"hf_hub": "org/small.some_tag/"})


def test_the_hubs_cache_is_filled_and_everybody_finds_it(server, hub):
    server.files[f"/org/small.some_tag/resolve/main/{HUB_FILES[0]}"] = TENSORS
    server.files["/org/small.some_tag/resolve/main/README.md"] = b"---\nlicense: mit\n---\n# x\n"
    server.breaks, server.piece = 1, 700
    assert hub.here() is None and "not stated here: read http" in hub.licence()
    path = fetch(hub)
    expected = hashlib.sha256(TENSORS).hexdigest()
    assert path.read_bytes() == TENSORS
    assert hub.here() == (path, expected)
    assert path.resolve().name == expected and hub.begun() == ()
    assert hub.licence() == "mit (stated by the card of org/small.some_tag)"
    assert "bytes=700-" in server.received


def test_the_second_name_is_tried_where_the_first_is_not_there(server, hub):
    server.files[f"/org/small.some_tag/resolve/main/{HUB_FILES[1]}"] = TENSORS
    assert fetch(hub).name == HUB_FILES[1]
    server.files.clear()
    other = source_of("small-plain", "t", {"hf_hub": "org/other/"})
    with pytest.raises(OSError, match="has no file open_clip_model.safetensors or"):
        fetch(other)


def test_what_broke_off_in_the_hubs_cache_is_found_again(server, hub, monkeypatch):
    server.files[f"/org/small.some_tag/resolve/main/{HUB_FILES[0]}"] = TENSORS
    server.breaks, server.refuses = 1, 99
    with pytest.raises(OSError, match="503"):
        fetch(hub)
    server.refuses = 0
    (part,) = hub.begun()
    assert part.read_bytes() == TENSORS[:1000] and hub.here() is None
    fetch(hub)
    assert hub.begun() == () and server.received[-1] == "bytes=1000-"


def test_offline_is_said_at_once(hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(OSError, match="HF_HUB_OFFLINE is set"):
        fetch(hub)


def test_the_papers_weights_are_those_of_its_tag_and_not_of_another_epoch():
    import open_clip

    entry = open_clip.get_pretrained_cfg("ViT-B-16-plus-240", "laion400m_e32")
    source = source_of("ViT-B-16-plus-240", "laion400m_e32", entry)
    assert all("e32" in address and "e31" not in address for address in source.addresses)
    assert source.addresses[0].endswith(f"{source.sha256}.pt")
    entry = open_clip.get_pretrained_cfg("ViT-L-14", "laion2b_s32b_b82k")
    assert source_of("ViT-L-14", "laion2b_s32b_b82k", entry).warning == ""


# --- files that are not whole ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("w.safetensors", b"", "empty"),
        ("w.pt", b"", "empty"),
        ("w.safetensors", TENSORS[:-1], "no whole .safetensors"),
        ("w.safetensors", TENSORS[:40], "no whole .safetensors"),
        ("w.safetensors", TENSORS[:5], "no whole .safetensors"),
        ("w.safetensors", TENSORS + b"x", "no whole .safetensors"),
        ("w.safetensors", b"not weights at all", "no whole .safetensors"),
        ("w.safetensors", (4).to_bytes(8, "little") + b"{[}]", "no whole .safetensors"),
        ("w.bin", b"<!DOCTYPE html><html>log in</html>", "web page"),
        ("w.safetensors", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    ],
)
def test_a_file_that_is_not_whole_is_named_and_not_loaded(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    for read in (check_whole, read_weights):
        with pytest.raises(BackboneError, match=rf"{name}.*{message}"):
            read(path)


def test_a_half_written_archive_is_named(tmp_path):
    torch.save({"a": torch.zeros(500)}, tmp_path / "w.pt")
    check_whole(tmp_path / "w.pt")
    whole = (tmp_path / "w.pt").read_bytes()
    (tmp_path / "w.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BackboneError, match=r"w\.pt.*half written"):
        read_weights(tmp_path / "w.pt")


def test_openais_own_archive_is_recognised_and_not_run(tmp_path):
    path = tmp_path / "ViT-B-16.pt"
    with zipfile.ZipFile(path, "w") as archive:  # as torch.jit.save lays it out
        for name in ("data.pkl", "constants.pkl", "code/__torch__/multimodal/model.py", "version"):
            archive.writestr(f"ViT-B-16/{name}", b"2\n")
    with pytest.raises(
        BackboneError,
        match=r"TorchScript program.*check-backbone --backbone ViT-B-16-quickgelu "
        r"--pretrained openai --download$",
    ):
        read_weights(path)


# --- certificates ---------------------------------------------------------------------------


def test_a_certificate_that_nobody_vouches_for_is_one_line_that_says_what_to_do(
    tmp_path, monkeypatch
):
    asked = []

    def refuse(request, timeout, context):
        asked.append(context.verify_mode)
        raise URLError(ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] self"))

    monkeypatch.setattr(files_download, "urlopen", refuse)
    (tmp_path / "w.bin.part").write_bytes(b"begun")  # would be tried again if that could help
    with pytest.raises(OSError, match="SSL_CERT_FILE.*REQUESTS_CA_BUNDLE.*certifi") as found:
        download("https://127.0.0.1/w.bin", tmp_path / "w.bin")
    assert "\n" not in str(found.value)
    assert asked == [ssl.CERT_REQUIRED]  # once, and never without looking


def test_a_certificate_that_the_hubs_client_refuses_says_the_same(hub, monkeypatch):
    def refuse(*_, **__):
        raise RuntimeError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")

    monkeypatch.setattr(weights_download, "get_hf_file_metadata", refuse)
    with pytest.raises(OSError, match="SSL_CERT_FILE"):
        fetch(hub)


def test_certificates_come_from_where_the_user_says(tmp_path, monkeypatch):
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    assert files_download.certificates().get_ca_certs()  # certifi's, also on macOS
    monkeypatch.setenv("SSL_CERT_FILE", "/dev/null")
    assert not files_download.certificates().get_ca_certs()
    for bundle in ("/dev/null", str(tmp_path / "none.pem")):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle)
        with pytest.raises(OSError, match=f"expected certificates in {bundle}"):
            files_download.certificates()
