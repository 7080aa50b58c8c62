"""scores.csv: one row per picture, written at once, so that a killed run keeps what it has."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import TextIO

from promptad_tutorial.files.names import cell

GOOD, ANOMALOUS, ERROR = "good", "anomalous", "error"  # the verdicts


@dataclass(frozen=True)
class Row:
    """What scores.csv says of one picture."""

    image: str  # its path below the pictures' folder, with / between the parts, as a `cell`
    score: str  # in [0, 1], higher is more anomalous; empty where there is an error
    verdict: str  # "anomalous" for a score above the threshold, else "good"; or "error"
    threshold: str
    backbone: str  # the label of what computed the score
    error: str  # why there is no score


COLUMNS = tuple(field.name for field in fields(Row))


def row_of(image: str, score: float | None, threshold: float, backbone: str, error: str) -> Row:
    """The row of one picture, with its verdict."""
    verdict = ERROR if score is None else ANOMALOUS if score > threshold else GOOD
    told = "" if score is None else repr(score)  # all digits: who reads it finds the same verdict
    return Row(cell(image), told, verdict, repr(threshold), backbone, cell(error))


class ScoreTable:
    """Appends rows to a CSV file and counts the verdicts; each row is in the file at once.

    The file starts with a byte-order mark, so that Excel shows every name. With `resume`, rows that
    are there already stay and are counted: `done` names their pictures, as `cell`s; an error's row
    does not count as done. Raises FileExistsError for a file that is there unless `resume` or
    `overwrite` says what to do with it, and ValueError for one that another threshold or backbone
    wrote, or that is no such table.
    """

    def __init__(
        self,
        path: Path,
        threshold: float,
        backbone: str,
        *,
        resume: bool = False,
        overwrite: bool = False,
    ) -> None:
        self.path = path
        self.threshold, self.backbone = threshold, backbone
        self.counts: Counter[str] = Counter()
        kept: list[Row] = []
        if path.exists() and not overwrite:
            if not resume:
                raise FileExistsError(
                    f"{path} is there already: choose another --out, or give --resume to score "
                    "only what is missing in it, or --overwrite to begin again"
                )
            kept = [row for row in self.rows() if row.verdict != ERROR]
        self.done = frozenset(row.image for row in kept)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        with _opened(part, "w") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(_values(row) for row in kept)
        part.replace(path)  # what was there is replaced by something whole, or not at all
        self.counts.update(row.verdict for row in kept)
        self._file = _opened(path, "a")

    def add(self, image: str, score: float | None, error: str = "") -> Row:
        """Write the row of one picture; returns it."""
        row = row_of(image, score, self.threshold, self.backbone, error)
        csv.writer(self._file).writerow(_values(row))
        self._file.flush()
        self.counts[row.verdict] += 1
        return row

    def __enter__(self) -> ScoreTable:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def rows(self) -> list[Row]:
        """What is in the file. Raises ValueError for a file that is no such table."""
        with _opened(self.path, "r") as file:
            text = file.read()
        whole = text[: text.rfind("\n") + 1]  # the last row may have been cut off in the middle
        found = list(csv.reader(io.StringIO(whole, newline="")))
        if not found or tuple(found[0]) != COLUMNS or any(len(r) != len(COLUMNS) for r in found):
            raise ValueError(
                f"expected a table with columns {', '.join(COLUMNS)} in {self.path}, found "
                f"another: choose another --out, or give --overwrite"
            )
        rows = [Row(*values) for values in found[1:]]
        wanted = (repr(self.threshold), self.backbone)
        other = [row for row in rows if (row.threshold, row.backbone) != wanted]
        if other:
            raise ValueError(
                f"the rows of {self.path} are of threshold {other[0].threshold} and "
                f"{other[0].backbone}; this run is of {wanted[0]} and {wanted[1]}: choose another "
                "--out, or give --overwrite"
            )
        return rows


def _values(row: Row) -> list[str]:
    return [getattr(row, name) for name in COLUMNS]


def _opened(path: Path, mode: str) -> TextIO:
    return open(path, mode, newline="", encoding="utf-8" if mode == "a" else "utf-8-sig")
