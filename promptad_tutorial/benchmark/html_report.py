"""The report of one run or several: one page as HTML and as Markdown, and its tables as CSV.

    in:  the folders of runs, as `run_folder.open_run` reads them; no data, backbone or GPU
    out: report.html, report.md, summary.csv, per_category.csv, paper_settings.csv

A report of one's own data opens with the run itself; the settings of the paper, with the figures
that others published, stand in reports on MVTec AD and VisA.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from promptad_tutorial.benchmark import published as paper
from promptad_tutorial.benchmark.opening import opening
from promptad_tutorial.benchmark.report_tables import (
    as_cells,
    category_table,
    costs,
    failed_tasks,
    summary_table,
    tasks_not_run,
)
from promptad_tutorial.benchmark.run_folder import Run
from promptad_tutorial.benchmark.sections import Section, counted_shots, sections
from promptad_tutorial.benchmark.settings import PROTOCOLS
from promptad_tutorial.files.writing import write_table, write_whole

TEMPLATES = Path(__file__).with_name("templates")
BRAND = "test-selected"  # in the names of all files with a figure of the released protocol
SOURCE = "docs/method.md, section 6"  # where the figures of others were gathered
PAPER_COLUMNS = [*paper.SETTING, "source", "method", "low", "high", "std", "seeds", "mark",
                 "backbone", "checksum", "protocol"]  # fmt: skip
Column = tuple[Section, str, dict[tuple, paper.Cell]]  # a method of a run in the 12 settings


@dataclass(frozen=True)
class Written:
    """What a report was made of."""

    html: Path
    done: int  # tasks with figures
    failed: int  # tasks whose row is an error
    missing: int  # tasks without a row
    best: str  # one sentence


def write_report(out: Path, runs: Sequence[Run]) -> Written:
    """Write report.html, report.md and three tables as CSV into `out`, from rows alone.

    If a run is of the released protocol, every file is called `*_test-selected.*`. Raises
    ValueError for no run, or for runs that contradict each other, and OSError for a folder that
    cannot be written.
    """
    if not runs:
        raise ValueError("expected a run to report on, got none")
    parts = sections(runs)
    means = [summary_table(part.table, part.tasks) for part in parts]
    categories = [category_table(part.table) for part in parts]
    columns = _columns(parts)
    released = any(part.run.released for part in parts)
    ending = f"_{BRAND}" if released else ""
    tables = {
        "summary": _joined(parts, means),
        "per_category": _joined(parts, categories),
        "paper_settings": paper_settings(columns),
    }
    counts = {name: sum(part.counts[name] for part in parts) for name in parts[0].counts}
    known = any(part.run.dataset in paper.NAMES for part in parts)
    page = {
        "released": released,
        "protocols": {part.run.protocol: PROTOCOLS[part.run.protocol] for part in parts},
        "counts": counts,
        "paper": _paper_table(columns) if known else None,
        "since": _since(),
        "source": SOURCE,
        "sections": [_section(*one) for one in zip(parts, means, categories, strict=True)],
    }
    try:
        for name, table in tables.items():
            write_table(out / f"{name}{ending}.csv", table.round(2))
        for kind in ("html", "md"):
            write_whole(out / f"report{ending}.{kind}", _template(kind).render(page))
    except OSError as error:
        raise OSError(
            f"cannot write the report into {out} ({error.strerror or error}); the rows are kept: "
            "make room there, or give another --out"
        ) from error
    done = (counts[name] for name in ("done", "failed", "missing"))
    return Written(out / f"report{ending}.html", *done, _best(tables["summary"]))


def _columns(parts: Sequence[Section]) -> list[Column]:
    """Each run's methods that have a published counterpart, in the 12 settings."""
    found = []
    for letter in dict.fromkeys(part.letter for part in parts):
        mine = [part for part in parts if part.letter == letter]
        ran = {task.method for part in mine for task in part.tasks} | {"PromptAD"}
        for method in paper.OURS:
            if method in ran:
                cells = {
                    setting: paper.cell([part.part for part in mine], setting, method)
                    for setting in paper.settings_of_the_paper()
                }
                found.append((mine[0], method, cells))
    return found


