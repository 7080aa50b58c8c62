"""Install the tutorial from the folder that this file lies in, without a network.

    python install.py          (install.sh and install.bat find the right Python and call this)

It checks every file against SHA256SUMS, makes .venv beside it, installs from wheels/ alone, and
runs the doctor. Once more on an installed folder: only the doctor. Needs nothing but Python.
"""

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

SUMS = "SHA256SUMS"  # written last: a folder without it is half-built
FACTS = "bundle.json"
WHEELS = "wheels"
VENV = ".venv"
READY = "installed-from.txt"  # in .venv, written last: the checksum of SUMS and the folder
CHANGEABLE = ("notebooks/", "docs/", "results/")  # a learner may change these
SPARE_BYTES = 10**9  # for results and Jupyter's own files
LITTER = (  # files and folders that systems leave behind, beside those that begin with a dot
    "thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "system volume information",
    "$recycle.bin", "recycler", "lost+found", "@eadir", "#recycle", "icon\r",
)  # fmt: skip
INTEL_MAC = {"system": "Darwin", "machine": "x86_64"}


class Problem(Exception):
    """What is wrong and what to do, for a person to read."""


def sha256(path: Path) -> str:
    """The checksum of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:  # not file_digest: an older Python must get as far as the error
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def read_sums(home: Path) -> dict[str, str]:
    """Checksum of every file by its path in the folder. Raises Problem for a half-built folder."""
    path = home / SUMS
    if not path.is_file():
        raise Problem(
            f"this folder is not whole: it has no {SUMS}. Copying or building it was not "
            "finished: do that again"
        )
    lines = path.read_text(encoding="utf-8").splitlines()
    return {line[66:]: line[:64] for line in lines if line}


def is_litter(path: Path) -> bool:
    """Whether macOS, Windows or a network drive left a file here: it hurts nobody.

    ._torch-2.14.1.whl is such a file, although it ends with .whl.
    """
    return path.name.startswith((".", "~$")) or path.name.casefold() in LITTER


def wheels(home: Path) -> list[Path]:
    """The wheels that lie in the folder."""
    return sorted(p for p in (home / WHEELS).glob("*.whl") if not is_litter(p))


def differing_files(home: Path) -> list[str]:
    """What is missing, changed, or in wheels/ without being listed. Raises Problem as above."""
    sums = read_sums(home)
    there = {f"{WHEELS}/{p.name}" for p in (home / WHEELS).glob("*") if not is_litter(p)}
    strays = there - set(sums)
    found = [f"{name} (not of this bundle)" for name in sorted(strays)]
    for name, expected in sums.items():
        path = home / name
        if not path.is_file():
            found.append(f"{name} (missing)")
        elif sha256(path) != expected:
            found.append(f"{name} (changed)")
    return found


def check_computer(facts: dict[str, str]) -> None:
    """This Python and this computer are those that the wheels are for. Raises Problem."""
    here = {
        "python": "{}.{}".format(*sys.version_info[:2]),
        "system": platform.system(),
        "machine": platform.machine().lower(),
    }
    if here == here | INTEL_MAC:
        raise Problem(
            "this Python is for an Intel Mac, and PyTorch has published nothing for those since "
            "2.2: no such folder can be built. If this Mac has Apple silicon, install a Python "
            f"{facts['python']} for arm64; if not, take another computer"
        )
    alike = {"arm64": "aarch64", "amd64": "x86_64"}
    for name, found in here.items():
        wanted = facts[name]
        if alike.get(found, found) != alike.get(wanted, wanted):
            raise Problem(
                f"this folder is for Python {facts['python']} on {facts['system']} "
                f"({facts['machine']}), found Python {here['python']} on {here['system']} "
                f"({here['machine']}). Install that Python, or ask for a folder built for this "
                f"computer"
            )
    try:
        import ensurepip  # noqa: F401  what a new environment gets its pip from
        import venv  # noqa: F401
    except ImportError:
        raise Problem(
            "this Python cannot make virtual environments: its venv module is missing. On Debian "
            f"and Ubuntu: apt install python{here['python']}-venv, while there is a network"
        ) from None


def needed_bytes(home: Path) -> int:
    """Free disk that an installation needs: what the wheels unpack to, and some to work with."""
    unpacked = 0
    for path in wheels(home):
        with zipfile.ZipFile(path) as wheel:
            unpacked += sum(one.file_size for one in wheel.infolist())
    return unpacked + SPARE_BYTES


def check_room(home: Path) -> None:
    """The disk holds what is installed. Raises Problem."""
    needed, free = needed_bytes(home), shutil.disk_usage(home).free
    if free < needed:
        raise Problem(
            f"expected {needed / 1e9:.1f} GB of free disk, found {free / 1e9:.1f} GB: delete files "
            "that nobody needs, or copy this folder to a larger disk"
        )


def clean_environment() -> dict[str, str]:
    """This process's variables without those that lead Python, pip or the tutorial elsewhere."""
    mine = ("PIP_", "PYTHON", "PROMPTAD_", "VIRTUAL_ENV", "__PYVENV")
    kept = {k: v for k, v in os.environ.items() if not k.upper().startswith(mine)}
    return kept | {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1", "PYTHONUTF8": "1"}


def check_disk(home: Path) -> None:
    """This folder can hold an environment: it can be written to, and knows links. Raises Problem.

    A USB stick does not: on exFAT and FAT, venv ends with "Operation not permitted".
    """
    probe = home / f".probe-{os.getpid()}"
    try:
        probe.mkdir()
    except OSError as error:
        raise Problem(
            f"{home} cannot be written to ({error.strerror}): copy the folder to the laptop's own "
            "disk, and install it there"
        ) from None
    try:
        if os.name != "nt":
            os.symlink("nothing", probe / "link")
    except OSError as error:
        raise Problem(
            f"the disk of {home} cannot hold links, as a USB stick's cannot ({error.strerror}): "
            "copy the folder to the laptop's own disk, and install it there"
        ) from None
    finally:
        shutil.rmtree(probe, ignore_errors=True)


def make_environment(home: Path, facts: dict[str, str]) -> None:
    """A new .venv with everything from wheels/. Raises Problem."""
    check_room(home)
    say("making .venv, and installing from wheels/ (some minutes) ...")
    environment = clean_environment()
    steps = [
        [sys.executable, "-m", "venv", "--clear", str(home / VENV)],
        [
            str(venv_python(home)), "-m", "pip", "--disable-pip-version-check", "install",
            "--quiet", "--no-index", f"--find-links={home / WHEELS}", "--only-binary=:all:",
            facts["requirement"],
        ],
    ]  # fmt: skip
    for step in steps:
        done = subprocess.run(step, check=False, env=environment, cwd=home)
        if done.returncode:
            raise Problem("that did not work; what stopped it stands above. Then run this again")


def venv_python(home: Path) -> Path:
    """The Python of the folder's .venv."""
    return home / VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def install(home: Path) -> int:
    """Everything; returns the doctor's exit code. Raises Problem."""
    facts_path = home / FACTS
    read_sums(home)
    facts = json.loads(facts_path.read_text(encoding="utf-8"))
    check_computer(facts)
    ready, state = home / VENV / READY, f"{sha256(home / SUMS)} {home}"
    if ready.is_file() and ready.read_text(encoding="utf-8") == state:
        say("installed already.")
    else:
        check_disk(home)
        say("checking that every file has arrived ...")
        wrong = differing_files(home)
        if (home / VENV).exists():  # somebody has worked here: what she changed is hers
            wrong = [one for one in wrong if not one.startswith(CHANGEABLE)]
        if wrong:
            more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
            raise Problem(
                f"this folder is not as it was built: {', '.join(wrong[:5])}{more}. Copy it again"
            )
        make_environment(home, facts)
        ready.write_text(state, encoding="utf-8")
    say("asking the doctor ...")
    doctor = [str(venv_python(home)), "-m", "promptad_tutorial", "doctor"]
    code = subprocess.run(doctor, check=False, env=clean_environment(), cwd=home).returncode
    if code:
        say("Installed, and the doctor found something: do what its [fix] lines say.")
    start = "start.bat" if os.name == "nt" else "sh start.sh"
    say(f"To open JupyterLab on the first notebook: {start}")
    return code


def say(text: str) -> None:
    """One line for the person at the computer."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Install; exit code 0 if the computer is ready, 1 if the doctor is not content, 2 if not."""
    try:
        return install(Path(__file__).resolve().parent)
    except (Problem, OSError, KeyError, ValueError, zipfile.BadZipFile) as problem:
        sys.stderr.write(f"install: error: {problem}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
