"""A server on this machine that behaves as badly as a network does, and as the hub does."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

from promptad_tutorial.clip.weights import download as weights_download
from promptad_tutorial.clip.weights import source as weights_source
from promptad_tutorial.files import download as files_download

COMMIT = "c" * 40


@dataclass
class Server:
    """What it serves by path, and how badly."""

    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True  # whether it supports Range
    breaks: int = 0  # how many answers break off after `piece` bytes
    piece: int = 1000
    refuses: int = 0  # how many answers are 503, after those
    asked: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, Range
    address: str = ""

    @property
    def received(self) -> list[str]:
        """The Range of every GET, "" for the whole file."""
        return [told for method, _, told in self.asked if method == "GET"]


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self._answer(send=False)

        def do_GET(self) -> None:
            self._answer(send=True)

        def _answer(self, send: bool) -> None:
            told = self.headers.get("Range", "")
            state.asked.append((self.command, self.path, told))
            whole = state.files.get(self.path)
            code = 404 if whole is None else 200
            body = whole or b""
            begun = int(told[len("bytes=") : -1]) if told and state.ranges and send else 0
            if send and whole is not None and not state.breaks and state.refuses:
                state.refuses -= 1
                code, body = 503, b""
            elif begun and begun >= len(body):
                code, body = 416, b""
            elif begun:
                code, body = 206, body[begun:]
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            if code == 206:
                last = len(whole or b"") - 1
                self.send_header("Content-Range", f"bytes {begun}-{last}/{last + 1}")
            if whole is not None:
                self.send_header("ETag", f'"{hashlib.sha256(whole).hexdigest()}"')
                self.send_header("X-Repo-Commit", COMMIT)
            if code == 404:
                self.send_header("X-Error-Code", "EntryNotFound")
            self.end_headers()
            if not send:
                return
            if state.breaks and code in (200, 206):
                state.breaks -= 1
                self.wfile.write(body[: state.piece])
                self.close_connection = True
                return
            self.wfile.write(body)

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    state.address = f"http://127.0.0.1:{running.server_port}"
    monkeypatch.setattr(files_download, "PAUSE", 0.0)
    monkeypatch.setattr(weights_download, "getproxies", dict)
    monkeypatch.setenv("no_proxy", "*")
    yield state
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture
def caches(monkeypatch, tmp_path) -> Path:
    """Empty caches of the hub and of open_clip."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(weights_source, "URL_CACHE", tmp_path / "clip")
    return tmp_path


@pytest.fixture
def hub_server(server, caches, monkeypatch) -> Server:
    """The server in the place of the hub, with empty caches."""
    monkeypatch.setattr(constants, "ENDPOINT", server.address)
    template = f"{server.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    return server
