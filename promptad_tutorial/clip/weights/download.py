"""Fetching weights over a poor network: goes on where it broke off, and trusts only a checksum.

huggingface_hub 2 removes what a broken download left, and open_clip leaves a half file under its
final name. So the bytes are fetched here; the hub's cache is filled in the layout that it documents
(blobs named after their sha256, and links to them), where open_clip and all others find it too.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import time
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, getproxies, urlopen

import certifi
from huggingface_hub import constants, get_hf_file_metadata
from huggingface_hub.errors import EntryNotFoundError
from tqdm.auto import tqdm

from promptad_tutorial.clip.weights.file import CHUNK, check_whole
from promptad_tutorial.clip.weights.model_support import BackboneError
from promptad_tutorial.clip.weights.source import Source, part_of

TIMEOUT = 20.0  # seconds without a byte
TRIES = 5  # after which a network that gives no more bytes is given up
PAUSE = 1.0  # seconds between them
AGENT = "promptad-tutorial"
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
        try:
            return _into_hub_cache(source, name, address)
        except EntryNotFoundError:
            continue
    raise OSError(f"{source.page} has no file {' or '.join(source.files)}")


def certificates() -> ssl.SSLContext:
    """Whom to trust: SSL_CERT_FILE or REQUESTS_CA_BUNDLE, else the system and certifi.

    Python on macOS knows none of the system's. OSError for a file that is named but not there.
    """
    context = ssl.create_default_context()  # heeds SSL_CERT_FILE and SSL_CERT_DIR
    bundle = os.environ.get("REQUESTS_CA_BUNDLE")
    if bundle or not {"SSL_CERT_FILE", "SSL_CERT_DIR"} & os.environ.keys():
        try:
            context.load_verify_locations(bundle or certifi.where())
        except OSError as error:
            named = bundle or certifi.where()
            raise OSError(f"expected certificates in {named}, found none ({error})") from error
    return context


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


class _NoRoomError(OSError):
    """The disk cannot hold the file."""


def _lasts(error: BaseException) -> bool:
    """Whether trying again at once cannot help."""
    if isinstance(error, HTTPError):
        return error.code < 500 and error.code != 429  # a busy server may answer in a moment
    return isinstance(error, _NoRoomError) or UNVERIFIED in str(error)


def _receive(url: str, part: Path, begun: int, size: int | None, shown: str) -> None:
    """Append what is missing; OSError if less than what was promised has come."""
    headers = {"User-Agent": AGENT, "Accept-Encoding": "identity"}
    if begun:
        headers["Range"] = f"bytes={begun}-"
    try:
        answer = urlopen(Request(url, headers=headers), timeout=TIMEOUT, context=certificates())
    except HTTPError as error:
        if error.code == 416 and begun:  # nothing is missing, or the part is of another file
            if size is None or size == begun:
                return
            part.unlink()
            raise ConnectionError("the part that was here is of another file") from error
        raise
    with answer:
        begun = begun if answer.status == 206 and _starts_at(answer, begun) else 0
        length = answer.headers.get("Content-Length")
        total = size if size is not None else (begun + int(length) if length else None)
        if total is not None and total - begun > shutil.disk_usage(part.parent).free:
            raise _NoRoomError(f"{total} bytes do not fit on the disk of {part.parent}")
        with (
            part.open("ab" if begun else "wb") as file,
            tqdm(total=total, initial=begun, unit="B", unit_scale=True, desc=shown) as bar,
        ):
            while chunk := answer.read(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
    found = part.stat().st_size
    if total is not None and found > total:
        part.unlink()
        raise ConnectionError("more bytes came than were promised")
    if total is not None and found < total:
        raise ConnectionError(f"the connection broke off at {found} of {total} bytes")


def _starts_at(answer: Any, begun: int) -> bool:
    told = answer.headers.get("Content-Range", "")
    return told.replace(" ", "").startswith(f"bytes{begun}-")


def _into_hub_cache(source: Source, name: str, address: str) -> Path:
    try:
        told = get_hf_file_metadata(address, timeout=TIMEOUT)
    except EntryNotFoundError:
        raise
    except Exception as error:  # the hub's client raises many classes
        raise OSError(f"{address}: {_reason(error)}") from error
    if not re.fullmatch("[0-9a-f]{64}", told.etag or "") or not told.commit_hash:
        raise OSError(f"{address}: the server says no sha256, so nothing could be verified")
    folder = source.hub_folder
    blob = folder / "blobs" / told.etag
    if not blob.is_file():
        begun = blob.with_name(f"{told.etag}{Path(name).suffix}")
        os.replace(download(address, begun, told.etag, told.size, name), blob)
    link = folder / "snapshots" / told.commit_hash / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    try:
        link.symlink_to(Path("..") / ".." / "blobs" / told.etag)
    except OSError:  # Windows without the right to make links
        os.replace(blob, link)
    reference = folder / "refs" / "main"
    reference.parent.mkdir(parents=True, exist_ok=True)
    reference.write_text(told.commit_hash)
    _fetch_card(source, link.parent)
    return link


def _fetch_card(source: Source, folder: Path) -> None:
    """The model card, a few kilobytes, for its licence. Weights without a card are weights too."""
    request = Request(f"{source.page}/resolve/main/README.md", headers={"User-Agent": AGENT})
    try:
        with urlopen(request, timeout=TIMEOUT, context=certificates()) as answer:
            text = answer.read(CHUNK)
    except (OSError, HTTPException):
        return
    card = folder / "README.md"
    part_of(card).write_bytes(text)
    os.replace(part_of(card), card)


def _reason(error: BaseException) -> str:
    if UNVERIFIED in str(error):
        return (
            f"{UNVERIFIED}: nobody whom this computer trusts vouches for the server. A proxy that "
            "looks into connections has a certificate of its own: ask whoever runs it for the file "
            "and set SSL_CERT_FILE (or REQUESTS_CA_BUNDLE) to it. Without such a proxy, unset "
            "both and run: pip install --upgrade certifi"
        )
    return " ".join(str(error).split()) or type(error).__name__
