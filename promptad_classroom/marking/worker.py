"""The process that runs a learner's answer: it gets inputs, and returns outputs.

What comes back is read by `plain.loads`, which makes numbers, texts, tensors, arrays and their
containers and nothing else: bytes that a learner made cannot call anything in the process that
marks. Her code itself runs on this machine, `confine`d: it can change no file, nor read solutions.
"""

from __future__ import annotations

import ast
import builtins
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import Any

import open_clip.transformer  # noqa: F401  blocks of a ViT are among what answers are given

import promptad_tutorial

# What answers are given comes from here. Loaded now: once `confine`d, a process may not list the
# package's folder, as a part of it is hidden, and Python then finds a module only where it has
# listed the folder before.
import promptad_tutorial.datasets
from promptad_classroom.marking import plain
from promptad_classroom.marking.confinement import confine

SECONDS = 60.0  # for one call of an answer, and for its cell
STARTING_SECONDS = 300.0  # until the process is there, on a busy machine
MOST_BYTES = 64 * 10**6  # of one result: the largest right one has a few thousand
MEMORY = 8 * 10**9  # bytes that an answer may allocate, on Linux
FORBIDDEN = "promptad_tutorial.exercises"  # it holds solutions
CLASSROOM = Path(__file__).resolve().parents[1]
PACKAGE = Path(promptad_tutorial.__file__).resolve().parent
CHECKOUT = PACKAGE.parent  # where it is one, its notebooks and tests hold solutions, too
SOLUTIONS = (
    PACKAGE / "exercises",
    *(CHECKOUT / n for n in ("notebooks", "tests", ".git") if (CHECKOUT / "workshop").is_dir()),
)
NEEDED = (PACKAGE, CLASSROOM, Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve())
STARTING = threading.Lock()  # one process starts at a time
FUNCTION = "function"  # sent in place of a function, which stays in its process


class Answer:
    """A learner's function or value, which lives in another process.

    That process can read nothing below the folders `hidden`, as those of other learners.
    """

    def __init__(
        self,
        source: str,
        name: str,
        hidden: Sequence[Path] = (),
        seconds: float | None = None,
    ) -> None:
        self._seconds = SECONDS if seconds is None else seconds
        context = _context()
        self._ours, theirs = context.Pipe()
        task = (theirs, source, name, tuple(hidden))
        self._process = context.Process(target=_serve, args=task, daemon=True)
        with _without_main():
            self._process.start()
        theirs.close()

    def value(self) -> Any:
        """What the check is given: a function that calls the learner's, or her value.

        None where her code does not define it, or does not come to an end.
        """
        try:
            self._receive(STARTING_SECONDS)
            kind, value = self._receive(self._seconds)
        except (RuntimeError, TimeoutError):
            return None
        return self._call if kind == FUNCTION else value

    def close(self) -> None:
        """End the process, and those that it has started."""
        if hasattr(os, "killpg"):
            with suppress(OSError):  # it has ended already, or not come so far as to have a group
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.join()
        self._ours.close()

    def _call(self, *inputs: Any) -> Any:
        try:
            self._ours.send_bytes(pickle.dumps(inputs))
        except OSError as error:
            raise RuntimeError("your code ended its process") from error
        return self._receive(self._seconds)

    def _receive(self, seconds: float) -> Any:
        """Raises TimeoutError, RuntimeError if the process has ended, and the learner's error."""
        if not self._ours.poll(seconds):
            self._process.kill()
            raise TimeoutError(f"no result after {seconds:.0f} seconds")
        try:
            data = self._ours.recv_bytes(MOST_BYTES)
        except (EOFError, OSError) as error:
            raise RuntimeError("your code ended its process") from error
        try:
            worked, found = plain.loads(data)
        except Exception as error:
            raise RuntimeError(
                "your code returns an object of a class that is neither number, text, tensor, "
                "array nor a container of these"
            ) from error
        if worked:
            return found
        name, text = found
        kind = getattr(builtins, name, None)
        ordinary = isinstance(kind, type) and issubclass(kind, Exception)
        raise kind(text) if ordinary else RuntimeError(f"{name}: {text}")


def _context() -> Any:
    """Processes that begin as a copy of one that has loaded torch; afresh where that cannot be."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


@contextmanager
def _without_main() -> Iterator[None]:
    """Processes that start meanwhile do not import the program that is running, as they would.

    It takes seconds, and what marks an answer is no business of the process that runs it.
    """
    with STARTING:
        program = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = program


def _serve(connection: Connection, source: str, name: str, hidden: Sequence[Path]) -> None:
    """What the other process does: run the source, then answer calls until the pipe closes."""
    _forbid(FORBIDDEN)
    _send(connection, lambda: "started")
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)
    nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  as long as the process
    _limit()
    confine([*SOLUTIONS, *(path for path in hidden if not _holds_what_is_needed(path))])
    with redirect_stdout(nowhere), redirect_stderr(nowhere):
        warnings.simplefilter("ignore")
        space: dict[str, Any] = {"__name__": "__main__", "get_ipython": _Silence}
        space["display"] = _Silence().display
        _run(source, space)
        found = space.get(name)
        _send(connection, lambda: (FUNCTION, None) if callable(found) else ("value", found))
        while True:
            try:
                inputs = pickle.loads(connection.recv_bytes())
            except (EOFError, OSError):
                return
            _send(connection, lambda inputs=inputs: found(*inputs))


class _Silence:
    """In place of a notebook's shell: whatever an answer shows or asks of it comes to nothing."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *given, **named: None


def _limit() -> None:
    """A group of its own, no more memory than MEMORY, and no file for its bytecode."""
    sys.dont_write_bytecode = True
    if hasattr(os, "setsid"):
        os.setsid()
    if sys.platform == "linux":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _holds_what_is_needed(folder: Path) -> bool:
    """Whether Python or this package lies below a folder: it cannot be hidden then."""
    folder = folder.resolve()
    return any(folder == each or folder in each.parents for each in NEEDED)


def _forbid(module: str) -> None:
    """Make importing `module` an ImportError, loaded already or not."""
    for name in [name for name in sys.modules if name.startswith(f"{module}.")]:
        del sys.modules[name]
    package, _, short = module.rpartition(".")
    vars(sys.modules[package]).pop(short, None)
    sys.modules[module] = None  # type: ignore[assignment]


def _run(source: str, space: dict[str, Any]) -> None:
    """Statement by statement, as a notebook goes on after a cell with an error."""
    for statement in ast.parse(source).body:
        try:
            exec(compile(ast.Module([statement], []), "<answer>", "exec"), space)
        except (Exception, SystemExit):  # a kernel survives exit(), too
            continue


def _send(connection: Connection, work: Callable[[], Any]) -> None:
    try:
        data = plain.dumps((True, work()))
    except Exception as error:
        data = plain.dumps((False, (type(error).__name__, str(error))))
    connection.send_bytes(data)
