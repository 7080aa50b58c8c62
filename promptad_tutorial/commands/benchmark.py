"""`benchmark`, its report and its cache: the paper's experiment as one resumable command."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any, NoReturn

from promptad_tutorial.clip.choice import PRECISIONS, precision_name
from promptad_tutorial.commands.command import Actions, Result, add_command

CACHE = Path("runs") / "feature_cache"
DEFAULTS: dict[str, Any] = {
    "dataset": "minifactory",
    "root": None,
    "backbone": "tiny",
    "pretrained": None,
    "image_size": None,
    "dtype": "float32",
    "device": None,
    "shots": [1, 2, 4],
    "seeds": 5,
    "methods": [],
    "categories": [],
    "map_size": 240,
    "resize": "squash",
    "protocol": "paper",
    "steps": 100,
    "missing_masks": False,
    "jobs": -1,
    "threads": None,
    "backend": "loky",
    "cluster": None,
    "cache": CACHE,
    "cache_gb": 20.0,
    "cases": 3,
    "out": Path("runs") / "benchmark",
    "retry": False,
}


def add_to(groups: Actions) -> None:
    """Add `benchmark`, `benchmark-report` and `benchmark-cache` to the command line."""
    run = add_command(
        groups, "benchmark", run_benchmark, "measure methods on a dataset: resumable, with report"
    )
    add_options(run)
    run.add_argument("--config", type=Path, help="a YAML file of the options above; options win")
    run.add_argument("--dry-run", action="store_true", help="say what would run, and run nothing")
    report = add_command(
        groups, "benchmark-report", run_report, "make one report of one run folder or several"
    )
    report.add_argument("runs", nargs="+", type=Path, help="folders: the --out of benchmarks")
    report.add_argument("--out", type=Path, help="folder of the report; of one run its own folder")
    cache = add_command(
        groups, "benchmark-cache", run_cache, "show or clear the benchmark's cache of features"
    )
    cache.add_argument("--cache", type=Path, default=CACHE, help="a folder")
    what = cache.add_mutually_exclusive_group()
    what.add_argument("--show", action="store_true", help="say how full it is (the default)")
    what.add_argument("--clear", action="store_true", help="remove every entry")


def add_options(parser: argparse.ArgumentParser) -> None:
    """What a YAML file may say too. Defaults are None: so an option that was given can win."""

    def add(name: str, text: str, *others: str, **how: Any) -> None:
        default = DEFAULTS[name[2:].replace("-", "_")]
        shown = " ".join(map(str, default)) if isinstance(default, list) else default
        told = text if shown in (None, False, "") else f"{text} (default: {shown})"
        parser.add_argument(name, *others, help=told, default=None, **how)

    add("--dataset", "layout of the data", choices=("mvtec", "visa", "minifactory", "folder"))
    add("--root", "folder of the data; for minifactory the packaged one by default", type=Path)
    add("--backbone", "tiny, or a model of open_clip")
    add("--pretrained", "its weights: a tag, a file or random")
    add("--image-size", "pixels a side that the image tower reads; the model's own", type=int)
    add(
        "--dtype",
        "precision of the image tower; bf16 and fp16 will do",
        "--precision",
        type=precision_name,
        choices=tuple(PRECISIONS.values()),
    )
    add("--device", "cpu, cuda or mps; cuda by default where there is one")
    add("--shots", "numbers of shots", nargs="+", type=int)
    add("--seeds", "how many draws of shots: seeds 0, 1, ..", type=int)
    add("--methods", "of the ladder; zero-shot, WinCLIP+, memory, PromptAD by default", nargs="+")
    add("--categories", "only these", nargs="+")
    add("--map-size", "pixels a side at which maps and masks are compared", type=int)
    add("--resize", "squash whole pictures, or crop the central square", choices=("squash", "crop"))
    add(
        "--protocol",
        "paper, or released: the traps of the released code, step chosen on the test set",
        choices=("paper", "released"),
    )
    add("--steps", "of training", type=int)
    add("--missing-masks", "go on without pixel-level figures where one lacks", action="store_true")
    add("--jobs", "workers; -1 for one a GPU, or one a core without GPU", type=int)
    add("--threads", "of torch in each worker; by default the cores are shared out", type=int)
    add("--backend", "of joblib", choices=("loky", "threading", "dask", "ray"))
    add("--cluster", "address of a running Dask or Ray cluster; one on this machine by default")
    add("--cache", "folder of encoded pictures", type=Path)
    add("--cache-gb", "its size at most", type=float)
    add("--cases", "mistakes of each kind kept as pictures, of seed 0; 0 for none", type=int)
    add("--out", "folder of rows and report", type=Path)
    add("--retry", "run tasks again that failed before", action="store_true")


def run_benchmark(arguments: argparse.Namespace) -> Result:
    """Run what has no row yet, then write the report. Exit code 1 if a task failed.

    Raises ValueError for a folder that holds a run with other settings.
    """
    from promptad_tutorial.benchmark import experiment, run_folder, runner
    from promptad_tutorial.benchmark.estimate import estimate

    given = chosen_options(arguments)
    settings = settings_of(given)
    place = runner.Place(
        given["out"] / run_folder.ROWS,
        given["cache"],
        1e9 * given["cache_gb"],
        **{name: given[name] for name in ("jobs", "backend", "cluster", "threads", "cases")},
    )
    options = ", ".join(f"{name}={value}" for name, value in given.items())
    planned = experiment.prepare(settings, given["out"], arguments.command, options, given["retry"])
    tasks, left = planned.tasks, planned.left
    of = f"{len(tasks)} tasks on {len(planned.dataset.product_lines)} categories"
    if arguments.dry_run:
        told = estimate(settings, planned.dataset, left, planned.backbone, place)
        return Result(f"{of}: {len(tasks) - len(left)} done, {len(left)} would run: {told}")
    found = experiment.perform(planned, place).report
    new = f"{len(left)} of {of} were run now" if left else f"all {of} were done already"
    failed = f", {found.failed} failed (--retry runs them again)" if found.failed else ""
    missing = f", {found.missing} of the folder were not run" if found.missing else ""
    told = f"{new}{failed}{missing}; {found.best}: {found.html}"
    return Result(told, 1 if found.failed else 0)


def run_report(arguments: argparse.Namespace) -> Result:
    """Make a report of rows that are there; exit code 1 if a task failed or was not run."""
    from promptad_tutorial.benchmark import html_report, run_folder

    folders = list(dict.fromkeys(arguments.runs))
    if arguments.out is None and len(folders) > 1:
        raise ValueError("expected --out, the folder of the report, for several runs; got none")
    runs = [run_folder.open_run(folder) for folder in folders]
    found = html_report.write_report(arguments.out or folders[0], runs)
    told = f"{found.done} tasks have figures, {found.failed} failed, {found.missing} were not run"
    return Result(f"{told}; {found.best}: {found.html}", 1 if found.failed + found.missing else 0)


def run_cache(arguments: argparse.Namespace) -> str:
    """Say how full the cache is, or empty it."""
    from promptad_tutorial.benchmark.feature_cache import FeatureCache

    cache = FeatureCache(arguments.cache)
    found = cache.clear() if arguments.clear else cache.usage()
    done = "removed from" if arguments.clear else "in"
    return f"{found.entries} entries, {found.size / 1e9:.2f} GB, {done} {arguments.cache}"


def settings_of(given: dict[str, Any]) -> Any:
    """The run's `Settings` of options. ValueError for those that do not fit."""
    from promptad_tutorial.benchmark.settings import BackboneChoice, Settings

    name, _, weights = given["backbone"].partition(":")
    own = ("dtype", "device", "image_size")
    choice = BackboneChoice(
        name, given["pretrained"] or weights or None, **{each: given[each] for each in own}
    )
    others = {one.name for one in fields(Settings)} - {"backbone"}
    chosen = {each: given[each] for each in others}
    lists = {each: tuple(value) for each, value in chosen.items() if isinstance(value, list)}
    return Settings(backbone=choice, **chosen | lists)


