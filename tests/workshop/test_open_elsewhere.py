"""The files for Binder, Codespaces and Colab: well-formed, and the same installation as README's.

That the services do what they promise cannot be tested here; docs/open_elsewhere.md says so.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from workshop.pages import make_open_elsewhere
from workshop.pages.make_open_elsewhere import PAGE, page, repository

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
README = (ROOT / "README.md").read_text()
INSTALL = "pip install -e ."
# https://containers.dev/implementors/json_reference
DOCUMENTED = {
    "name", "image", "build", "features", "hostRequirements", "forwardPorts", "containerEnv",
    "remoteEnv", "postCreateCommand", "postStartCommand", "postAttachCommand", "customizations",
}  # fmt: skip
CONDA_NAMES = {"pytorch-cpu": "torch", "torchvision": "torchvision"}


def test_the_dev_container_uses_documented_fields_and_the_readme_s_command():
    found = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    assert set(found) <= DOCUMENTED and found["image"].startswith(
        "mcr.microsoft.com/devcontainers/"
    )
    assert set(found["hostRequirements"]) <= {"cpus", "memory", "storage", "gpu"}
    assert found["postCreateCommand"] == f"python -m {INSTALL}" and f"\n{INSTALL} " in README
    (first,) = found["customizations"]["codespaces"]["openFiles"]
    assert (ROOT / first).is_file() and first.endswith("00_start_here.ipynb")


def test_post_build_is_executable_and_installs_as_the_readme_does():
    path = ROOT / ".binder" / "postBuild"
    assert os.access(path, os.X_OK)
    assert subprocess.run(["bash", "-n", path]).returncode == 0
    lines = [line for line in path.read_text().splitlines() if line and line[0] != "#"]
    assert lines == ["set -euo pipefail", f"python -m {INSTALL}"]
    assert path.read_text().startswith("#!/usr/bin/env bash\n")


@pytest.mark.parametrize("place", ["environment.yml", ".binder/environment.yml"])
def test_an_environment_names_what_the_package_names(place):
    found = yaml.safe_load((ROOT / place).read_text())
    assert set(found) == {"name", "channels", "dependencies"} and found["channels"]
    listed = {re.split(r"[<>=]", line)[0].lower(): line for line in PROJECT["dependencies"]}
    names = []
    for entry in found["dependencies"]:
        if isinstance(entry, dict):  # pip's own list: the package, and extras that exist
            for line in entry["pip"]:
                extras = re.fullmatch(r"-e \.(?:\[([\w,]+)\])?", line)[1] or ""
                assert {*filter(None, extras.split(","))} <= set(PROJECT["optional-dependencies"])
            continue
        name, bound = re.fullmatch(r"([\w-]+)([<>=.\d]*)", entry).groups()
        names.append(name)
        if name == "python":
            minor = int(re.search(r"3\.(\d+)", bound)[1])
            assert minor >= int(PROJECT["requires-python"].split(".")[1])
        elif name != "pip":
            package = CONDA_NAMES[name]
            # torchvision comes with open_clip_torch
            assert listed.get(package, package) == f"{package}{bound}"
    assert {"python", "pip"} <= set(names)


def test_the_page_is_what_the_tool_makes_and_says_what_is_untested():
    assert PAGE.read_text() == page(repository())
    assert "untested" in PAGE.read_text()


def test_without_an_address_no_page_has_a_link_that_leads_nowhere():
    text = page("")
    assert "](" not in text and "http" not in text and "untested" in text
    placeholder = "/".join(("OWNER", "REPOSITORY"))
    hits = [
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*")
        if path.suffix in (".toml", ".md", ".json", ".yml", ".cff", ".py", ".ipynb")
        and not {".venv", "build", "runs", ".git"} & {*path.relative_to(ROOT).parts}
        and placeholder in path.read_text(encoding="utf-8")
    ]
    assert hits == []


def test_with_an_address_every_link_has_it():
    text = page("somebody/promptad")
    assert "has none yet" not in text
    assert "git+https://github.com/somebody/promptad" in text
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        assert f"github/somebody/promptad/blob/HEAD/notebooks/{notebook.name}" in text
    hosts = re.findall(r"\]\((https://[^)]+)\)", text)
    assert len(hosts) == 2 + len(list((ROOT / "notebooks").glob("*.ipynb")))
    assert all("somebody/promptad" in host for host in hosts)


@pytest.mark.parametrize("name", ["https://x", "a/b/c", "owner", "own er/name"])
def test_another_address_than_owner_and_name_is_refused(tmp_path, name):
    (tmp_path / "pyproject.toml").write_text(f'[tool.promptad-tutorial]\nrepository = "{name}"\n')
    with pytest.raises(ValueError, match="expected repository = 'owner/name'"):
        make_open_elsewhere.repository(tmp_path)
