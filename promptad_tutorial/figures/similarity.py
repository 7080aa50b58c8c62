"""Cosine similarities, or any other numbers of named things: as bars, and as a matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
import seaborn

from promptad_tutorial.figures.illustration import Illustration, blank_axes, illustrate
from promptad_tutorial.figures.inputs import ArrayLike, as_names, as_numbers
from promptad_tutorial.figures.palette import FONT_SIZE, GOOD_COLOUR, LETTER, MAP_COLOURS
from promptad_tutorial.figures.wording import counted, listed, rounded


def similarity_bars(
    names: Any, values: ArrayLike, axis: str = "cosine similarity", caption: str = ""
) -> Illustration:
    """A bar for each name, in the given order from the top, with its value in figures.

    `names`: n texts; `values` (n,), finite. `axis` says what the values are.

    Raises ValueError for no values, or another number of names.
    """
    lengths = as_numbers(values, "values")
    labels = as_names(names, len(lengths), "names")
    margin = min(3.2, LETTER * max(map(len, labels)))
    figure, axes = blank_axes(3.8 + margin, 0.7 + 0.3 * len(lengths))
    bars = axes.barh(np.arange(len(lengths)), lengths, color=GOOD_COLOUR, height=0.7)
    figures = [rounded(value) for value in lengths]
    axes.bar_label(bars, figures, padding=3, fontsize=FONT_SIZE)
    axes.set_yticks(np.arange(len(lengths)), labels, fontsize=FONT_SIZE)
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.margins(x=0.18)  # room for the figures
    axes.set_xlabel(axis, fontsize=FONT_SIZE)
    told = listed([f"{label} {value}" for label, value in zip(labels, figures, strict=True)], 12)
    # rounded first, so that the last digits do not decide which name is the highest
    best = labels[int(np.argmax(np.round(lengths, 2)))]
    highest, what = f"Highest: {best}" if len(labels) > 1 else "", axis.capitalize()
    short = (caption, f"{what} of {counted(len(labels), 'name')}", highest)
    return illustrate(figure, caption, f"{what}: {told}", highest, short=short)


def similarity_matrix(
    rows: Any,
    columns: Any,
    values: ArrayLike,
    axis: str = "cosine similarity",
    caption: str = "",
) -> Illustration:
    """A table of numbers in colours: `values` (r, c), with r names of rows and c of columns.

    `axis` says what the values are. Raises ValueError for numbers of names that do not fit.
    """
    table = as_numbers(values, "values", ndim=2)
    row_names = as_names(rows, table.shape[0], "names of rows")
    column_names = as_names(columns, table.shape[1], "names of columns")
    left = min(3.2, LETTER * max(map(len, row_names)))
    below = min(2.2, 0.7 * LETTER * max(map(len, column_names)))
    width = min(7.4, 1.2 + left + 0.75 * table.shape[1])
    figure, axes = blank_axes(max(3.6, width), 0.5 + below + 0.42 * table.shape[0])
    seaborn.heatmap(
        table,
        ax=axes,
        cmap=MAP_COLOURS,
        annot=np.vectorize(rounded, otypes=[str])(table),
        fmt="",
        annot_kws={"fontsize": FONT_SIZE},
        linewidths=0.5,
        xticklabels=False,
        yticklabels=False,
        cbar_kws={"label": axis},
    )
    # not by seaborn, which draws them at once, with a warning of each letter without a font
    axes.set_xticks(np.arange(len(column_names)) + 0.5, column_names)
    axes.set_yticks(np.arange(len(row_names)) + 0.5, row_names)
    axes.tick_params(axis="x", labelrotation=30, labelsize=FONT_SIZE, length=0)
    axes.tick_params(axis="y", labelrotation=0, labelsize=FONT_SIZE, length=0)
    for label in axes.get_xticklabels():
        label.set(ha="right", rotation_mode="anchor")
    told = [
        f"{name} with {column_names[best]} ({rounded(numbers[best])})"
        for name, numbers in zip(row_names, table, strict=True)
        for best in [int(np.argmax(np.round(numbers, 2)))]
    ]
    size = f"{axis.capitalize()} of {len(row_names)} rows and {len(column_names)} columns"
    return illustrate(figure, caption, size, f"Highest in each row: {listed(told, 12)}")
