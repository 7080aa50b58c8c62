"""What a report opens with: a picture of the run, its best and its worst, in words and pictures."""

from __future__ import annotations

import base64
import io
import warnings
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from promptad_tutorial.benchmark.cases import Case
from promptad_tutorial.benchmark.report_tables import spread
from promptad_tutorial.benchmark.sections import Section, counted_shots
from promptad_tutorial.benchmark.tasks import Task
from promptad_tutorial.figures.illustration import blank_figure
from promptad_tutorial.files.names import printable

PANELS = 12  # categories in the picture: the hardest, where there are more
SHOWN = 3  # found defects and mistakes at the opening
COLUMNS = 4
MARKS = "os^Dv*"


@dataclass(frozen=True)
class Opening:
    """The first thing that a reader sees of a run."""

    picture: str  # PNG, base64
    alt: str  # the same in words
    best: str  # the category that is told best, by which method
    worst: str
    found: list[tuple[Task, Case]]  # defects that stand out most clearly
    mistakes: list[tuple[Task, Case]]  # pictures on the wrong side of most others


def opening(part: Section, categories: pd.DataFrame) -> Opening | None:
    """Of the rows of `report_tables.category_table`; None where no task has a figure."""
    known = categories.dropna(subset=["image_auroc_mean"])
    if known.empty:
        return None
    ranked = known.sort_values("image_auroc_mean", kind="stable")
    harder = ranked.groupby("product_line", sort=False)["image_auroc_mean"].mean().sort_values()
    shown = list(harder.index[:PANELS])
    found, mistakes = part.clearest(SHOWN)
    brand = "TEST-SELECTED: " if part.run.released else ""
    some = f" of the {len(shown)} hardest of {len(harder)}" if len(harder) > PANELS else " of each"
    alt = (
        f"{brand}Image AUROC in %{some} categories by number of shots, mean and standard deviation "
        f"over seeds. Highest: {_words(ranked.iloc[-1])}. Lowest: {_words(ranked.iloc[0])}."
    )
    picture = _png(_panels(known, shown))
    return Opening(picture, alt, _words(ranked.iloc[-1]), _words(ranked.iloc[0]), found, mistakes)


def _words(row: pd.Series) -> str:
    told = spread(row["image_auroc_mean"], row["image_auroc_std"])
    return f"{row['product_line']}, {row['method']}, {counted_shots(int(row['shots']))}: {told} %"


def _panels(table: pd.DataFrame, shown: list[str]) -> Figure:
    """A panel for each category: image AUROC over shots, a line with bars for each method."""
    columns = min(COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    width = max(5.0, 2.4 * columns)
    figure = blank_figure(width, 0.9 + 2.0 * rows)
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    methods = list(dict.fromkeys(table["method"]))
    shots = sorted(set(table["shots"]) - {0})
    for axes, name in zip(grid.flat, shown, strict=False):
        here = table[table["product_line"] == name]
        for number, method in enumerate(methods):
            mine = here[here["method"] == method].sort_values("shots")
            style = {"color": f"C{number % 10}", "label": None if name != shown[0] else method}
            means, spreads = mine["image_auroc_mean"], mine["image_auroc_std"].fillna(0.0)
            if set(mine["shots"]) == {0}:
                axes.axhline(means.iloc[0], linestyle="--", **style)
            else:  # of a method without figures here an empty line, for the legend
                places = [
                    shots.index(k) + 0.05 * (number - len(methods) / 2) for k in mine["shots"]
                ]
                style |= {"marker": MARKS[number % len(MARKS)], "capsize": 2}
                axes.errorbar(places, means, spreads, **style)
        axes.set_title(printable(name)[:30], fontsize=10, parse_math=False)
        axes.set_xticks(range(len(shots)), shots)
        axes.set_xlim(-0.4, max(len(shots), 1) - 0.6)
        axes.grid(axis="y", color="#dddddd")
    for axes in list(grid.flat)[len(shown) :]:
        axes.set_axis_off()
    figure.supxlabel("shots", fontsize=10)
    figure.supylabel("image AUROC in %", fontsize=10)
    across = max(1, int(width / (0.7 + 0.08 * max(map(len, methods)))))  # inches of an entry
    figure.legend(loc="outside upper center", ncols=across, fontsize=9, frameon=False)
    return figure


def _png(figure: Figure) -> str:
    file = io.BytesIO()
    with warnings.catch_warnings():  # a name may have letters that the font lacks: boxes will do
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        figure.savefig(file, format="png", dpi=110)
    return base64.b64encode(file.getvalue()).decode()
