"""Every test runs with checked signatures, and without a network; so does every nbval kernel."""

from __future__ import annotations

from pathlib import Path

import pytest
from jaxtyping import install_import_hook

from workshop.gates import type_checking
from workshop.gates.network_block import block_network, kernel_environment
from workshop.gates.notebook_budget import NotebookBudget

ROOT = Path(__file__).resolve().parent

# Here and not by jaxtyping's own pytest option: the hook has to stand before tests/conftest.py
# imports the package.
PACKAGES = ["promptad_tutorial", "promptad_classroom", "workshop"]
install_import_hook(PACKAGES, f"{type_checking.__name__}.check_types")

# The learner's notebooks have no outputs to compare; tests/notebooks/test_switch.py runs them.
collect_ignore = ["notebooks/learner"]


def pytest_configure(config: pytest.Config) -> None:
    """Block the network, and prepare what kernels will inherit and how nbval compares.

    So `pytest --nbval notebooks` needs no other option. Without nbval its options are not there.
    """
    if not config.pluginmanager.has_plugin("notebook-budget"):  # this file may be loaded twice
        config.pluginmanager.register(NotebookBudget(), "notebook-budget")
    if getattr(config.option, "nbval_sanitize_with", "") is None:
        config.option.nbval_sanitize_with = str(ROOT / "tests" / "nbval_sanitize.cfg")
    if hasattr(config.option, "nbval_kernel_startup_timeout"):  # 60 s are few on a busy machine
        config.option.nbval_kernel_startup_timeout = max(
            600.0, config.option.nbval_kernel_startup_timeout
        )
    block_network()
    environment = kernel_environment()
    environment.__enter__()
    config.add_cleanup(lambda: environment.__exit__(None, None, None))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Output may be late on a busy machine: nbval waits 5 s for it and has no option."""
    if hasattr(item, "output_timeout"):
        item.output_timeout = 120
