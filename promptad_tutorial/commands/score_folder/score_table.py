"""scores.csv: one row per picture, written at once, so that a killed run keeps what it has."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, TextIO

from promptad_tutorial.files.names import cell

GOOD, ANOMALOUS, ERROR = "good", "anomalous", "error"  # the verdicts


class Row(NamedTuple):
    """What scores.csv says of one picture."""

    image: str  # its path below the pictures' folder, with / between the parts, as a `cell`
    score: str  # in [0, 1], higher is more anomalous; empty where there is an error
    verdict: str  # "anomalous" for a score above the threshold, else "good"; or "error"
    threshold: str
    backbone: str  # the label of what computed the score
    error: str  # why there is no score


def row_of(image: str, score: float | None, threshold: float, backbone: str, error: str) -> Row:
    """The row of one picture, with its verdict."""
    verdict = ERROR if score is None else ANOMALOUS if score > threshold else GOOD
    told = "" if score is None else repr(score)  # all digits: who reads it finds the same verdict
    return Row(cell(image), told, verdict, repr(threshold), cell(backbone), cell(error))


def rows_to_keep(
    path: Path, threshold: float, backbone: str, *, resume: bool = False, overwrite: bool = False
) -> list[Row]:
    """What an older run's rows are worth: to `resume`, those with a score; to `overwrite`, none.

    Raises FileExistsError for a file that is there unless one of the two says what to do with it,
    and ValueError for one that another threshold or backbone wrote, or that is no such table.
    """
    if overwrite or not path.exists():
        return []
    if not resume:
        raise FileExistsError(
            f"{path} is there already: choose another --out, or give --resume to score "
            "only what is missing in it, or --overwrite to begin again"
        )
    rows = _read(path)
    for row in rows:
        if (row.threshold, row.backbone) != (repr(threshold), cell(backbone)):
            raise ValueError(
                f"the rows of {path} are of threshold {row.threshold} and {row.backbone}; this run "
                f"is of {threshold!r} and {backbone}: choose another --out, or give --overwrite"
            )
    return [row for row in rows if row.verdict != ERROR]


def begin_table(path: Path, rows: Iterable[Row]) -> TextIO:
    """Write the table with these rows; returns the file, in which each row more is at once.

    It starts with a byte-order mark, so that Excel shows every name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with open(part, "w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows([Row._fields, *rows])
    part.replace(path)  # what was there is replaced by something whole, or not at all
    return open(path, "a", 1, newline="", encoding="utf-8")  # 1: line by line


def _read(path: Path) -> list[Row]:
    text = path.read_bytes().decode("utf-8-sig")
    whole = text[: text.rfind("\n") + 1]  # the last row may have been cut off in the middle
    found = list(csv.reader(io.StringIO(whole, newline="")))
    columns = Row._fields
    if not found or tuple(found[0]) != columns or any(len(r) != len(columns) for r in found):
        raise ValueError(
            f"expected a table with columns {', '.join(columns)} in {path}, found another: choose "
            "another --out, or give --overwrite"
        )
    return [Row(*values) for values in found[1:]]
