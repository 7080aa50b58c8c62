"""Paths, commands and links in README, CONTRIBUTING and docs lead to something that is there."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from promptad_classroom.commands import labs, offline_bundle, room
from promptad_tutorial.commands import cli
from workshop.__main__ import GROUPS as OF_THE_WORKSHOP

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    path
    for pattern in (
        *("README.md", "CONTRIBUTING.md", "LICENSES/*.md", "docs/**/*.md", "results/**/*.md"),
        *("workshop/**/*.md", "data/*/*.md", "promptad_tutorial/**/*.md"),
    )
    for path in sorted(ROOT.glob(pattern))
]
LINK = re.compile(r"\]\(([^()\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
by_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE)
    made = {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}
    return made | set(re.findall(r'<a id="([^"]+)"', text))


@by_page
def test_every_relative_link_leads_somewhere(page):
    dead = []
    for address in LINK.findall(page.read_text(encoding="utf-8")):
        parts = urlsplit(address)
        if parts.scheme:
            continue
        to = page.parent / unquote(parts.path) if parts.path else page
        known = to.exists()
        if known and parts.fragment and to.suffix == ".md":
            known = parts.fragment in anchors(to.read_text(encoding="utf-8"))
        if not known:
            dead.append(address)
    assert dead == []


@by_page
def test_every_module_that_a_page_runs_exists(page):
    text = page.read_text(encoding="utf-8")
    for name in set(re.findall(r"python -m ((?:promptad_\w+|workshop)[\w.]*)", text)):
        name = name.rstrip(".")
        found = find_spec(name)
        assert found is not None, f"{page.name} runs {name}, which is not there"
        if found.submodule_search_locations:
            assert find_spec(f"{name}.__main__"), f"{page.name} runs {name}, which is a folder"


@by_page
def test_every_folder_that_a_page_names_in_the_package_exists(page):
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`((?:promptad_tutorial|promptad_classroom|workshop|tests)/[\w./]*)`", text)
    assert [name for name in named if not (ROOT / name).exists()] == []


def commands(groups) -> set[str]:
    """The names of the commands that the groups add."""
    (added,) = cli.build_parser(groups)._subparsers._group_actions
    return set(added.choices)


COMMANDS = {
    "promptad_tutorial": commands((*cli.GROUPS, labs, offline_bundle, room)),
    "workshop": commands(OF_THE_WORKSHOP),
}


@pytest.mark.parametrize("program", COMMANDS)
@by_page
def test_every_command_that_a_page_runs_is_known(page, program):
    text = page.read_text(encoding="utf-8")
    used = set(re.findall(rf"python -m {program} ([a-z][\w-]*)", text))
    assert used <= COMMANDS[program]


def test_the_page_of_commands_has_every_command_and_no_other():
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    found = set(re.findall(r"^\| `([\w-]+)` \|", text, re.MULTILINE))
    assert found == COMMANDS["promptad_tutorial"]
    of_workshop = set(re.findall(r"^\| `python -m workshop ([\w-]+)` \|", text, re.MULTILINE))
    assert of_workshop == COMMANDS["workshop"]


def test_which_room_names_every_room_and_only_what_is_there():
    text = (ROOT / "docs" / "which_room.md").read_text(encoding="utf-8")
    package = ROOT / "promptad_tutorial"
    inside, beside = text.split("Beside the package")
    named = set(re.findall(r"`(\w+/[\w./]*)`", inside)) - {"promptad_tutorial/"}
    assert [name for name in sorted(named) if not (package / name).exists()] == []
    rooms = {path.parent.name for path in package.glob("*/__init__.py")}
    assert {name.split("/")[0] for name in named} == rooms
    named = re.findall(r"`(\w+/[\w./]*)`", beside)
    assert named and [name for name in named if not (ROOT / name).exists()] == []
