"""Every failure that the doctor knows, provoked; and a ready computer."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import psutil
import pytest

from promptad_tutorial.clip.tinyclip import weights
from promptad_tutorial.commands import cli, computer, doctor, environment
from promptad_tutorial.commands.doctor import LOOKS
from promptad_tutorial.commands.environment import Look, examine, find_data
from promptad_tutorial.datasets.complete import expected_files
from promptad_tutorial.files.provenance import versions

REPOSITORY = Path(__file__).resolve().parents[3]
DATA = REPOSITORY / "data" / "minifactory"
NAMES = [look.name for look in LOOKS]


def examined(name: str) -> environment.Check:
    """The one check of this name."""
    (check,) = examine(look for look in LOOKS if look.name == name)
    assert check.name == name
    return check


def ill(name: str) -> str:
    """What is said of a failed look; it is one line with one remedy."""
    check = examined(name)
    assert not check.passed and check.remedy
    assert repr(check) == f"[fix] {check.what}: {check.remedy}" and "\n" not in repr(check)
    return repr(check)


# --- a ready computer -----------------------------------------------------------------------


@pytest.mark.slow
def test_a_ready_computer_is_told_so_on_one_line(tmp_path):
    command = [sys.executable, "-m", "promptad_tutorial", "doctor", "--json"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)
    found = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1  # a line: thirty of them make a table
    assert [check["name"] for check in found["checks"]] == NAMES
    failed = [check for check in found["checks"] if not check["passed"]]
    # memory and disk are this machine's, at this moment
    assert {check["name"] for check in failed} <= {"memory", "disk"}
    assert found["ready"] == (not failed) and done.returncode == int(bool(failed))
    assert found["versions"]["torch"] and found["computer"]


def test_a_python_with_nothing_installed_is_told_what_to_install():
    code = f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); "
    code += "from promptad_tutorial.commands import cli; raise SystemExit(cli.main(['doctor']))"
    command = [sys.executable, "-I", "-S", "-c", code]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert "[fix] No module named 'torch': run make lab again, or pip install -e ." in lines
    assert len(lines) == len(LOOKS) + 1 and lines[-1].startswith("not ready: ")


def test_every_look_has_a_name_and_a_remedy_of_its_own(monkeypatch):
    monkeypatch.delenv("PROMPTAD_DATA", raising=False)
    remedies = [look.remedy if isinstance(look.remedy, str) else look.remedy() for look in LOOKS]
    assert len(set(NAMES)) == len(NAMES) == len(set(remedies))
    assert all(remedy and "\n" not in remedy for remedy in remedies)


def test_the_exit_code_and_the_last_line_say_what_is_to_be_done(capsys, monkeypatch):
    def broken() -> str:
        raise RuntimeError("two\nlines.")

    well = Look("well", lambda: "it is well", "nothing")
    bad = Look("bad", broken, "mend it")
    odd = Look("odd", lambda: {}["no"], "mend that")
    for looks, code, said in (
        ((well,), 0, ["[ok]  it is well", "ready"]),
        (
            (well, bad, odd),
            1,
            [
                "[ok]  it is well",
                "[fix] two lines: mend it",
                "[fix] KeyError: 'no': mend that",
                "not ready: 2 of 3 to fix",
            ],
        ),
    ):
        monkeypatch.setattr(doctor, "LOOKS", looks)
        assert cli.main(["doctor"]) == code
        assert capsys.readouterr().out.splitlines() == said
        assert cli.main(["doctor", "--json"]) == code
        found = json.loads(capsys.readouterr().out)
        assert [c["passed"] for c in found["checks"]] == [line[1] == "o" for line in said[:-1]]


# --- Python, packages, torch ----------------------------------------------------------------


def test_an_old_python_is_told(monkeypatch):
    monkeypatch.setattr(environment.sys, "version_info", (3, 10, 2))
    assert "expected Python 3.11 or newer, found" in ill("python")


def test_missing_and_old_packages_are_told_and_present_ones_with_their_version(monkeypatch):
    assert f"torch {versions()['torch']}" in examined("packages").what
    monkeypatch.setattr(environment, "requires", lambda name: ["numpy>=99", "no-such-thing>=1"])
    said = ill("packages")
    assert "numpy>=99 (found" in said and "no-such-thing>=1 (found nothing)" in said


def test_an_intel_mac_is_told_what_cannot_be_installed_there(monkeypatch):
    monkeypatch.setattr(environment, "requires", lambda name: ["torch>=99"])
    for system, machine, torch, said in (
        ("Darwin", "x86_64", "2.2.2", "nothing for Intel Macs"),
        ("Darwin", "x86_64", "", "nothing for Intel Macs"),
        ("Darwin", "x86_64", "2.10.0", "run make lab again"),  # another package is the trouble
        ("Darwin", "arm64", "2.2.2", "run make lab again"),
        ("Linux", "x86_64", "", "run make lab again"),
    ):
        found = {"torch": torch, environment.DISTRIBUTION: "1"}
        monkeypatch.setattr(environment, "installed", found.get)
        monkeypatch.setattr(platform, "system", lambda system=system: system)
        monkeypatch.setattr(platform, "machine", lambda machine=machine: machine)
        assert (
            said
            in environment.Look("packages", environment.find_packages, environment.get_packages)
            .check()
            .remedy
        )


def test_a_torch_that_is_missing_or_wrong_is_told(monkeypatch):
    assert "torch computes on" in examined("torch").what
    assert "thread" in examined("torch").what
    with monkeypatch.context() as patch:
        patch.setattr("torch.ones", lambda *size, device: 2 * full_of_ones(*size))
        assert "computes wrongly on" in ill("torch")
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "torch", None)
        assert "torch" in ill("torch")


def full_of_ones(*size: int):
    import torch

    return torch.full(size, 1.0)


# --- memory, disk, writing, network -----------------------------------------------------------


def test_too_little_memory_is_told(monkeypatch, tmp_path):
    plenty = SimpleNamespace(available=8 * computer.GB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: plenty)
    monkeypatch.setattr(computer, "CGROUP", tmp_path)
    assert examined("memory").what == "8.0 GB of memory are free"
    # a container may use 4 GB, and uses 2.5, of which 0.2 are kept files
    for name, text in (
        ("memory.max", f"{4 * computer.GB}\n"),
        ("memory.current", f"{5 * computer.GB // 2}\n"),
        ("memory.stat", f"anon 5\nfile {computer.GB // 5}\n"),
    ):
        (tmp_path / name).write_text(text)
    assert "expected 3 GB of free memory, found 1.7 GB" in ill("memory")
    (tmp_path / "memory.max").write_text("max\n")
    assert examined("memory").passed
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=computer.GB))
    assert "expected 3 GB of free memory, found 1.0 GB" in ill("memory")


def test_too_little_disk_is_told(monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=computer.GB // 4))
    assert "expected 1 GB free on" in ill("disk") and "found 0.2" in ill("disk")
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=9 * computer.GB))
    assert examined("disk").what == "9 GB of disk are free"


def test_a_folder_that_cannot_be_written_to_is_told(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert examined("writing").passed and list(tmp_path.iterdir()) == []

    def refuse(**options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(computer.tempfile, "NamedTemporaryFile", refuse)
    assert f"expected to write in {tmp_path}, found Permission denied" in ill("writing")


def test_online_or_offline_is_said_and_neither_is_a_failure(monkeypatch):
    # the tests' own network block would raise if the look reached for another machine
    assert examined("network").passed
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: {"lo": [], "eth0": []})
    for up, word in ((False, "offline: no network"), (True, "online: a network")):
        state = {"lo": SimpleNamespace(isup=True), "eth0": SimpleNamespace(isup=up)}
        monkeypatch.setattr(psutil, "net_if_stats", lambda state=state: state)
        check = examined("network")
        assert check.passed and check.what.startswith(word)


# --- weights and data -------------------------------------------------------------------------


def test_missing_and_damaged_weights_are_told(monkeypatch, tmp_path):
    copy = tmp_path / "tinyclip.safetensors"
    whole = weights.WEIGHTS.read_bytes()
    copy.write_bytes(whole[:-100])
    shutil.copy(weights.CHECKSUM, copy.with_suffix(".sha256"))
    load = weights.load_tiny
    monkeypatch.setattr("promptad_tutorial.clip.tinyclip.load_tiny", lambda: load(copy))
    assert "tinyclip.safetensors is damaged: expected sha256" in ill("weights")
    copy.unlink()
    assert "expected TinyCLIP's weights at tinyclip.safetensors, found nothing" in ill("weights")


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A copy of two lines of the minifactory, with a manifest of these two."""
    root = tmp_path / "minifactory"
    found = json.loads((DATA / "manifest.json").read_text())
    found["lines"] = [line for line in found["lines"] if line["name"] in ("carpet", "capsule")]
    for line in found["lines"]:
        shutil.copytree(DATA / line["name"], root / line["name"])
    (root / "manifest.json").write_text(json.dumps(found))
    monkeypatch.setenv("PROMPTAD_DATA", str(root))
    return root


