"""A pytest plugin: what every notebook costs under nbval, and an error if that is too much.

It adds up the seconds of a notebook's cells and samples the kernel's memory after each of them. On
a slower machine, NOTEBOOK_SECONDS_SCALE=2 in the environment doubles the seconds that are allowed.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, field

import psutil
import pytest

NOTEBOOK_SECONDS = 90.0  # on two cores
SERIES_SECONDS = 8 * 60.0
NOTEBOOK_GB = 3.0  # resident, of a kernel


@dataclass
class Cost:
    """What one notebook has cost so far."""

    seconds: float = 0.0
    gb: float = 0.0  # the most that was seen, 10^9 bytes


@dataclass(eq=False)  # pytest keeps its plugins in sets
class NotebookBudget:
    """The plugin. With `scale` 2, notebooks may take twice the seconds; with 0, any number."""

    scale: float = 1.0
    costs: dict[str, Cost] = field(default_factory=dict)

    def problems(self) -> list[str]:
        """What was over its budget, in words."""
        found = []
        for name, cost in self.costs.items():
            if self.scale and cost.seconds > self.scale * NOTEBOOK_SECONDS:
                limit = self.scale * NOTEBOOK_SECONDS
                found.append(f"{name} took {cost.seconds:.0f} s, more than {limit:.0f} s")
            if cost.gb > NOTEBOOK_GB:
                found.append(f"{name} held {cost.gb:.1f} GB, more than {NOTEBOOK_GB:.1f} GB")
        total = sum(cost.seconds for cost in self.costs.values())
        if self.scale and total > self.scale * SERIES_SECONDS:
            found.append(
                f"all notebooks took {total:.0f} s, more than {self.scale * SERIES_SECONDS:.0f} s"
            )
        return found

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Add the seconds of a cell, the start of its kernel included."""
        start = time.perf_counter()
        try:
            return (yield)
        finally:
            if item.path.suffix == ".ipynb":
                self.cost(item).seconds += time.perf_counter() - start

    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """Look how much memory the cell's kernel holds."""
        kernel = getattr(item.parent, "kernel", None)
        if item.path.suffix == ".ipynb" and kernel is not None:
            self.cost(item).gb = max(self.cost(item).gb, memory_of(kernel))

    def cost(self, item: pytest.Item) -> Cost:
        """The cost of the notebook that a cell belongs to."""
        return self.costs.setdefault(item.path.name, Cost())

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail a session that passed otherwise."""
        if self.problems() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the cost of every notebook, and what is too much."""
        if not self.costs:
            return
        terminalreporter.section("notebooks")
        for name, cost in self.costs.items():
            terminalreporter.line(f"{cost.seconds:7.1f} s {cost.gb:5.2f} GB  {name}")
        for problem in self.problems():
            terminalreporter.line(f"over budget: {problem}", red=True)


def memory_of(kernel: object) -> float:
    """GB that the process of an nbval kernel holds now; 0 if it is gone or cannot be asked."""
    process = getattr(getattr(getattr(kernel, "km", None), "provisioner", None), "process", None)
    if process is None:
        return 0.0
    try:
        return psutil.Process(process.pid).memory_info().rss / 1e9
    except psutil.Error:
        return 0.0
