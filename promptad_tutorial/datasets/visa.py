"""The VisA layout: a table names every image, its split, its label and its mask.

<root>/split_csv/1cls.csv    columns object, split, label, image, mask
<root>/candle/Data/Images/Normal/0000.JPG   (paths in the table are relative to <root>)
"""

from __future__ import annotations

import csv
from pathlib import Path

from promptad_tutorial.datasets.findings import Findings
from promptad_tutorial.datasets.samples import GOOD, ProductLine, Sample
from promptad_tutorial.files.listing import existing, natural_key, path_key
from promptad_tutorial.files.names import same_name

SPLIT_FILE = Path("split_csv") / "1cls.csv"
MASKS = f"the files in column 'mask' of {SPLIT_FILE.as_posix()}"
COLUMNS = ("object", "split", "label", "image", "mask")
ANOMALY = "anomaly"  # the table does not say which defect it is
ALLOWED = (("split", ("train", "test")), ("label", ("normal", "anomaly")))


def lines(root: Path, found: Findings) -> tuple[str, ...] | None:
    """The objects that the table names, in natural order; none where it cannot be read."""
    if not (root / SPLIT_FILE.parent).is_dir():
        return None
    return tuple(sorted({row["object"] for _, row in _rows(root, found)}, key=natural_key))


def read(root: Path, name: str, found: Findings) -> tuple[ProductLine, bool]:
    """One object, split as the table says. Every defect must have a mask."""
    splits: dict[str, list[Sample]] = {"train": [], "test": []}
    seen: set[str] = set()
    table = root / SPLIT_FILE
    for number, row in _rows(root, found):
        if not same_name(row["object"], name):
            continue
        if row["image"] in seen:
            found.fix(table, f"line {number} names {row['image']} again", "remove a line")
            continue
        seen.add(row["image"])
        sample = _sample(root, number, row, found)
        if sample is not None and row["split"] == "train" and sample.label:
            remedy = "the method learns from good ones: move it to test"
            found.fix(sample.image, f"an anomaly in train (line {number})", remedy, ValueError)
        elif sample is not None:
            splits[row["split"]].append(sample)
    for split, samples in splits.items():
        if not samples:
            what = f"no rows of {name!r} with split {split!r}"
            found.fix(table, what, "take the table from the dataset again", ValueError)
    train, test = (tuple(sorted(s, key=lambda s: path_key(s.image))) for s in splits.values())
    return ProductLine(name, root / name, train, test), True


def _sample(root: Path, number: int, row: dict[str, str], found: Findings) -> Sample | None:
    picture = existing(root, row["image"])
    if not picture.is_file():
        what = f"the picture of line {number} is not there"
        found.fix(picture, what, _what_may_be_meant(picture), FileNotFoundError)
        return None
    if row["label"] == "normal":
        return Sample(picture, 0, GOOD)
    mask = existing(root, row["mask"]) if row["mask"] else None
    if mask is None:
        found.note(picture, f"line {number} names no mask", "name it in the table")
    elif not mask.is_file():
        found.fix(mask, f"the mask of line {number} is missing", _what_may_be_meant(mask))
        mask = None
    return Sample(picture, 1, ANOMALY, mask)


def _what_may_be_meant(path: Path) -> str:
    if path.is_symlink():
        return "it is a link that points nowhere: restore its target"
    beside = path.parent.iterdir() if path.parent.is_dir() else ()
    alike = [p.name for p in beside if p.name.casefold() == path.name.casefold()]
    return f"rename {alike[0]} to {path.name}: they differ in case" if alike else "unpack it again"


def _rows(root: Path, found: Findings) -> list[tuple[int, dict[str, str]]]:
    """The sound rows of the table, each with its line."""
    path = root / SPLIT_FILE
    if not path.is_file():
        found.fix(path, "VisA's table is not there", "take it from the dataset", FileNotFoundError)
        return []
    try:
        # utf-8-sig: a table that went through a spreadsheet starts with a byte-order mark
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            names = reader.fieldnames or ("none",)
            rows = [(reader.line_num, fields) for fields in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        found.fix(path, f"expected UTF-8 text with commas ({error})", "save it so", ValueError)
        return []
    if not set(COLUMNS) <= set(names):
        what = f"expected columns {', '.join(COLUMNS)}, found {', '.join(names)}"
        found.fix(path, what, "take the table from the dataset again", ValueError)
        return []
    sound = []
    for number, fields in rows:
        # A short row has None for what is missing. Backslashes: a table written on Windows.
        row = {c: (fields[c] or "").strip().replace("\\", "/") for c in COLUMNS}
        wrong = [
            f"{column} is {row[column]!r}, expected {' or '.join(allowed)}"
            for column, allowed in ALLOWED
            if row[column] not in allowed
        ]
        wrong += [f"no {column}" for column in ("object", "image") if not row[column]]
        if wrong:
            found.fix(path, f"line {number}: {wrong[0]}", "correct the line", ValueError)
        else:
            sound.append((number, row))
    return sound
