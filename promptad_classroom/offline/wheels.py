"""Every wheel that an installation needs, and no other, in one folder."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tqdm.auto import tqdm

from promptad_classroom.offline.pip_settings import PIP, pins_of_this_environment, pip_environment
from promptad_classroom.offline.target import Target
from promptad_tutorial.commands.environment import DISTRIBUTION

ONLY_WHEELS = "--only-binary=:all:"  # a laptop in the room has no compiler
NO_NETWORK = re.compile(
    r"NewConnectionError|name resolution|Network is unreachable|ConnectTimeout|ProxyError"
    r"|getaddrinfo|ConnectionError|ReadTimeout|dns error|error sending request|Max retries"
)
NO_WHEEL = re.compile(
    r"No matching distribution found for (\S+)|The user requested \(constraint\) (\S+)"
)


@dataclass(frozen=True)
class WheelPlan:
    """What decides which wheels are taken."""

    target: Target | None = None  # None: computers like this one
    extras: tuple[str, ...] = ()  # of the package, as "teach"
    torch_index: str | None = None  # one more index, as PyTorch's with builds for CPUs
    newest: bool = False  # the newest versions, not those that are installed here
    no_index: bool = False  # only from find_links
    find_links: tuple[Path, ...] = ()  # folders of wheels to take from, too

    @property
    def sources(self) -> list[str]:
        """Pip's options that say where wheels come from."""
        where = [f"--find-links={folder.resolve()}" for folder in self.find_links]
        return where + ["--no-index"] * self.no_index


def collect_wheels(source: Path, folder: Path, plan: WheelPlan) -> list[str]:
    """Fill `folder` with the wheel of the checkout `source` and of all that it needs.

    Works in `<folder>.part`, which takes `folder`'s place when a second look, without any index,
    has found it complete. What is there already, whole, is not downloaded again, and what is not
    needed is removed. Returns the names of the wheels.

    Raises ValueError where a package has no wheel that fits, OSError for a full disk or where
    nothing can be downloaded, ImportError where a tool is missing.
    """
    part = folder.with_name(f"{folder.name}.part")
    if folder.is_dir() and not part.is_dir():
        folder.rename(part)
    part.mkdir(parents=True, exist_ok=True)
    _remove_broken(part)
    environment = pip_environment(plan.torch_index)
    with _constraints(plan) as pins:
        wheel = _build_package(source, part, plan, environment)
        wanted, fits = _wanted(source, wheel, plan, pins, environment)
        _run_pip(
            ["download", ONLY_WHEELS, *fits, *plan.sources, f"--dest={part}", *wanted],
            environment,
            "wheels",
        )
        needed = _needed(part, fits, wanted, environment) | {wheel.name}
    for path in part.iterdir():
        if path.name not in needed:
            path.unlink()
    if folder.is_dir():
        shutil.rmtree(folder)
    part.rename(folder)
    return sorted(needed)


def _remove_broken(folder: Path) -> None:
    """Remove what a killed run or a bad stick has left: every part of a wheel has its checksum."""
    for path in tqdm(list(folder.iterdir()), desc="wheels that are here already", leave=False):
        if not _is_sound(path):
            path.unlink()


def _is_sound(wheel: Path) -> bool:
    try:
        with zipfile.ZipFile(wheel) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError):
        return False


@contextmanager
def _constraints(plan: WheelPlan) -> Iterator[list[str]]:
    """Pip's and uv's option that holds the versions of this environment, which is known to work."""
    if plan.newest:
        yield []
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "constraints.txt"
        pins = pins_of_this_environment(DISTRIBUTION).items()
        path.write_text("".join(f"{name}=={version}\n" for name, version in pins))
        yield [f"--constraint={path}"]


def _build_package(
    source: Path, part: Path, plan: WheelPlan, environment: Mapping[str, str]
) -> Path:
    for old in part.glob(f"{DISTRIBUTION.replace('-', '_')}-*.whl"):
        old.unlink()
    # with hatchling at hand nothing has to be downloaded to build a wheel
    isolated = [] if find_spec("hatchling") is None else ["--no-build-isolation"]
    command = ["wheel", "--no-deps", *isolated, *plan.sources, f"--wheel-dir={part}", str(source)]
    _run_pip(command, environment, "the package's own wheel")
    (wheel,) = part.glob(f"{DISTRIBUTION.replace('-', '_')}-*.whl")
    return wheel


def _wanted(
    source: Path,
    wheel: Path,
    plan: WheelPlan,
    pins: list[str],
    environment: Mapping[str, str],
) -> tuple[list[str], list[str]]:
    """Pip's arguments: what is wanted, and the options that say for which computer."""
    extras = f"[{','.join(plan.extras)}]" if plan.extras else ""
    if plan.target is None:
        return [f"{wheel}{extras}", *pins], []
    fits = [f"--platform={tag}" for tag in plan.target.tags]
    fits += [f"--python-version={plan.target.python}", "--implementation=cp", "--no-deps"]
    return _resolved_elsewhere(source, plan, plan.target, pins, environment), fits


