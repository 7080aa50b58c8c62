"""What lies in a bundle, when it is whole, and what is said when it cannot be built."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from promptad_classroom.offline import WheelPlan, build_bundle, install, wheels
from promptad_classroom.offline import bundle as bundle_module
from promptad_classroom.offline.pip_settings import network_settings, pip_environment
from promptad_classroom.offline.target import KINDS, choose_target
from promptad_classroom.offline.wheels import collect_wheels
from promptad_tutorial.commands import cli
from promptad_tutorial.files.names import is_hidden
from tests.classroom.offline.standin import needed, write_standins, write_wheel

ROOT = Path(__file__).resolve().parents[3]
BINARY = {".png", ".jpg", ".safetensors", ".whl", ".pyc"}


def files(folder: Path) -> dict[str, int]:
    """Every file and when it was written."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in found}


def replace(path: Path, content: str) -> None:
    """Write a new file: the old one may be shared with another folder."""
    path.unlink()
    path.write_text(content)


# --- what lies in it --------------------------------------------------------------------------


def test_everything_that_a_class_needs_is_there(bundle):
    there = files(bundle)
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        assert f"notebooks/{notebook.name}" in there
        assert f"notebooks/learner/{notebook.name}" in there
    manifest = json.loads((ROOT / "data" / "minifactory" / "manifest.json").read_text())
    assert manifest and "data/minifactory/manifest.json" in there
    pictures = [
        name for name in there if name.startswith("data/") and name.endswith((".png", ".jpg"))
    ]
    assert len(pictures) == sum(
        path.suffix in (".png", ".jpg") for path in (ROOT / "data" / "minifactory").rglob("*")
    )
    assert "docs/teaching/README.md" in there and "results/told/ladder.csv" in there
    names = {name.removeprefix("wheels/").partition("-")[0] for name in there if ".whl" in name}
    assert names == {name.replace("-", "_") for name in needed()} | {"promptad_tutorial"}


