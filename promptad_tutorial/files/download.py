"""Fetching a file over a poor network: goes on where it broke off, and is there whole or not."""

from __future__ import annotations

import errno
import os
import shutil
import ssl
import time
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import certifi
from tqdm.auto import tqdm

TIMEOUT = 20.0  # seconds without a byte
TRIES = 5  # after which a network that gives no more bytes is given up
PAUSE = 1.0  # seconds between them
CHUNK = 1 << 20  # bytes read at a time
UNVERIFIED = "CERTIFICATE_VERIFY_FAILED"  # in the errors of every library


def part_of(path: Path) -> Path:
    """Where a download is kept until it is whole."""
    return path.with_name(f"{path.name}.part")


def download(
    url: str,
    path: Path,
    check: Callable[[Path], None],
    size: int | None = None,
    shown: str = "",
) -> Path:
    """Fetch ``url`` to ``path``, through ``path``.part, which a later call goes on with.

    ``check`` raises ValueError for a file that is not what it should be: the part is removed then,
    as going on would never help. ``size``: how many bytes it must have, if known; ``shown`` stands
    beside the progress bar. Raises OSError if the network fails for good (the part is kept).
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
                raise OSError(f"{url}: {network_reason(error)}{kept}") from error
            time.sleep(PAUSE)
    try:
        check(part)
    except ValueError:
        part.unlink()
        raise
    os.replace(part, path)
    return path


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


def network_reason(error: BaseException) -> str:
    """What an error of a network says, in one line; of a certificate, with what to do."""
    if UNVERIFIED in str(error):
        return (
            f"{UNVERIFIED}: nobody whom this computer trusts vouches for the server. A proxy that "
            "looks into connections has a certificate of its own: ask whoever runs it for the file "
            "and set SSL_CERT_FILE (or REQUESTS_CA_BUNDLE) to it. Without such a proxy, unset "
            "both and run: pip install --upgrade certifi"
        )
    return " ".join(str(error).split()) or type(error).__name__
