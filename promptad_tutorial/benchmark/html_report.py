"""The report of a run: two tables as CSV, and one page as HTML and as Markdown that shows them."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from promptad_tutorial.benchmark.beside_published import beside_published
from promptad_tutorial.benchmark.report import summary
from promptad_tutorial.benchmark.settings import PROTOCOLS, Settings
from promptad_tutorial.benchmark.tasks import Task, read_row, table_of, write_whole
from promptad_tutorial.benchmark.test_set import FIGURES
from promptad_tutorial.provenance import versions

TEMPLATES = Path(__file__).with_name("templates")
BRAND = "test-selected"  # in the names of all files of the released protocol
TITLES = {
    "image_auroc": "image AUROC",
    "average_precision": "image AP",
    "f1_max": "image F1-max",
    "pixel_auroc": "pixel AUROC",
    "aupro": "AUPRO",
}


@dataclass(frozen=True)
class Written:
    """What a report was made of."""

    html: Path
    done: int  # tasks with figures
    failed: int  # tasks whose row is an error
    missing: int  # tasks without a row
    best: str  # one sentence


def write_report(
    out: Path, settings: Settings, tasks: Sequence[Task], label: dict[str, str]
) -> Written:
    """Write summary.csv, per_category.csv, report.html and report.md into `out`.

    Only the rows of `tasks` count. Of the released protocol every file is called
    `*_test-selected.*`. `label` says what was run, in the order to be shown.
    """
    rows = [(task, read_row(out / "rows", task)) for task in tasks]
    there = [row for _, row in rows if row is not None]
    good = table_of([row for row in there if not row["error"]])
    failed = [row for row in there if row["error"]]
    means, by_category = summary_table(good, tasks), category_table(good)
    ending = f"_{BRAND}" if settings.protocol == "released" else ""
    for table, name in ((means, "summary"), (by_category, "per_category")):
        branded = table.assign(protocol=BRAND if ending else settings.protocol)
        text = branded.to_csv(index=False, float_format="%.2f")
        write_whole(out / f"{name}{ending}.csv", text)
    page = {
        "label": label,
        "released": settings.protocol == "released",
        "protocol": PROTOCOLS[settings.protocol],
        "counts": {
            "tasks": len(tasks),
            "done": len(good),
            "failed": len(failed),
            "missing": len(tasks) - len(there),
        },
        "tables": [
            (
                "Mean over categories, then mean ± standard deviation over seeds, in %",
                _words(means),
            ),
            ("Per category: mean ± standard deviation over seeds, in %", _words(by_category)),
            ("Time and memory of a task, mean", _costs(good)),
        ],
        "published": _cells(beside_published(good, settings.dataset, settings.seeds)),
        "failures": [
            {k: row[k] for k in ("product_line", "method", "shots", "seed", "error")}
            for row in failed
        ],
    }
    for name in ("html", "md"):
        text = _template(name).render(page)
        write_whole(out / f"report{ending}.{name}", text)
    html = out / f"report{ending}.html"
    return Written(html, len(good), len(failed), len(tasks) - len(there), _best(means))


def summary_table(table: pd.DataFrame, tasks: Sequence[Task]) -> pd.DataFrame:
    """`report.summary`, and how many of the tasks behind each row have no figures.

    Of an incomplete row the mean is over other categories than of a complete one.
    """
    planned = pd.DataFrame([(t.method, t.shots) for t in tasks], columns=["method", "shots"])
    counts = planned.value_counts(["method", "shots"])
    if table.empty:
        return pd.DataFrame(columns=["method", "shots", "seeds", "lines", "lacking"])
    found = summary(table)
    done = table.value_counts(["method", "shots"])
    lacking = [
        int(counts[m, s] - done[m, s]) for m, s in zip(found["method"], found["shots"], strict=True)
    ]
    found.insert(4, "lacking", lacking)
    return found


def category_table(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation over seeds of every category, method and number of shots."""
    by = ["product_line", "method", "shots"]
    if table.empty:
        return pd.DataFrame(columns=[*by, "seeds"])
    grouped = table.groupby(by, sort=False)
    found = grouped[list(FIGURES)].agg(["mean", "std"])
    found.columns = [f"{figure}_{what}" for figure, what in found.columns]
    return grouped.agg(seeds=("seed", "nunique")).join(found).reset_index()


