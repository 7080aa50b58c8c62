"""The folder for an offline room: what lies in it, and when it is whole.

Built in this order: bundle.json first, which marks the folder as ours, then the files, the wheels,
the scripts and the README, and SHA256SUMS last. A folder without that file is half-built, for this
command as for the installer.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from promptad_classroom.offline import install
from promptad_classroom.offline.target import this_python
from promptad_classroom.offline.wheels import WheelPlan, collect_wheels
from promptad_tutorial.commands.environment import DISTRIBUTION
from promptad_tutorial.files.names import is_hidden
from promptad_tutorial.files.writing import write_whole

HERE = Path(__file__).resolve().parent
FIRST_NOTEBOOK = "notebooks/00_start_here.ipynb"
# what is copied of the checkout -> where it lies in the bundle
COPIED = {
    "notebooks": "notebooks",
    "data/minifactory": "data/minifactory",
    "docs": "docs",
    "results": "results",
    "LICENSES": "LICENSES",
    "LICENSE": "LICENSE",
    "CITATION.cff": "CITATION.cff",
    "README.md": "TUTORIAL.md",  # the bundle has a README of its own
}
OPTIONAL = {"build/site": "site"}  # the series as pages to read, where `make site` has made them
PACKAGES = ("promptad_tutorial", "promptad_classroom")  # what the wheel is built from
SCRIPTS = ("install.sh", "start.sh", "install.bat", "start.bat")
WEIGHTS = "weights"
ROOM = 2 * 10**8  # bytes beside what is copied: for the wheels much more is needed


@dataclass(frozen=True)
class Built:
    """What a build has done."""

    folder: Path
    wheels: int
    n_bytes: int
    anew: bool  # False: it was whole already


def build_bundle(source: Path, out: Path, plan: WheelPlan, weights: Sequence[Path] = ()) -> Built:
    """Build the folder `out` from the checkout `source`, or finish or renew it.

    A folder that is whole, of the same files and settings, is left as it is. `weights` are
    .safetensors files of other backbones, to be taken along.

    Raises ValueError, OSError or ImportError, each with what to do; what was built stays and is
    used by the next run, and the folder does not count as whole.
    """
    source, out = Path(source).resolve(), Path(os.path.abspath(Path(out).expanduser()))
    _check_source(source)
    _check_weights(weights)
    _check_out(out, source)
    facts = _facts(source, plan, weights)
    if _is_whole(out, facts):
        return _built(out, anew=False)
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / install.SUMS).unlink(missing_ok=True)
        write_whole(out / install.FACTS, json.dumps(facts, indent=2) + "\n")
    except OSError as error:
        raise OSError(
            f"expected a folder that can be written to, found {out}: {error.strerror or error}. "
            "Choose another --out"
        ) from error
    pairs = list(_files(source, weights))
    _check_room(out, [here for here, _ in pairs])
    _copy(out, pairs)
    collect_wheels(source, out / install.WHEELS, plan)
    _write_scripts(out, facts, [path.name for path in weights])
    names = sorted(p.relative_to(out).as_posix() for p in _bundled(out))
    sums = "".join(f"{install.sha256(out / name)}  {name}\n" for name in names)
    write_whole(out / install.SUMS, sums)
    return _built(out, anew=True)


def _check_source(source: Path) -> None:
    missing = [name for name in ("pyproject.toml", *COPIED) if not (source / name).exists()]
    if missing:
        raise FileNotFoundError(
            f"expected a checkout of the repository, found none of {', '.join(missing)} in "
            f"{source}: run this from a checkout, an installed package is not enough"
        )


def _check_weights(weights: Sequence[Path]) -> None:
    for path in weights:
        if path.suffix != ".safetensors" or not path.is_file():
            raise ValueError(
                f"expected a .safetensors file of weights, found {path}"
                f"{'' if path.exists() else ', which does not exist'}: name the file"
            )
    if len({path.name for path in weights}) < len(weights):
        raise ValueError("expected weights with different file names, found two alike: rename one")


def _check_out(out: Path, source: Path) -> None:
    if out.exists() and not out.is_dir():
        raise NotADirectoryError(f"expected a folder for the bundle, found a file: {out}")
    inside = any(out.is_relative_to(source / name) for name in (*COPIED, *PACKAGES))
    if inside or source.is_relative_to(out):
        raise ValueError(f"expected --out beside what is copied, found {out}: choose another one")
    others = out.is_dir() and not all(map(is_hidden, out.iterdir()))
    if others and not (out / install.FACTS).is_file():
        raise ValueError(
            f"expected an empty folder or a bundle, found other files in {out}: choose another "
            "--out"
        )


def _facts(source: Path, plan: WheelPlan, weights: Sequence[Path]) -> dict[str, str]:
    """What the installer reads, and one checksum of all that decides what is built."""
    with (source / "pyproject.toml").open("rb") as file:
        version = tomllib.load(file)["project"]["version"]
    extras = f"[{','.join(plan.extras)}]" if plan.extras else ""
    here = plan.target
    facts = {
        "requirement": f"{DISTRIBUTION}{extras}=={version}",
        "python": here.python if here else this_python(),
        "system": here.system if here else platform.system(),
        "machine": here.machine if here else platform.machine().lower(),
    }
    package = [source / "pyproject.toml", source / "hatch_build.py"]
    package += [path for name in PACKAGES for path in _below(source / name)]
    files = [path for path, _ in _files(source, weights)] + package
    # one checksum, as the settings may name an index or a folder that is nobody else's business
    decides = json.dumps([facts, asdict(plan), [install.sha256(p) for p in files]], default=str)
    return facts | {"request": hashlib.sha256(decides.encode()).hexdigest()}


def _below(folder: Path) -> Iterator[Path]:
    """Every file below a folder, without caches and what systems leave behind; of a folder's links,
    what they point to.
    """
    for path in sorted(folder.rglob("*")):
        hidden = any(map(is_hidden, path.relative_to(folder).parts))
        if path.is_file() and not hidden and path.suffix not in (".part", ".pyc"):
            yield path


def _files(source: Path, weights: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """Every file that is copied, and its place in the bundle."""
    for name, place in (COPIED | OPTIONAL).items():
        path = source / name
        if path.is_dir():
            for one in _below(path):
                yield one, f"{place}/{one.relative_to(path).as_posix()}"
        elif path.is_file():
            yield path, place
    for path in weights:
        yield path, f"{WEIGHTS}/{path.name}"
    yield HERE / "install.py", "install.py"


def _check_room(out: Path, files: Sequence[Path]) -> None:
    needed, free = sum(p.stat().st_size for p in files) + ROOM, shutil.disk_usage(out).free
    there = sum(p.stat().st_size for p in _bundled(out))  # of an earlier run, to be used again
    if free + there < needed:
        raise OSError(
            f"expected {needed / 1e9:.1f} GB of free disk for the files alone, found "
            f"{free / 1e9:.1f} GB at {out}: make room, or choose another --out"
        )


def _copy(out: Path, pairs: Sequence[tuple[Path, str]]) -> None:
    """Bring every file to its place, and remove those of an earlier build that are gone."""
    places = {place for _, place in pairs}
    tops = {place.partition("/")[0] for place in places if "/" in place} | {"site", WEIGHTS}
    for old in _bundled(out):
        name = old.relative_to(out).as_posix()
        if name.partition("/")[0] in tops and name not in places:
            old.unlink()
    for here, place in pairs:
        there = out / place
        if there.is_file() and install.sha256(there) == install.sha256(here):
            continue
        there.parent.mkdir(parents=True, exist_ok=True)
        part = there.with_name(f"{there.name}.part")
        shutil.copyfile(here, part)
        os.replace(part, there)


def _bundled(out: Path) -> Iterator[Path]:
    """The bundle's files, without its sums, unfinished ones, and what an installation has made."""
    for path in _below(out) if out.is_dir() else ():
        if path.relative_to(out).parts[0] not in (install.SUMS, f"{install.WHEELS}.part"):
            yield path


