"""Fetching published weights, which a checksum must vouch for.

huggingface_hub 2 removes what a broken download left, and open_clip leaves a half file under its
final name. So the bytes are fetched by `files.download`, and the hub's library lays them into its
cache, where open_clip and all others find them too.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

from promptad_tutorial.clip.weights.source import Source
from promptad_tutorial.clip.weights.verify import check_whole
from promptad_tutorial.files.download import TIMEOUT, download, network_reason


def fetch(source: Source) -> Path:
    """The file of a source, downloaded and verified; what broke off before goes on.

    Raises OSError for a network that fails and BackboneError for bytes that are not what they
    should be, both in one line.
    """
    problem = network_problem(source)
    if problem:
        raise OSError(problem)
    if not source.repository:
        path = source.url_file
        return download(
            source.url, path, partial(check_whole, sha256=source.sha256, suffix=path.suffix)
        )
    for name, address in zip(source.files, source.addresses, strict=True):
        with suppress(EntryNotFoundError):
            return _into_hub_cache(source, name, address)
    raise OSError(f"{source.page} has no file {' or '.join(source.files)}")


def network_problem(source: Source) -> str:
    """Why there is no use in trying, "" if there is none: told at once, where a client retries."""
    if source.repository and constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    if getproxies():  # a proxy may reach what this machine cannot name
        return ""
    parts = urlsplit(source.addresses[0])
    try:
        socket.getaddrinfo(parts.hostname, parts.port or 443)
    except Exception as error:  # OSError, or whatever a sandbox raises in its place
        return f"no network: {error}"
    return ""


def _into_hub_cache(source: Source, name: str, address: str) -> Path:
    """Fetch one file to where the hub's library looks for it before it downloads anything."""
    told = _ask(address, get_hf_file_metadata, address, timeout=TIMEOUT)
    if not re.fullmatch("[0-9a-f]{64}", told.etag or "") or not told.commit_hash:
        raise OSError(f"{address}: the server says no sha256, so nothing could be verified")
    blob = source.blobs / told.etag
    if not blob.is_file():
        check = partial(check_whole, sha256=told.etag, suffix=Path(name).suffix)
        download(address, blob, check, told.size, name)
    path = _ask(address, hf_hub_download, source.repository, name)
    with suppress(OSError):  # the card, for its licence; weights without one are weights too
        _ask(address, hf_hub_download, source.repository, "README.md")
    return Path(path)


def _ask(address: str, call: Callable[..., Any], *given: Any, **more: Any) -> Any:
    """A call of the hub's client, which raises many classes: OSError in one line, or no entry."""
    try:
        return call(*given, **more)
    except Exception as error:
        if isinstance(error, EntryNotFoundError) and not isinstance(error, LocalEntryNotFoundError):
            raise
        raise OSError(f"{address}: {network_reason(error)}") from error