def test_the_package_s_own_wheel_carries_weights_pictures_and_tables(bundle):
    (wheel,) = (bundle / install.WHEELS).glob("promptad_tutorial-*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    assert "promptad_tutorial/clip/tinyclip/tinyclip.safetensors" in inside
    assert "promptad_tutorial/files/shipped/results/told/ladder.csv" in inside
    assert "promptad_classroom/marking/worker.py" in inside
    assert "promptad_tutorial/clip/tinyclip/MODEL_CARD.md" in inside
    tops = {name.partition("/")[0] for name in inside}
    assert {top for top in tops if not top.endswith((".dist-info", ".data"))} == {
        "promptad_classroom",
        "promptad_tutorial",
    }
    for name in ("install.sh", "start.sh", "install.bat", "start.bat", "README.md.j2"):
        assert f"promptad_classroom/offline/templates/{name}" in inside
    here = {p.relative_to(ROOT).as_posix() for p in (ROOT / "data/minifactory").rglob("*.*")}
    assert {f"promptad_tutorial/files/shipped/{name}" for name in here} <= inside


def test_every_file_has_its_checksum(bundle):
    lines = (bundle / install.SUMS).read_text().splitlines()
    sums = dict(reversed(line.split("  ", 1)) for line in lines)
    assert set(sums) == set(files(bundle)) - {install.SUMS}
    for name, expected in sums.items():
        assert hashlib.sha256((bundle / name).read_bytes()).hexdigest() == expected
    done = subprocess.run(["sha256sum", "--check", "--quiet", install.SUMS], cwd=bundle)
    assert done.returncode == 0  # the teacher's way to look by hand


def test_no_place_of_this_computer_is_written_into_it(bundle, standins):
    here = {str(ROOT), str(Path.home()), str(standins), str(bundle), sys.prefix} - {"/"}
    (wheel,) = (bundle / install.WHEELS).glob("promptad_tutorial-*.whl")
    texts = {n: (bundle / n).read_bytes() for n in files(bundle) if Path(n).suffix not in BINARY}
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if Path(name).suffix not in BINARY:
                texts[f"wheel: {name}"] = archive.read(name)
    assert len(texts) > 200
    for name, content in texts.items():
        assert not [place for place in here if place.encode() in content], name


def test_the_readme_says_what_it_fits_and_how_large_it_is(bundle):
    text = (bundle / "README.md").read_text()
    version = "{}.{}".format(*sys.version_info[:2])
    assert f"with Python {version}" in text and "sh install.sh" in text
    assert f"{len(needed()) + 1} Python packages" in text
    assert f"in {len(files(bundle))} files" in text
    assert "{{" not in text and "{%" not in text


def test_shell_scripts_are_well_formed(bundle):
    for name in ("install.sh", "start.sh"):
        assert subprocess.run(["sh", "-n", bundle / name]).returncode == 0
        assert os.access(bundle / name, os.X_OK)
    for name in ("install.bat", "start.bat"):
        assert b"\r\n" in (bundle / name).read_bytes()


# --- whole or half-built ------------------------------------------------------------------------


@pytest.mark.slow
def test_a_whole_bundle_is_left_as_it_is_and_a_broken_one_is_repaired(copied, plan):
    before = files(copied)
    assert not build_bundle(ROOT, copied, plan).anew
    assert files(copied) == before
    replace(copied / "notebooks" / "00_start_here.ipynb", "broken")
    (copied / install.WHEELS).rename(copied / "wheels.part")  # as a killed run leaves it
    replace(next((copied / "wheels.part").glob("scipy-*.whl")), "half a wheel")
    flipped = next((copied / "wheels.part").glob("torch-*.whl"))
    content = flipped.read_bytes()
    flipped.unlink()
    flipped.write_bytes(content.replace(b"site-packages", b"site-pockages"))
    (copied / "wheels.part" / "stray-1-py3-none-any.whl").write_text("of an older run")
    assert build_bundle(ROOT, copied, plan).anew
    assert set(files(copied)) == set(before)
    assert (copied / install.WHEELS / flipped.name).read_bytes() == content
    assert install.differing_files(copied) == []
    assert not build_bundle(ROOT, copied, plan).anew


def test_a_run_that_is_stopped_leaves_no_whole_bundle(copied, plan, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(bundle_module, "collect_wheels", stopped)
    other = WheelPlan(no_index=True, find_links=plan.find_links, newest=True)
    with pytest.raises(KeyboardInterrupt):
        build_bundle(ROOT, copied, other)
    with pytest.raises(install.Problem, match="not whole: it has no SHA256SUMS"):
        install.read_sums(copied)


def refused(folder: Path) -> str:
    """What the installer says, on one line, before it makes anything."""
    done = subprocess.run(
        ["sh", folder / "install.sh"],
        check=False, capture_output=True, text=True, env={**os.environ, "PYTHON": sys.executable},
    )  # fmt: skip
    assert done.returncode == 2 and not (folder / install.VENV).exists()
    return done.stderr.splitlines()[-1]


def test_a_half_built_folder_is_not_installed(copied):
    (copied / install.SUMS).unlink()
    assert "install: error: this folder is not whole" in refused(copied)


def test_what_is_missing_changed_or_new_is_named(copied):
    wheel = next((copied / install.WHEELS).glob("pillow-*.whl"))
    replace(wheel, "another")
    (copied / "data" / "minifactory" / "manifest.json").unlink()
    (copied / install.WHEELS / "evil-1-py3-none-any.whl").write_text("x")
    said = refused(copied)
    assert f"wheels/{wheel.name} (changed)" in said
    assert "data/minifactory/manifest.json (missing)" in said
    assert "wheels/evil-1-py3-none-any.whl (not of this bundle)" in said


LITTER = (".DS_Store", "._torch-2.14.1-py3-none-any.whl", "Thumbs.db", "desktop.ini", "~$a.doc")


def test_what_systems_leave_behind_hurts_nobody(copied, plan):
    for name in LITTER:
        (copied / install.WHEELS / name).write_bytes(b"\x00\x05\x16\x07")
        (copied / "notebooks" / name).write_bytes(b"")
    assert install.differing_files(copied) == []
    assert install.needed_bytes(copied) > install.SPARE_BYTES
    assert not build_bundle(ROOT, copied, plan).anew


@pytest.mark.parametrize("name", [*LITTER, ".Trashes", "System Volume Information", "__MACOSX"])
def test_the_installer_which_stands_alone_knows_the_same_litter_as_the_package(name):
    assert install.is_litter(Path(name)) and is_hidden(name)
    assert not install.is_litter(Path("torch-2.14.1.whl"))


def test_a_stick_that_cannot_hold_an_environment_is_told_before_anything_is_made(
    tmp_path, monkeypatch
):
    install.check_disk(tmp_path)

    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    for call, said in (("symlink", "cannot hold links"), ("mkdir", "cannot be written to")):
        with monkeypatch.context() as patch:
            patch.setattr(install.os, call, refused)
            with pytest.raises(install.Problem, match=f"{said}.*copy the folder to the laptop's"):
                install.check_disk(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_intel_mac_is_told_that_nothing_can_be_built_or_installed_for_it(monkeypatch):
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    facts = {"python": "3.12", "system": "Darwin", "machine": "arm64"}
    with pytest.raises(install.Problem, match="nothing for those since 2.2: no such folder"):
        install.check_computer(facts)
    for kind in (None, "macos-intel", "macos"):
        with pytest.raises(ValueError, match="PyTorch has published nothing for Intel Macs"):
            choose_target(kind)
    assert choose_target("macos-arm", "3.12")


@pytest.mark.parametrize(
    "fact, wrong, said",
    [
        ("python", "3.99", "is for Python 3.99"),
        ("system", "Plan9", "on Plan9"),
        ("machine", "pdp11", "(pdp11)"),
    ],
)
def test_another_computer_is_told_which_one_it_is_for(copied, fact, wrong, said):
    facts = json.loads((copied / install.FACTS).read_text())
    replace(copied / install.FACTS, json.dumps(facts | {fact: wrong}))
    assert said in refused(copied)


def test_a_full_disk_is_told_before_anything_is_installed(bundle, monkeypatch):
    usage = shutil.disk_usage(bundle)
    monkeypatch.setattr(install.shutil, "disk_usage", lambda _: usage._replace(free=10**8))
    with pytest.raises(install.Problem, match=r"expected 1\.0 GB of free disk, found 0\.1 GB"):
        install.check_room(bundle)


# --- what can go wrong while building -----------------------------------------------------------


def failure(capsys, *words: object) -> str:
    """The one line that the command answers a mistake with."""
    capsys.readouterr()
    assert cli.main(["offline-bundle", *map(str, words)]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert len(lines) == 1
    return lines[0]


def test_a_folder_that_cannot_be_written_to_is_named(capsys):
    assert "expected a folder that can be written to, found /proc/room" in failure(
        capsys, "--out", "/proc/room"
    )


def test_a_folder_of_somebody_else_is_left_alone(capsys, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    assert "found other files in" in failure(capsys, "--out", tmp_path)
    (tmp_path / "file").write_text("")
    assert "found a file" in failure(capsys, "--out", tmp_path / "file")
    assert "beside what is copied" in failure(capsys, "--out", ROOT / "docs" / "room")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "thesis.tex"]


def test_weights_must_be_safetensors_that_exist(capsys, tmp_path):
    pickle = tmp_path / "clip.pt"
    pickle.write_text("")
    for path in (pickle, tmp_path / "clip.safetensors"):
        said = failure(capsys, "--out", tmp_path / "room", "--weights", path)
        assert "expected a .safetensors file of weights" in said and path.name in said


def test_a_package_without_a_wheel_is_named(tmp_path, standins):
    links = shutil.copytree(standins, tmp_path / "links", copy_function=os.link)
    next(links.glob("scipy-*.whl")).unlink()
    plan = WheelPlan(no_index=True, find_links=(links,))
    with pytest.raises(ValueError, match=r"no wheel of scipy\S* fits these laptops: try --newest"):
        collect_wheels(ROOT, tmp_path / "wheels", plan)
    assert not (tmp_path / "wheels").exists() and (tmp_path / "wheels.part").is_dir()


def test_without_a_network_it_says_that_building_needs_one(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # nobody listens there
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(OSError, match="building a bundle needs a network"):
        collect_wheels(ROOT, tmp_path / "wheels", WheelPlan())


def test_a_disk_that_fills_up_while_pip_works_is_told():
    said = ["Saved a.whl", "ERROR: Could not install: [Errno 28] No space left on device"]
    problem = wheels._problem(said, "pip")
    assert isinstance(problem, OSError) and "the disk is full" in str(problem)


def test_too_small_a_disk_is_told_at_once(capsys, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(bundle_module.shutil, "disk_usage", lambda _: usage._replace(free=10**6))
    said = failure(capsys, "--out", tmp_path / "room")
    assert "GB of free disk for the files alone, found 0.0 GB" in said


# --- pip's settings, and other laptops ----------------------------------------------------------


def test_of_pip_s_settings_only_the_way_to_the_network_is_used():
    listing = (
        "global.index-url='https://mirror.invalid/simple'\n"
        "global.constraint='/etc/pins.txt'\n"
        "global.extra-index-url='\\nhttps://a.invalid\\nhttps://b.invalid'\n"
        "install.index-url='https://only-install.invalid'\n"
        "download.proxy='http://proxy.invalid:3128'\n"
        ":env:.find-links='/opt/wheels'\n"
        ":env:.index-url='https://env.invalid/simple'\n"
        "nonsense\n"
    )
    assert network_settings(listing) == {
        "index-url": "https://env.invalid/simple",
        "extra-index-url": "https://a.invalid https://b.invalid",
        "proxy": "http://proxy.invalid:3128",
    }


def test_pip_runs_without_this_computer_s_other_settings(monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", "/opt/wheels")
    monkeypatch.setenv("PIP_PRE", "1")
    monkeypatch.setenv("PIP_PROXY", "http://proxy.invalid:3128")
    found = pip_environment("https://cpu.invalid/whl")
    assert "PIP_FIND_LINKS" not in found and "PIP_PRE" not in found
    assert found["PIP_PROXY"] == "http://proxy.invalid:3128"
    assert found["PIP_EXTRA_INDEX_URL"].split()[0] == "https://cpu.invalid/whl"
    assert found["PIP_CONFIG_FILE"] == os.devnull


def test_laptops_are_named_and_checked():
    assert choose_target() is None
    assert choose_target("windows", "3.12").tags == ("win_amd64",)
    assert choose_target("linux", "3.13").python == "3.13"
    assert "macosx_11_0_arm64" in choose_target("macos-arm").tags
    for kind, python, said in (
        ("amiga", None, "expected a platform of linux, .*; found 'amiga'"),
        ("linux", "3.10", "expected Python 3.11 or newer"),
        ("linux", "three", "expected a Python version as 3.12"),
    ):
        with pytest.raises(ValueError, match=said):
            choose_target(kind, python)
    assert set(KINDS) == {"linux", "linux-arm", "macos-arm", "windows"}


@pytest.mark.slow
def test_wheels_for_windows_are_what_windows_needs_and_not_what_linux_needs(tmp_path):
    asked = {
        "jupyterlab": ["winpty-standin; sys_platform == 'win32'"],
        "torch": ["cuda-standin; sys_platform == 'linux'", "old-standin; python_version < '3.12'"],
    }
    links = write_standins(tmp_path / "links", asked)
    for name in ("winpty-standin", "cuda-standin", "old-standin"):
        write_wheel(links, name, "1.0")
    plan = WheelPlan(choose_target("windows", "3.12"), no_index=True, find_links=(links,))
    names = {name.partition("-")[0] for name in collect_wheels(ROOT, tmp_path / "wheels", plan)}
    assert "winpty_standin" in names
    assert not names & {"cuda_standin", "old_standin"}
    assert len(names) == len(needed()) + 2
