"""What a learner's process may not do: change a file, read a solution, stop other processes.

Linux's Landlock lets a process give up rights for itself and all that it starts, for good and
without being root (linux/landlock.h, kernel 5.13 or newer; stopping others: 6.12). Elsewhere
Python's audit hooks refuse the same calls, which is a fence and no wall: code that calls the C
library by ctypes climbs over it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

# rights of linux/landlock.h, and the version of the interface that brought the later ones
WRITE_FILE, READ_FILE, READ_DIR = 1 << 1, 1 << 2, 1 << 3
REMOVE_AND_MAKE = sum(1 << bit for bit in range(4, 13))
SINCE_2, SINCE_3 = 1 << 13, 1 << 14  # moving to another folder, truncating
TCP_SINCE_4 = 0b11  # bind, connect
SCOPE_SINCE_6 = 0b11  # abstract sockets, signals
CREATE, ADD_RULE, RESTRICT = 444, 445, 446  # system calls, the same on every processor
VERSION_QUESTION, BENEATH_PATH, NO_NEW_PRIVILEGES = 1, 1, 38

REFUSED = frozenset(
    (
        *("os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir"),
        *("os.setxattr", "os.symlink", "os.truncate", "os.utime", "sqlite3.connect"),
        *("os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"),
        *("os.kill", "os.killpg", "signal.pthread_kill", "socket.bind", "socket.connect"),
        "subprocess.Popen",
    )
)  # audit events of Python's standard library


def confine(hidden: Sequence[Path]) -> bool:
    """Give up writing, and reading what is below `hidden`; True where the kernel sees to it.

    What is open already stays open. There is no way back.
    """
    hidden = [path.resolve() for path in hidden]
    walled = sys.platform == "linux" and _landlock(hidden)
    sys.addaudithook(_hook(tuple(map(str, hidden))))
    return walled


def _hook(hidden: tuple[str, ...]) -> Callable[[str, tuple[Any, ...]], None]:
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    inside = tuple(f"{path}{os.sep}" for path in hidden)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in REFUSED:
            raise PermissionError(f"an answer may not do this: {event}")
        if event == "open" and not isinstance(arguments[0], int):
            path, _, flags = arguments
            if isinstance(flags, int) and flags & writing:
                raise PermissionError(f"an answer may not write a file: {path}")
            if f"{os.path.realpath(os.fsdecode(path))}{os.sep}".startswith(inside):
                raise PermissionError(f"an answer may not read this file: {path}")

    return hook


def _landlock(hidden: Sequence[Path]) -> bool:
    import ctypes

    syscall = ctypes.CDLL(None, use_errno=True).syscall
    version = syscall(CREATE, None, ctypes.c_size_t(0), VERSION_QUESTION)
    if version < 1:  # an old kernel, or one without it
        return False
    files = WRITE_FILE | READ_FILE | READ_DIR | REMOVE_AND_MAKE
    files |= (SINCE_2 if version >= 2 else 0) | (SINCE_3 if version >= 3 else 0)
    # struct landlock_ruleset_attr: handled_access_fs, handled_access_net, scoped
    wanted = [files, *([TCP_SINCE_4] if version >= 4 else []), *([SCOPE_SINCE_6] * (version >= 6))]
    attributes = (ctypes.c_uint64 * len(wanted))(*wanted)
    rules = syscall(CREATE, attributes, ctypes.c_size_t(ctypes.sizeof(attributes)), 0)
    if rules < 0:
        return False
    for path in _shown(Path("/"), hidden):
        rights = READ_FILE | READ_DIR if os.path.isdir(path) else READ_FILE
        with suppress(OSError):  # gone, or not ours: then it is not readable, as before
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            # struct landlock_path_beneath_attr, packed: allowed_access, parent_fd
            rule = rights.to_bytes(8, sys.byteorder) + place.to_bytes(4, sys.byteorder)
            syscall(ADD_RULE, rules, BENEATH_PATH, rule, 0)
            os.close(place)
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    done = prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0 and syscall(RESTRICT, rules, 0) == 0
    os.close(rules)
    return done


def _shown(path: Path, hidden: Sequence[Path]) -> Iterator[Path]:
    """Paths that hold everything below `path` but what is hidden: rights can only be given."""
    if path in hidden:
        return
    if not any(path in each.parents for each in hidden):
        yield path
        return
    with suppress(OSError):  # a folder that we may not list
        for child in sorted(os.listdir(path)):
            if not os.path.islink(path / child):  # what it points to has a rule of its own
                yield from _shown(path / child, hidden)
