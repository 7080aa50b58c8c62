"""Refuse network access outside this machine, in pytest and in the notebooks' kernels.

A notebook that downloads something works only on the days when the server does, so the tests
and the run that makes the committed outputs have no network. The block is an audit hook: Python
calls it before each socket operation of the process, also of compiled extensions that go through
the socket module, and nothing can take it away again. Jupyter's own messages pass, because they
use loopback. A child process (`!curl ...`) is not covered.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from weakref import finalize

_RESOLVE = {"socket.getaddrinfo", "socket.gethostbyname"}
_SEND = {"socket.connect", "socket.sendto", "socket.sendmsg"}
_INTERNET = {socket.AF_INET, socket.AF_INET6}

_STARTUP = """\
import runpy as _runpy
_runpy.run_path({path!r})["block_network"]()
del _runpy
"""


class NetworkBlockedError(RuntimeError):
    """A socket operation that would have left this machine.

    Not an OSError: code that falls back quietly when it is offline must not hide the attempt.
    """


def is_local(host: object) -> bool:
    """Whether a host, as given to the socket module, is this machine (None and "" are)."""
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host is None or host in ("", "localhost", "::1", "0.0.0.0", "::"):
        return True
    return isinstance(host, str) and (host.startswith("127.") or host == socket.gethostname())


def _refuse_remote(event: str, args: tuple[object, ...]) -> None:
    if event in _RESOLVE:
        host = args[0]
    elif event in _SEND:
        endpoint, address = args[0], args[1]
        # Unix sockets stay on this machine; a connected socket has passed this check already.
        if not isinstance(endpoint, socket.socket) or endpoint.family not in _INTERNET:
            return
        if not isinstance(address, tuple):
            return
        host = address[0]
    else:
        return
    if not is_local(host):
        raise NetworkBlockedError(
            f"expected no network access, found {event} to {host!r}: "
            "read the data from the package or from a local path instead"
        )


def block_network() -> None:
    """Make every later attempt of this process to reach another machine an error.

    Raises (later, at the attempt): NetworkBlockedError.
    """
    sys.addaudithook(_refuse_remote)


@contextmanager
def kernel_environment() -> Iterator[None]:
    """Start the Jupyter kernels of this process without network and without personal settings.

    Within the context IPYTHONDIR is an empty folder whose one startup file blocks the network,
    JUPYTER_PREFER_ENV_PATH makes "python3" the kernel of this environment, and every PROMPTAD_*
    variable is unset: the committed outputs belong to the packaged model and data.
    """
    before = dict(os.environ)
    folder = mkdtemp(prefix="promptad-ipython-")
    # pytest-xdist may end a process before it leaves this context
    remove = finalize(_refuse_remote, shutil.rmtree, folder, ignore_errors=True)
    startup = Path(folder) / "profile_default" / "startup"
    startup.mkdir(parents=True)
    code = _STARTUP.format(path=str(Path(__file__).resolve()))
    (startup / "00-block-network.py").write_text(code)
    for name in [name for name in os.environ if name.startswith("PROMPTAD_")]:
        del os.environ[name]
    os.environ.update(IPYTHONDIR=folder, JUPYTER_PREFER_ENV_PATH="1")
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        remove()
