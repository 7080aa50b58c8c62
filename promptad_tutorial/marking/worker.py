"""The process that runs a learner's answer: it gets inputs, and returns outputs.

What comes back is read by `plain.loads`, which makes numbers, texts, tensors, arrays and their
containers and nothing else: bytes that a learner made cannot call anything in the process that
marks. Her code itself runs on this machine, with the rights of whoever marks.
"""

from __future__ import annotations

import ast
import builtins
import io
import multiprocessing
import os
import pickle
import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from multiprocessing.connection import Connection
from typing import Any

from promptad_tutorial.marking import plain

SECONDS = 60.0  # for one call of an answer, and for its cell
STARTING_SECONDS = 300.0  # until the process is there, on a busy machine
FORBIDDEN = "promptad_tutorial.checks"  # it holds solutions
FUNCTION = "function"  # sent in place of a function, which stays in its process


class Answer:
    """A learner's function or value, which lives in another process."""

    def __init__(self, source: str, name: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, source, name), daemon=True)
        self._process.start()
        theirs.close()

    def value(self) -> Any:
        """What the check is given: a function that calls the learner's, or her value.

        None where her code does not define it, or does not come to an end.
        """
        try:
            self._receive(STARTING_SECONDS)
            kind, value = self._receive(SECONDS)
        except (RuntimeError, TimeoutError):
            return None
        return self._call if kind == FUNCTION else value

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._ours.close()

    def _call(self, *inputs: Any) -> Any:
        try:
            self._ours.send_bytes(pickle.dumps(inputs))
        except OSError as error:
            raise RuntimeError("your code ended its process") from error
        return self._receive(SECONDS)

    def _receive(self, seconds: float) -> Any:
        """Raises TimeoutError, RuntimeError if the process has ended, and the learner's error."""
        if not self._ours.poll(seconds):
            self._process.kill()
            raise TimeoutError(f"no result after {seconds:.0f} seconds")
        try:
            data = self._ours.recv_bytes()
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


def _serve(connection: Connection, source: str, name: str) -> None:
    """What the other process does: run the source, then answer calls until the pipe closes."""
    _forbid(FORBIDDEN)
    _send(connection, lambda: "started")
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        space: dict[str, Any] = {"__name__": "__main__"}
        _run(source, space)
        found = space.get(name)
        _send(connection, lambda: (FUNCTION, None) if callable(found) else ("value", found))
        while True:
            try:
                inputs = pickle.loads(connection.recv_bytes())
            except (EOFError, OSError):
                return
            _send(connection, lambda inputs=inputs: found(*inputs))


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
        except Exception:
            continue


def _send(connection: Connection, work: Callable[[], Any]) -> None:
    try:
        data = plain.dumps((True, work()))
    except Exception as error:
        data = plain.dumps((False, (type(error).__name__, str(error))))
    connection.send_bytes(data)
