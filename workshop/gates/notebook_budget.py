"""A pytest plugin: what every notebook costs under nbval, and a word where that is much.

Seconds depend on the machine and on what else it does, so nothing here fails a session: the cost is
reported, with a mark beside a notebook over its budget. It adds up the seconds of a notebook's
cells and looks at the memory of its kernel after each of them. With `pytest -n` the processes that
run the cells send both to the one that reports.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import psutil
import pytest

NOTEBOOK_SECONDS = 90.0  # on two cores
SERIES_SECONDS = 8 * 60.0
NOTEBOOK_GB = 3.0  # resident, of a kernel
HELD = "kernel_gb"  # the property of a report in which the memory travels


@dataclass
class Cost:
    """What one notebook has cost so far."""

    seconds: float = 0.0
    gb: float = 0.0  # the most that was seen, 10^9 bytes


@dataclass(eq=False)  # pytest keeps its plugins in sets
class NotebookBudget:
    """The plugin."""

    costs: dict[str, Cost] = field(default_factory=dict)

    def remarks(self) -> list[str]:
        """What was over its budget, in words."""
        found, limit = [], NOTEBOOK_SECONDS
        for name, cost in self.costs.items():
            if cost.seconds > limit:
                found.append(f"{name} took {cost.seconds:.0f} s, more than {limit:.0f} s")
            if cost.gb > NOTEBOOK_GB:
                found.append(f"{name} held {cost.gb:.1f} GB, more than {NOTEBOOK_GB:.1f} GB")
        total = sum(cost.seconds for cost in self.costs.values())
        if total > SERIES_SECONDS:
            found.append(f"all notebooks took {total:.0f} s, more than {SERIES_SECONDS:.0f} s")
        return found

    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """Look how much memory the cell's kernel holds, before the last cell ends it."""
        kernel = getattr(item.parent, "kernel", None)
        if item.path.suffix == ".ipynb" and kernel is not None:
            item.user_properties.append((HELD, memory_of(kernel)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add what one phase of a cell took; the start of a kernel is the first cell's set-up."""
        path = report.nodeid.partition("::")[0]
        if path.endswith(".ipynb"):
            cost = self.costs.setdefault(path.rpartition("/")[2], Cost())
            cost.seconds += report.duration
            cost.gb = max([cost.gb, *(gb for name, gb in report.user_properties if name == HELD)])

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the cost of every notebook, and what is much."""
        if not self.costs:
            return
        terminalreporter.section("notebooks")
        for name, cost in sorted(self.costs.items()):
            terminalreporter.line(f"{cost.seconds:7.1f} s {cost.gb:5.2f} GB  {name}")
        for remark in self.remarks():
            terminalreporter.line(f"over its budget, which fails nothing: {remark}", yellow=True)


def memory_of(kernel: object) -> float:
    """GB that the process of an nbval kernel holds now; 0 if it is gone or cannot be asked."""
    process = getattr(getattr(getattr(kernel, "km", None), "provisioner", None), "process", None)
    if process is None:
        return 0.0
    try:
        return psutil.Process(process.pid).memory_info().rss / 1e9
    except psutil.Error:
        return 0.0