def test_the_manifest_tells_every_file_of_the_committed_data():
    on_disk = {p.relative_to(DATA).as_posix() for p in DATA.glob("*/*/**/*") if p.is_file()}
    assert set(expected_files(DATA / "manifest.json")) == on_disk


def test_complete_data_are_counted(data):
    assert examined("data").what == "the data are there: 2 product lines, 160 pictures"


def test_missing_and_damaged_pictures_are_told(data):
    picture = data / "carpet" / "test" / "good" / "007.jpg"
    whole = picture.read_bytes()
    for broken in (b"", whole[:-300]):
        picture.write_bytes(broken)
        assert "of 224 files in minifactory/ 1 is damaged: carpet/test/good/007.jpg" in ill("data")
    picture.write_bytes(whole)
    # the last picture of the last folder: nothing but the manifest tells that it is not there
    (data / "carpet" / "train" / "good" / "023.jpg").unlink()
    assert "1 is missing: carpet/train/good/023.jpg" in ill("data")
    shutil.rmtree(data / "capsule")
    assert "113 are missing" in ill("data") and "and 111 more" in ill("data")


def test_a_damaged_manifest_and_a_folder_that_is_not_there_are_told(data, monkeypatch):
    (data / "manifest.json").write_text('{"plan": {}}')
    assert "manifest.json is damaged" in ill("data")
    shutil.rmtree(data)
    assert ill("data").endswith("check the path: correct PROMPTAD_DATA")
    monkeypatch.delenv("PROMPTAD_DATA")
    assert examined("data").passed


