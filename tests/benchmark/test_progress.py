"""Progress: a bar for those who look, and no log file full of it."""

from __future__ import annotations

import io
import sys

import pytest

from promptad_tutorial.benchmark import progress as module
from promptad_tutorial.benchmark.progress import LOG_SECONDS, progress


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    def isatty(self) -> bool:
        return True


def test_a_log_file_gets_no_line_for_each_step(monkeypatch):
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    assert list(progress("work", "step", 5000, range(5000))) == list(range(5000))
    written = log.getvalue()
    assert "5000/5000" in written and written.count("\r") + written.count("\n") < 10


@pytest.mark.parametrize("where", ["terminal", "notebook", "log"])
def test_who_looks_sees_every_moment(monkeypatch, where):
    monkeypatch.setattr(sys, "stderr", Terminal() if where == "terminal" else io.StringIO())
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    if where == "notebook":
        monkeypatch.setitem(sys.modules, "ipykernel", module)
    with progress("work", "step", 3) as bar:
        bar.update()
        assert bar.n == 1
        assert (bar.mininterval == LOG_SECONDS) == (where == "log")