def chosen_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Every option: from the command line, else from the YAML file, else its default."""
    found = dict(DEFAULTS)
    if arguments.config:
        found |= options_of_file(arguments.config)
    given = {name: getattr(arguments, name) for name in DEFAULTS}
    return found | {name: value for name, value in given.items() if value is not None}


def options_of_file(path: Path) -> dict[str, Any]:
    """The options that a YAML file names, with the types that the command line gives them.

    Keys are the options' names, with dashes or underscores. Raises ValueError for a file that is no
    such list, an unknown option, or a value that the option does not take.
    """
    import yaml

    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no YAML: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"expected lines such as 'shots: [1, 2, 4]' in {path}, found {values!r}")
    words: list[str] = []
    named = {str(name).replace("-", "_"): value for name, value in values.items()}
    if "precision" in named:
        named.setdefault("dtype", named.pop("precision"))
    unknown = [name for name in named if name not in DEFAULTS]
    if unknown:
        raise ValueError(
            f"{path} has no such option: {', '.join(unknown)}; there are {', '.join(DEFAULTS)}"
        )
    for name, value in named.items():
        option = f"--{name.replace('_', '-')}"
        if isinstance(DEFAULTS[name], bool):
            if not isinstance(value, bool):
                raise ValueError(f"{path}: {name} must be true or false, got {value!r}")
            words += [option] if value else []
        elif isinstance(value, list):
            words += [option, *map(str, value)]
        elif value is not None:
            words += [f"{option}={value}"]
    parser = _FileParser(prog=str(path), add_help=False, allow_abbrev=False)
    add_options(parser)
    parsed = vars(parser.parse_args(words))
    return {name: parsed[name] for name in named if parsed[name] is not None}


class _FileParser(argparse.ArgumentParser):
    """Says what is wrong with a file as an error, where the command line would end the program."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{self.prog}: {message}")
