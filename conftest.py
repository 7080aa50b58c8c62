"""Every test runs with checked signatures, and without a network; so does every nbval kernel."""

from __future__ import annotations

import os

import pytest
from jaxtyping import install_import_hook

from workshop.gates import type_checking
from workshop.gates.network_block import block_network, kernel_environment
from workshop.gates.notebook_budget import NotebookBudget

# Here and not by jaxtyping's own pytest option: the hook has to stand before tests/conftest.py
# imports the package.
PACKAGES = ["promptad_tutorial", "promptad_classroom", "workshop"]
install_import_hook(PACKAGES, f"{type_checking.__name__}.check_types")


def pytest_configure(config: pytest.Config) -> None:
    """Block the network here, and prepare the environment that kernels will inherit."""
    if not config.pluginmanager.has_plugin("notebook-budget"):  # this file may be loaded twice
        budget = NotebookBudget(float(os.environ.get("NOTEBOOK_SECONDS_SCALE", "1")))
        config.pluginmanager.register(budget, "notebook-budget")
    block_network()
    environment = kernel_environment()
    environment.__enter__()
    config.add_cleanup(lambda: environment.__exit__(None, None, None))
