"""Which way PyTorch comes, with stand-ins for uname, nvidia-smi, uv and Python: no network."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "workshop" / "install.sh"
# Says what it was called with; what it "has" are files in the folder of the stand-ins.
PYTHON = """#!/bin/sh
has() { [ -e "$STANDINS/has-$1" ]; }
case "$*" in
    *'version("torch")'*) has torch; exit ;;
    *"import pip"*) has pip; exit ;;
    *version_info*) ! has old-python; exit ;;
    *Darwinx86_64*) ! has intel-python; exit ;;
    --version) echo Python 3.10.9; exit ;;
    *"-m ensurepip"*) exit 1 ;;
    -c*) exit 0 ;;
    *"-m uv pip install --help"*) has uv && echo " --torch-backend"; exit ;;
    *"-m uv "*--dry-run*) has index; exit ;;
    *"-m pip install"*uv*0.6*) has pypi && touch "$STANDINS/has-uv"; exit ;;
    *"-m venv "*) mkdir -p "$3/bin" ;;
esac
echo "python $*"
"""
SAYS_NOTHING = "#!/bin/sh\nexit 0\n"


class Machine:
    """A folder that is first on the path, and a virtual environment with a stand-in's Python."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.venv = folder / "venv"
        (self.venv / "bin").mkdir(parents=True)
        self.write(self.venv / "bin" / "python", PYTHON)
        self.is_a("Linux")
        self.has("pip", "pypi", "index")

    def write(self, path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o755)

    def is_a(self, system: str) -> None:
        self.write(self.folder / "uname", f"#!/bin/sh\necho {system}\n")

    def has(self, *things: str) -> None:
        for thing in things:
            (self.folder / f"has-{thing}").touch()

    def lacks(self, *things: str) -> None:
        for thing in things:
            (self.folder / f"has-{thing}").unlink()

    def run(self, *words: str, pip_args: str = "") -> subprocess.CompletedProcess[str]:
        tools = [self.folder, "/usr/bin", "/bin"]  # no uv and no nvidia-smi of this machine
        for name in ("sh", "grep", "mkdir", "touch"):
            assert shutil.which(name, path="/usr/bin:/bin")
        return subprocess.run(
            ["/bin/sh", str(SCRIPT), *words],
            env={
                "PATH": ":".join(map(str, tools)),
                "STANDINS": str(self.folder),
                "PIP_ARGS": pip_args,
            },
            capture_output=True,
            text=True,
        )

    def installs(self, extra: str = "", pip_args: str = "") -> list[str]:
        """What is said and called, line by line; the environment's folder is called VENV."""
        done = self.run("packages", str(self.venv), extra, pip_args=pip_args)
        assert done.returncode == 0 and done.stderr == "", done.stderr
        return done.stdout.replace(str(self.venv), "VENV").splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    if shutil.which("nvidia-smi", path="/usr/bin:/bin") or shutil.which("uv", path="/usr/bin:/bin"):
        stand_in = "#!/bin/sh\nexit 1\n"  # nearer on the path, and of no use
        for name in ("nvidia-smi", "uv"):
            (tmp_path / name).write_text(stand_in)
            (tmp_path / name).chmod(0o755)
    return Machine(tmp_path)


PIP = "python -m pip install --disable-pip-version-check -e "
CPU = "python -m uv pip install --python VENV/bin/python --torch-backend=cpu -e "


def test_linux_without_a_gpu_gets_the_cpu_build_and_hears_how_much_before(machine):
    fetched, sizes, call = machine.installs("[test]")
    assert fetched.startswith("uv, which knows PyTorch's CPU build, is fetched first")
    assert "No NVIDIA GPU" in sizes and "400 MB" in sizes and "CPU build, a small part of" in sizes
    assert call == f"{CPU}.[test]"
    again = machine.installs()  # uv is there now
    assert len(again) == 2 and "180 MB" in again[0] and again[1] == f"{CPU}."


def test_a_uv_on_the_path_is_used_if_it_is_new_enough(machine):
    uv = '#!/bin/sh\ncase "$*" in *--help) echo %s ;; *--dry-run*) ;; *) echo "uv $*" ;; esac\n'
    machine.write(machine.folder / "uv", uv % "--torch-backend")
    assert machine.installs()[-1] == CPU.replace("python -m uv", "uv") + "."
    machine.write(machine.folder / "uv", uv % "--index-url")  # older than 0.6.9
    assert machine.installs()[-1] == f"{CPU}."


