"""The package and every --help load little; what is loaded too early is named and counted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from promptad_tutorial.commands import cli
from tests.commands.test_cli import COMMANDS

ROOT = Path(__file__).parents[2]
HEAVY = (
    "torch", "open_clip", "numpy", "pandas", "matplotlib", "scipy", "sklearn", "PIL", "joblib",
    "safetensors", "huggingface_hub", "jinja2", "yaml", "psutil", "tqdm",
)  # fmt: skip
TOO_EARLY = """
import sys
{what}
early = sorted(set({heavy!r}) & set(sys.modules))
sys.exit("imported too early: " + ", ".join(early) if early else 0)
"""
HELP = """
from promptad_tutorial.commands.cli import main
for words in {commands!r}:
    try:
        main([*words, "--help"])
    except SystemExit:
        pass
"""


def complaint(what: str, heavy: tuple[str, ...] = HEAVY) -> str:
    code = TOO_EARLY.format(what=what, heavy=heavy)
    run = [sys.executable, "-c", code]
    return subprocess.run(run, capture_output=True, text=True, cwd=ROOT, check=False).stderr


@pytest.mark.parametrize(
    ("module", "most"), [("promptad_tutorial", 0), ("promptad_tutorial.commands.cli", 25)]
)
def test_importing_loads_nothing_heavy_and_little_of_the_package(module, most):
    """`most`: the package's own modules beside those of the commands' room."""
    assert complaint(f"import {module}") == ""
    count = f"import sys, {module}; print(*[m for m in sys.modules if m.startswith('promptad_')])"
    done = subprocess.run(
        [sys.executable, "-c", count], capture_output=True, text=True, cwd=ROOT, check=True
    )
    own = [m for m in done.stdout.split() if m != "promptad_tutorial"]
    assert len(own) <= most, own


def test_no_help_of_any_command_imports_anything_heavy():
    assert complaint(HELP.format(commands=COMMANDS)) == ""


def test_a_module_that_comes_too_early_is_named():
    assert "imported too early: joblib" in complaint("import joblib", ("joblib", "torch"))


def test_every_command_is_in_the_list_that_the_tests_go_through():
    found: list[list[str]] = []
    todo = [([], cli.build_parser(cli.all_groups()))]
    while todo:
        words, parser = todo.pop()
        found.append(words)
        for action in parser._actions:
            if isinstance(action.choices, dict):
                todo += [([*words, name], sub) for name, sub in action.choices.items()]
    assert sorted(found) == sorted(COMMANDS)
