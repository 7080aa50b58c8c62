"""The package and every --help answer at once, and a test names the module that came too early."""

from __future__ import annotations

import resource
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
IMPORT_SECONDS, HELP_SECONDS = 1.5, 0.5  # of processor time
RUNS = 3  # the best counts: other work on the machine slows some

TOO_EARLY = """
import sys
{what}
early = sorted(set({heavy!r}) & set(sys.modules))
sys.exit("imported too early: " + ", ".join(early) if early else 0)
"""
HELP = """
from promptad_tutorial.cli import main
for words in {commands!r}:
    try:
        main([*words, "--help"])
    except SystemExit:
        pass
"""


def seconds(*words: str) -> float:
    """The least processor time, user and system, of a few runs."""
    found = []
    for _ in range(RUNS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([sys.executable, *words], capture_output=True, cwd=ROOT, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert done.returncode == 0, done.stderr.decode()
        found.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return min(found)


def complaint(what: str, heavy: tuple[str, ...] = HEAVY) -> str:
    code = TOO_EARLY.format(what=what, heavy=heavy)
    run = [sys.executable, "-c", code]
    return subprocess.run(run, capture_output=True, text=True, cwd=ROOT, check=False).stderr


@pytest.mark.parametrize("module", ["promptad_tutorial", "promptad_tutorial.commands.cli"])
def test_importing_is_quick(module):
    assert seconds("-c", f"import {module}") < IMPORT_SECONDS


@pytest.mark.parametrize("words", [[], ["benchmark"], ["check-backbone"]], ids=str)
def test_help_is_quick(words):
    assert seconds("-m", "promptad_tutorial", *words, "--help") < HELP_SECONDS


def test_no_help_of_any_command_imports_anything_heavy():
    assert complaint(HELP.format(commands=COMMANDS)) == ""


def test_a_module_that_comes_too_early_is_named():
    assert "imported too early: joblib" in complaint("import joblib", ("joblib", "torch"))


def test_every_command_is_in_the_list_that_the_tests_go_through():
    found: list[list[str]] = []
    todo = [([], cli.build_parser())]
    while todo:
        words, parser = todo.pop()
        found.append(words)
        for action in parser._actions:
            if isinstance(action.choices, dict):
                todo += [([*words, name], sub) for name, sub in action.choices.items()]
    assert sorted(found) == sorted(COMMANDS)