def _write_scripts(out: Path, facts: dict[str, str], weights: list[str]) -> None:
    templates = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    shared: dict[str, Any] = {
        **facts,
        "ready": install.READY,
        "first_notebook": FIRST_NOTEBOOK,
        "weights": weights,
    }
    for name in SCRIPTS:
        text = templates.get_template(name).render(shared)
        write_whole(out / name, text.replace("\n", "\r\n") if name.endswith(".bat") else text)
        (out / name).chmod(0o755)
    files = [path for path in _bundled(out) if path.name != "README.md" or path.parent != out]
    shared |= {
        "n_wheels": len(install.wheels(out)),
        "n_bytes": sum(path.stat().st_size for path in files),
        "n_files": len(files) + 2,  # with the README and the sums
        "n_needed": install.needed_bytes(out),
    }
    write_whole(out / "README.md", templates.get_template("README.md.j2").render(shared))


def _is_whole(out: Path, facts: dict[str, str]) -> bool:
    """Whether `out` is a whole bundle of just this: every file has its checksum."""
    try:
        same = json.loads((out / install.FACTS).read_text(encoding="utf-8")) == facts
        return same and not install.differing_files(out)
    except (OSError, ValueError, install.Problem):
        return False


def _built(out: Path, anew: bool) -> Built:
    files = list(_bundled(out))
    wheels = sum(path.suffix == ".whl" for path in files)
    return Built(out, wheels, sum(path.stat().st_size for path in files), anew)