def run_label(settings: Settings, backbone: Any, command: str, data: Path) -> dict[str, str]:
    """What a run was: what a reader needs to trust its figures, or to make them again."""
    config = settings.config
    return {
        "backbone": backbone.label,
        "checksum (sha256 of the weights)": backbone.checksum,
        "device and type": f"{backbone.device.type}, {settings.backbone.dtype}",
        "dataset": f"{settings.dataset}, {data}",
        "protocol": f"{settings.protocol}: {PROTOCOLS[settings.protocol]}",
        "shots and seeds": f"{', '.join(map(str, settings.shots))} shots; seeds 0 to "
        f"{settings.seeds - 1}",
        "training": f"{config.steps} steps, learning rate {config.learning_rate}",
        "pictures": f"{settings.resize}; figures at {settings.map_size} x {settings.map_size}",
        "commit": commit(),
        "versions": ", ".join(f"{name} {number}" for name, number in versions().items()),
        "command": command,
    }


def commit() -> str:
    """The commit of the checkout that this package runs from, and whether files differ from it."""
    folder = Path(__file__).resolve().parent
    try:
        run = {"cwd": folder, "capture_output": True, "text": True, "timeout": 20, "check": True}
        name = subprocess.run(["git", "rev-parse", "HEAD"], **run).stdout.strip()
        changed = subprocess.run(["git", "status", "--porcelain", "--", ".."], **run).stdout
    except (OSError, subprocess.SubprocessError):
        return "not a git checkout"
    return f"{name}{', with changes' if changed.strip() else ''}"


def _words(table: pd.DataFrame) -> dict[str, Any]:
    """A table of means and deviations as cells of text, pixel-level NaN as a dash."""
    fixed = [name for name in table.columns if not name.endswith(("_mean", "_std"))]
    figures = [figure for figure in FIGURES if f"{figure}_mean" in table]
    rows = [
        [str(getattr(row, name)) for name in fixed]
        + [_spread(getattr(row, f"{f}_mean"), getattr(row, f"{f}_std")) for f in figures]
        for row in table.itertuples()
    ]
    heads = [
        name.replace("product_line", "category").replace("lines", "categories") for name in fixed
    ]
    return {"heads": heads + [TITLES[f] for f in figures], "rows": rows, "names": len(fixed)}


def _spread(mean: float, std: float) -> str:
    if mean != mean:  # NaN: no masks, or nothing there
        return "–"
    return f"{mean:.1f}" + (f" ± {std:.1f}" if std == std else "")


def _costs(table: pd.DataFrame) -> dict[str, Any]:
    if table.empty:
        return {"heads": [], "rows": [], "names": 0}
    costs = [name for name in ("memory_mb", "gpu_memory_mb") if name in table]
    means = table.groupby("method", sort=False)[["seconds", *costs]].mean().reset_index()
    rows = [
        [row.method, f"{row.seconds:.2f}", *(f"{getattr(row, name):.0f}" for name in costs)]
        for row in means.itertuples()
    ]
    heads = {"memory_mb": "process, MB", "gpu_memory_mb": "GPU, MB"}
    return {"heads": ["method", "seconds", *(heads[n] for n in costs)], "rows": rows, "names": 1}


def _cells(table: pd.DataFrame) -> dict[str, Any]:
    heads = [name.replace("_", " ") for name in table.columns]
    return {"heads": heads, "rows": table.astype(str).to_numpy().tolist(), "names": 4}


def _best(means: pd.DataFrame) -> str:
    if means.empty or means["image_auroc_mean"].isna().all():
        return "no figures"
    best = means.loc[means["image_auroc_mean"].idxmax()]
    return (
        f"highest mean image AUROC: {best['method']} at {best['shots']} shots, "
        f"{best['image_auroc_mean']:.1f} %"
    )


def _template(name: str) -> Any:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=name == "html",
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = lambda text: str(text).replace("|", "\\|").replace("\n", " ")
    return environment.get_template(f"benchmark_report.{name}")
