"""The package and every --help answer at once, and a test names the module that came too early."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from promptad_tutorial.commands import cli
from tests.commands.test_cli import COMMANDS

ROOT = Path(__file__).parents[2]
HEAVY = (
    "torch", "open_clip", "numpy", "pandas", "matplotlib", "scipy", "sklearn", "PIL", "joblib",
    "safetensors", "huggingface_hub", "jinja2", "yaml", "psutil", "tqdm",
)  # fmt: skip
# Modules that may come, the standard library's included: counted, as seconds depend on the machine.
IMPORT_MODULES, HELP_MODULES = 60, 250

TOO_EARLY = """
import sys
before = set(sys.modules)
{what}
new = set(sys.modules) - before
early = sorted(set({heavy!r}) & new)
if early:
    sys.exit("imported too early: " + ", ".join(early))
sys.exit(f"{{len(new)}} modules are imported" if len(new) > {most} else 0)
"""
HELP = """
from promptad_tutorial.commands.cli import main
for words in {commands!r}:
    try:
        main([*words, "--help"])
    except SystemExit:
        pass
"""


def complaint(what: str, heavy: tuple[str, ...] = HEAVY, most: int = HELP_MODULES) -> str:
    code = TOO_EARLY.format(what=what, heavy=heavy, most=most)
    run = [sys.executable, "-c", code]
    return subprocess.run(run, capture_output=True, text=True, cwd=ROOT, check=False).stderr


def test_importing_the_package_imports_little_else():
    assert complaint("import promptad_tutorial", most=IMPORT_MODULES) == ""


def test_no_help_of_any_command_imports_anything_heavy():
    assert complaint(HELP.format(commands=COMMANDS)) == ""


def test_a_module_that_comes_too_early_is_named():
    assert "imported too early: joblib" in complaint("import joblib", ("joblib", "torch"))
    assert complaint("import json", most=1).endswith(" modules are imported\n")


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
