"""Fetching weights over a poor network: goes on where it broke off, and trusts only a checksum.

huggingface_hub 2 removes what a broken download left, and open_clip leaves a half file under its
final name. So the bytes are fetched here, and the hub's library lays them into its cache, where
open_clip and all others find them too.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, getproxies, urlopen

import certifi
from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError
from tqdm.auto import tqdm

from promptad_tutorial.clip.choice import BackboneError
from promptad_tutorial.clip.weights.source import Source, part_of
from promptad_tutorial.clip.weights.verify import check_whole

TIMEOUT = 20.0  # seconds without a byte
TRIES = 5  # after which a network that gives no more bytes is given up
PAUSE = 1.0  # seconds between them
CHUNK = 1 << 20  # bytes read at a time
UNVERIFIED = "CERTIFICATE_VERIFY_FAILED"  # in the errors of every library


def fetch(source: Source) -> Path:
    """The file of a source, downloaded and verified; what broke off before goes on.

    Raises OSError for a network that fails and BackboneError for bytes that are not what they
    should be, both in one line.
    """
    problem = network_problem(source)
    if problem:
        raise OSError(problem)
    if not source.repository:
        return download(source.url, source.url_file, source.sha256)
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


def certificates() -> ssl.SSLContext:
    """Whom to trust: SSL_CERT_FILE or REQUESTS_CA_BUNDLE, else the system and certifi.

    Python on macOS knows none of the system's. OSError for a file that is named but not there.
    """
    context = ssl.create_default_context()  # heeds SSL_CERT_FILE and SSL_CERT_DIR
    bundle = os.environ.get("REQUESTS_CA_BUNDLE")
    if bundle or not {"SSL_CERT_FILE", "SSL_CERT_DIR"} & os.environ.keys():
        named = bundle or certifi.where()
        try:
            context.load_verify_locations(named)
        except OSError as error:
            raise OSError(f"expected certificates in {named}, found none ({error})") from error
    return context


def download(
    url: str, path: Path, sha256: str = "", size: int | None = None, shown: str = ""
) -> Path:
    """Fetch ``url`` to ``path``, through ``path``.part, which a later call goes on with.

    ``sha256`` (or its start) and ``size`` are what the file must have; ``shown`` stands beside the
    progress bar. Raises OSError if the network fails for good (the part is kept) and BackboneError
    for a file that is not what it should be (the part is removed: going on would never help).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = part_of(path)
    failures = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            _receive(url, part, before, size, shown or path.name)
            break
        except (OSError, HTTPException) as error:
            after = part.stat().st_size if part.exists() else 0
            failures = 0 if after > before else failures + 1
            if _lasts(error) or failures >= TRIES or not after:
                kept = f"; {after} bytes are kept, the next try goes on there" if after else ""
                raise OSError(f"{url}: {_reason(error)}{kept}") from error
            time.sleep(PAUSE)
    try:
        check_whole(part, sha256, path.suffix)
    except BackboneError:
        part.unlink()
        raise
    os.replace(part, path)
    return path


def _lasts(error: Exception) -> bool:
    """Whether trying again at once cannot help; a busy server may answer in a moment."""
    if isinstance(error, HTTPError):
        return error.code < 500 and error.code != 429
    return getattr(error, "errno", None) == errno.ENOSPC or UNVERIFIED in str(error)


def _receive(url: str, part: Path, begun: int, size: int | None, shown: str) -> None:
    """Append what is missing; OSError if less than what was promised has come."""
    headers = {"User-Agent": "promptad-tutorial", "Accept-Encoding": "identity"}
    if begun:
        headers["Range"] = f"bytes={begun}-"
    try:
        answer = urlopen(Request(url, headers=headers), timeout=TIMEOUT, context=certificates())
    except HTTPError as error:
        if error.code == 416 and begun:  # nothing is missing, or it is not whole by its checksum
            return
        raise
    with answer:
        if not answer.headers.get("Content-Range", "").startswith(f"bytes {begun}-"):
            begun = 0  # the server sends it all again
        length = answer.headers.get("Content-Length")
        total = size or (begun + int(length) if length else None)
        if total and total - begun > shutil.disk_usage(part.parent).free:
            raise OSError(errno.ENOSPC, f"{total} bytes do not fit on the disk of {part.parent}")
        with (
            part.open("ab" if begun else "wb") as file,
            tqdm(total=total, initial=begun, unit="B", unit_scale=True, desc=shown) as bar,
        ):
            while chunk := answer.read(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
            found = file.tell()
    if total and found < total:
        raise ConnectionError(f"the connection broke off at {found} of {total} bytes")


def _into_hub_cache(source: Source, name: str, address: str) -> Path:
    """Fetch one file to where the hub's library looks for it before it downloads anything."""
    told = _ask(address, get_hf_file_metadata, address, timeout=TIMEOUT)
    if not re.fullmatch("[0-9a-f]{64}", told.etag or "") or not told.commit_hash:
        raise OSError(f"{address}: the server says no sha256, so nothing could be verified")
    blob = source.blobs / told.etag
    if not blob.is_file():
        whole = blob.with_name(f"{told.etag}{Path(name).suffix}")
        os.replace(download(address, whole, told.etag, told.size, name), blob)
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
        raise OSError(f"{address}: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    if UNVERIFIED in str(error):
        return (
            f"{UNVERIFIED}: nobody whom this computer trusts vouches for the server. A proxy that "
            "looks into connections has a certificate of its own: ask whoever runs it for the file "
            "and set SSL_CERT_FILE (or REQUESTS_CA_BUNDLE) to it. Without such a proxy, unset "
            "both and run: pip install --upgrade certifi"
        )
    return " ".join(str(error).split()) or type(error).__name__