def test_data_without_a_manifest_are_somebodys_own(data):
    (data / "manifest.json").unlink()
    (data / "carpet" / "train" / "good" / "023.jpg").unlink()
    assert find_data() == "the data are there: 2 product lines, 159 pictures"


# --- Jupyter ----------------------------------------------------------------------------------


@pytest.fixture
def jupyter_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder of Jupyter's, which comes before all others."""
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    return tmp_path


def write_kernel(folder: Path, program: str) -> None:
    spec = folder / "kernels" / "python3"
    spec.mkdir(parents=True, exist_ok=True)
    argv = [program, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(
        json.dumps({"argv": argv, "display_name": "P", "language": "python"})
    )


def test_a_kernel_that_is_another_python_is_told(jupyter_folders):
    for mine in ("python", sys.executable):
        write_kernel(jupyter_folders, mine)
        assert examined("kernel").passed
    write_kernel(jupyter_folders, "/usr/bin/another-python")
    assert "Jupyter's kernel python3 is another Python: /usr/bin/another-python" in ill("kernel")


def test_a_missing_kernel_is_told(monkeypatch):
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    def none(self: KernelSpecManager, name: str) -> None:
        raise NoSuchKernel(name)

    monkeypatch.setattr(KernelSpecManager, "get_kernel_spec", none)
    assert "Jupyter has no kernel called python3" in ill("kernel")


def test_missing_widgets_are_told(monkeypatch, tmp_path):
    assert examined("widgets").passed
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "ipywidgets", None)
        assert "ipywidgets" in ill("widgets")
    monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda *names: [str(tmp_path)])
    assert f"JupyterLab has no extension {computer.WIDGETS}" in ill("widgets")