def _resolved_elsewhere(
    source: Path,
    plan: WheelPlan,
    target: Target,
    pins: list[str],
    environment: Mapping[str, str],
) -> list[str]:
    """All packages as `name==version`, for another kind of computer.

    By uv and not by pip, which asks *this* computer what `sys_platform` is, and so would leave out
    what only Windows needs.
    """
    if find_spec("uv") is None:
        raise ImportError(
            "for another platform or Python, expected uv, which knows what other computers need; "
            "found none: pip install uv"
        )
    from uv import find_uv_bin

    command = [find_uv_bin(), "pip", "compile", "--no-config", "--quiet", "--no-header"]
    command += ["--no-annotate", f"--python-platform={target.uv_name}"]
    command += [f"--python-version={target.python}", *pins, ONLY_WHEELS, *plan.sources]
    command += [f"--extra={extra}" for extra in plan.extras]
    settings = {k: v for k, v in environment.items() if not k.startswith("UV_")}
    for pip_name, uv_name in (
        ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"),
        ("PIP_EXTRA_INDEX_URL", "UV_EXTRA_INDEX_URL"),
        ("PIP_CERT", "SSL_CERT_FILE"),
        ("PIP_PROXY", "ALL_PROXY"),
    ):
        if pip_name in settings:
            settings[uv_name] = settings[pip_name]
    # as pip does it: of all indices the best version, so that +cpu builds and mirrors are seen
    command += ["--index-strategy=unsafe-best-match", "--no-python-downloads"]
    done = subprocess.run(
        [*command, str(source / "pyproject.toml")],
        check=False, capture_output=True, text=True, encoding="utf-8", env=settings,
    )  # fmt: skip
    if done.returncode:
        raise _problem(done.stderr.splitlines(), "uv")
    lines = (line.partition("#")[0].strip() for line in done.stdout.splitlines())
    return [line for line in lines if line]


def _needed(
    part: Path, fits: Sequence[str], wanted: Sequence[str], environment: Mapping[str, str]
) -> set[str]:
    """The names of the wheels that pip would install with nothing but the folder at hand."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        offline = ["--no-index", f"--find-links={part}", ONLY_WHEELS, "--ignore-installed"]
        away = [f"--target={folder}"] if fits else []  # pip asks for it with --platform
        command = ["install", "--dry-run", f"--report={report}", *offline, *away, *fits, *wanted]
        _run_pip(command, environment, "a second look, offline")
        found = json.loads(report.read_text(encoding="utf-8"))["install"]
    return {Path(unquote(urlsplit(one["download_info"]["url"]).path)).name for one in found}


def _run_pip(command: Sequence[str], environment: Mapping[str, str], what: str) -> None:
    lines: list[str] = []
    process = subprocess.Popen(
        [*PIP, *command, "--progress-bar=off"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        text=True, encoding="utf-8", errors="replace", env=environment,
    )  # fmt: skip
    assert process.stdout is not None
    with process, tqdm(desc=what, unit=" packages", leave=False) as bar:
        for line in process.stdout:
            lines.append(line.rstrip())
            bar.update(line.startswith(("Collecting ", "Processing ")))
            if "Downloading " in line:  # with its size: the long ones are worth a word
                bar.set_postfix_str(line.strip().removeprefix("Downloading ")[:60])
    if process.returncode:
        raise _problem(lines, "pip")


def _problem(lines: Sequence[str], program: str) -> Exception:
    """One error that says what went wrong, from what pip or uv wrote."""
    text = "\n".join(lines)
    # never its own words alone: they hold the addresses of indices and this computer's paths
    if "No space left on device" in text:
        return OSError(
            "the disk is full: more room is needed in the folder that is being built, or in "
            "the folder for temporary files (TMPDIR). Make room and run again: whole wheels are "
            "kept"
        )
    if NO_NETWORK.search(text):
        return OSError(
            f"{program} could not reach a package index: building a bundle needs a network (the "
            "bundle itself needs none). Connect, or set PIP_INDEX_URL or PIP_PROXY as your "
            "network asks for, and run again: whole wheels are kept"
        )
    # with a version that is held, pip calls it a conflict where no wheel of that version fits
    if found := NO_WHEEL.search(text):
        return ValueError(
            f"no wheel of {found[1] or found[2]} fits these laptops: try --newest, another "
            "--python-version or, for a build of torch, --torch-index"
        )
    errors = [line for line in lines if line.strip()]
    first = next((k for k, e in enumerate(errors) if e.lower().startswith("error")), -3)
    return ValueError(f"{program} stopped: {' '.join(errors[first:][:6]) or 'without a word'}")