def paper_settings(columns: Sequence[Column]) -> pd.DataFrame:
    """The 12 settings in rows, one a figure: published ones and, where they are whole, the runs'.

    Columns: dataset, level, shots, source ("published", or the letter of a run), method, low, high
    (the same but for several re-runs), std, seeds, mark, and of runs backbone, checksum, protocol.
    """
    others = paper.published()
    others = others[others["shots"].isin([1, 2, 4])].assign(source="published")
    own = [
        dict(zip(paper.SETTING, setting, strict=True))
        | {"source": f"run {part.letter}", "method": method, "low": found.mean, "high": found.mean}
        | {"std": found.std, "seeds": found.seeds, "mark": BRAND if part.run.released else ""}
        | {"backbone": part.label["backbone"], "checksum": part.run.deciding["checksum"]}
        | {"protocol": part.run.protocol}
        for part, method, cells in columns
        for setting, found in cells.items()
        if found.mean is not None
    ]
    known = others.reindex(columns=PAPER_COLUMNS)
    return pd.concat([known, pd.DataFrame(own, columns=PAPER_COLUMNS)]) if own else known


def _paper_table(columns: Sequence[Column]) -> dict[str, Any]:
    """The 12 settings: heads with the kind of their source, and cells."""
    others = paper.figures_of_others()
    heads = [
        f"{method}: run {part.letter}{', TEST-SELECTED' if part.run.released else ''}"
        for part, method, _ in columns
    ]
    rows = [
        {
            "setting": setting,
            "others": others.loc[setting].tolist(),
            "ours": [str(cells[setting]) for *_, cells in columns],
        }
        for setting in paper.settings_of_the_paper()
    ]
    return {"others": list(others.columns), "ours": heads, "rows": rows}


def _since() -> str:
    """What was published later, from the same table."""
    later = paper.published().query("mark == 'since then'").itertuples()
    return " and ".join(
        f"{row.method} {row.high:.1f} ({row.dataset}, {row.level} level, {row.shots} shot)"
        for row in later
    )


def _section(part: Section, means: pd.DataFrame, categories: pd.DataFrame) -> dict[str, Any]:
    brand = " (TEST-SELECTED)" if part.run.released else ""
    over_seeds = f"mean ± standard deviation over seeds, in %{brand}"
    return {
        "id": re.sub(r"[^a-z0-9]+", "-", part.title.lower()).strip("-"),
        "title": part.title,
        "released": part.run.released,
        "protocol": PROTOCOLS[part.run.protocol],
        "label": part.label,
        "folders": [str(run.folder) for run in part.runs],
        "counts": part.counts,
        "opening": opening(part, categories),
        "means": as_cells(f"Mean over categories, then {over_seeds}", means),
        "categories": as_cells(f"Per category: {over_seeds}", categories),
        "costs": costs("Time and memory of the tasks", part.table),
        "failures": failed_tasks(part.rows),
        "not_run": tasks_not_run(part.rows),
        "gallery": part.gallery(),
    }


def _joined(parts: Sequence[Section], tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The tables of all sections, each row with the label that it belongs to."""
    found = [
        table.assign(
            run=part.letter,
            dataset=part.run.dataset,
            backbone=part.label["backbone"],
            checksum=part.run.deciding["checksum"],
            commit=part.label["commit"],
            protocol=BRAND if part.run.released else part.run.protocol,
        )
        for part, table in zip(parts, tables, strict=True)
    ]
    return pd.concat([table for table in found if len(table)] or found[:1], ignore_index=True)


def _best(means: pd.DataFrame) -> str:
    if means.empty or means["image_auroc_mean"].isna().all():
        return "no figures"
    best = means.loc[means["image_auroc_mean"].idxmax()]
    brand = "TEST-SELECTED, " if best["protocol"] == BRAND else ""
    return (
        f"{brand}highest mean image AUROC: {best['method']}, {counted_shots(int(best['shots']))}, "
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
    environment.filters["cell"] = markdown_text
    return environment.get_template(f"benchmark_report.{name}")


def markdown_text(text: object) -> str:
    """Text as Markdown shows it, in a table too: no tags, links, emphasis or code of its own."""
    plain = html.escape(" ".join(str(text).split()), quote=False)
    return re.sub(r"([\\`*\[\]|~])", r"\\\1", plain)