@pytest.mark.parametrize("missing", ["index", "pypi"])
def test_without_the_cpu_index_or_uv_plain_pip_goes_on_and_says_so(machine, missing):
    machine.lacks(missing)
    *_, told, call = machine.installs()
    assert told.startswith("PyTorch's CPU build cannot be reached from here, so plain pip")
    assert "3000 MB" in told and call == f"{PIP}."


def test_a_gpu_gets_pypis_build(machine):
    machine.write(machine.folder / "nvidia-smi", SAYS_NOTHING)
    told, call = machine.installs()
    assert told.startswith("An NVIDIA GPU was found.") and "3000 MB" in told and call == f"{PIP}."


def test_a_driver_without_a_gpu_is_no_gpu(machine):
    machine.write(machine.folder / "nvidia-smi", "#!/bin/sh\nexit 9\n")
    assert machine.installs()[-1] == f"{CPU}."


def test_pip_args_go_to_plain_pip_and_nothing_else_is_asked(machine):
    words = "--quiet torch>=2.4 torchvision==0.29.1"
    assert machine.installs("[test]", words) == [f"{PIP}.[test] {words}"]


def test_where_pytorch_is_there_pip_adds_the_rest(machine):
    machine.has("torch")
    told, call = machine.installs("[dev]")
    assert told.startswith("PyTorch is there already") and call == f"{PIP}.[dev]"


def test_macs_with_apple_silicon_use_pip(machine):
    machine.is_a("Darwin")
    told, call = machine.installs()
    assert "PyTorch for Macs, 140 MB" in told and call == f"{PIP}."


def test_a_python_for_intel_macs_is_refused_at_once(machine):
    machine.is_a("Darwin")
    machine.has("intel-python")
    python = machine.folder / "python3.12"
    machine.write(python, PYTHON)
    for words in (("packages", machine.venv), ("venv", machine.folder / "new", python)):
        done = machine.run(*map(str, words))
        assert done.returncode == 1 and done.stdout == "" and done.stderr.count("\n") == 1
        assert "is for Intel Macs, and PyPI has no PyTorch" in done.stderr
        assert "2.2.2" in done.stderr and "docs/setting_up.md" in done.stderr
    assert (ROOT / "docs" / "setting_up.md").is_file()
    machine.has("torch")  # it came from elsewhere
    assert machine.installs()[-1] == f"{PIP}."


def test_a_python_that_is_too_old_is_refused(machine):
    machine.has("old-python")
    machine.write(machine.folder / "python3", PYTHON)
    done = machine.run("venv", str(machine.folder / "new"), "python3")
    assert done.returncode == 1 and "'python3' is Python 3.10.9" in done.stderr
    assert "Python 3.11 or newer is needed" in done.stderr
    done = machine.run("venv", str(machine.venv), "python3")  # the environment has an old one
    assert done.returncode == 1 and f"rm -rf {machine.venv}" in done.stderr


def test_a_sound_environment_is_left_alone_and_a_missing_one_is_made(machine):
    done = machine.run("venv", str(machine.venv), "nobody")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    machine.write(machine.folder / "python3", PYTHON)
    new = machine.folder / "new"
    assert machine.run("venv", str(new), "python3").stdout == f"python -m venv {new}\n"


@pytest.mark.parametrize("harm", ["no Python", "dead link", "does not start", "no pip"])
def test_a_broken_environment_is_named_with_the_one_thing_to_do(machine, harm):
    python = machine.venv / "bin" / "python"
    if harm == "no pip":
        machine.lacks("pip")
    else:
        python.unlink()
    if harm == "dead link":
        python.symlink_to(machine.folder / "python3.10-that-is-gone")
    if harm == "does not start":
        machine.write(python, "#!/bin/sh\nexit 127\n")
    done = machine.run("venv", str(machine.venv), "python3")
    assert done.returncode == 1 and done.stdout == "" and done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"{machine.venv} is broken: ")
    assert done.stderr.endswith(f"Remove it and run make again: rm -rf {machine.venv}\n")


def test_no_python_at_all_is_one_line(machine):
    done = machine.run("venv", str(machine.folder / "new"), "python-that-nobody-has")
    assert done.returncode == 1 and "no 'python-that-nobody-has' was found" in done.stderr