def test_disabled_widgets_are_told(monkeypatch):
    for disabled in ([computer.WIDGETS], [f"{computer.WIDGETS}:plugin"]):
        monkeypatch.setattr(
            "jupyterlab_server.config.get_page_config",
            lambda *folders, disabled=disabled: {"disabledExtensions": disabled},
        )
        assert f"{computer.WIDGETS} is disabled" in ill("widgets")
    monkeypatch.setattr(
        "jupyterlab_server.config.get_page_config",
        lambda *folders: {"disabledExtensions": ["another"]},
    )
    assert examined("widgets").passed


def test_without_the_classroom_the_doctor_works_and_knows_no_room(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "LOOKS", (Look("well", lambda: "it is well", "nothing"),))
    gone = EntryPoint("room", "no_classroom_here.commands.room", cli.ENTRY_POINTS)
    for found in ([], [gone]):
        monkeypatch.setattr(cli, "entry_points", lambda group, found=found: found)
        assert cli.main(["doctor"]) == 0
        assert capsys.readouterr().out.splitlines() == ["[ok]  it is well", "ready"]
        with pytest.raises(SystemExit):
            cli.main(["doctor", "--room", "."])
        assert "unrecognized arguments: --room" in capsys.readouterr().err


# --- a room of thirty -------------------------------------------------------------------------


def test_a_rooms_files_make_one_table(tmp_path, capsys):
    well = Look("memory", lambda: "8.0 GB of memory are free", "close programs")
    full = Look("disk", lambda: (_ for _ in ()).throw(OSError("disk full")), "delete")
    ready, not_ready = (doctor.to_json(examine(looks)) for looks in ((well,), (well, full)))
    room = tmp_path / "room"
    room.mkdir()
    for i in range(27):
        (room / f"pc{i:02}.json").write_text(f"{ready}\n")
    (room / "windows.json").write_bytes(f"{not_ready}\r\n".encode("utf-16"))
    (room / "broken.json").write_text(ready[:-20])
    (room / "other.json").write_text("[1]")
    out = tmp_path / "new" / "room.csv"  # with a mark, by which Excel knows it for UTF-8
    assert cli.main(["doctor", "--room", str(room), "--out", str(out)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 31 and lines[-1] == "27 of 30 computers are ready"
    assert [line[:5] for line in lines[:4]] == ["[fix]", "[fix]", "[fix]", "[ok] "]
    assert lines[2].endswith("windows  disk full: delete") and "run it again there" in lines[0]
    assert out.read_bytes().startswith(b"\xef\xbb\xbf")
    table = pd.read_csv(out, keep_default_na=False).set_index("file")
    assert len(table) == 30 and table["ready"].sum() == 27
    assert table.loc["pc00", "memory"] == table.loc["windows", "memory"] == "ok"
    assert table.loc["windows", "disk"] == "disk full"
    assert table.loc["pc00", "version of torch"] == versions()["torch"]
    for path in [*room.glob("w*"), *room.glob("[bo]*")]:
        path.unlink()
    assert cli.main(["doctor", "--room", str(room)]) == 0


def test_an_empty_room_and_an_out_without_a_room_are_mistakes_in_the_call(tmp_path, capsys):
    for words, said in (
        (["--room", str(tmp_path)], "found none"),
        (["--room", str(tmp_path / "no")], "expected the room's files"),
        (["--out", "a.csv"], "expected --out with --room"),
    ):
        assert cli.main(["doctor", *words]) == 2
        assert said in capsys.readouterr().err
