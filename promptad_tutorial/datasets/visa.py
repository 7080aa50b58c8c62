"""The VisA layout: a table names every image, its split, its label and its mask.

<root>/split_csv/1cls.csv    columns object, split, label, image, mask
<root>/candle/Data/Images/Normal/0000.JPG   (paths in the table are relative to <root>)
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from promptad_tutorial.datasets.masks import check_masks_present
from promptad_tutorial.datasets.samples import GOOD, ProductLine, Sample
from promptad_tutorial.files.listing import (
    check_known,
    existing_folder,
    natural_key,
    path_key,
    shorten,
)

SPLIT_FILE = Path("split_csv") / "1cls.csv"
COLUMNS = ("object", "split", "label", "image", "mask")
ANOMALY = "anomaly"  # the table does not say which defect it is


@dataclass(frozen=True)
class _Row:
    number: int  # line of the file, for messages
    object: str
    split: str  # "train" or "test"
    label: str  # "normal" or "anomaly"
    image: str  # relative to the root
    mask: str  # relative to the root, empty for a normal image


def list_objects(root: str | Path) -> tuple[str, ...]:
    """The objects that VisA's table names, in natural order.

    Raises `FileNotFoundError` without the table and `ValueError` for a malformed one.
    """
    rows = _read_rows(existing_folder(root, "a dataset in the VisA layout"))
    return tuple(sorted({row.object for row in rows}, key=natural_key))


def load_visa(root: str | Path, category: str, *, require_masks: bool = True) -> ProductLine:
    """One object of VisA, split as `split_csv/1cls.csv` says. Reads the table, no image.

    Every anomalous sample has the defect "anomaly". With `require_masks=False` it may lack its
    mask and then has `mask=None`.

    Raises `ValueError` for an unknown object, a malformed table or an object without training or
    test images, and `FileNotFoundError` for a missing table, image or mask.
    """
    root = existing_folder(root, "a dataset in the VisA layout")
    rows = _read_rows(root)
    objects = sorted({row.object for row in rows}, key=natural_key)
    check_known(category, objects, "object", root)
    splits: dict[str, list[Sample]] = {"train": [], "test": []}
    for row in rows:
        if row.object == category:
            splits[row.split].append(_sample(root, row))
    train, test = (
        tuple(sorted(splits[name], key=lambda s: path_key(s.image))) for name in ("train", "test")
    )
    for name, samples in (("train", train), ("test", test)):
        if not samples:
            raise ValueError(
                f"expected rows of {category!r} with split {name!r} in {root / SPLIT_FILE}, found "
                "none: take the table from the dataset again"
            )
    lost = [s.image.relative_to(root).as_posix() for s in train + test if not s.image.is_file()]
    if lost:
        raise FileNotFoundError(
            f"{len(lost)} of {len(train + test)} images of {category!r} are in {SPLIT_FILE} but "
            f"not in {root}: {shorten(lost)}. Unpack the dataset again"
        )
    if require_masks:
        check_masks_present(test, category, f"the files in column 'mask' of {root / SPLIT_FILE}")
    return ProductLine(category, root / category, train, test)


def _sample(root: Path, row: _Row) -> Sample:
    if row.label == "normal":
        return Sample(root / row.image, 0, GOOD)
    mask = root / row.mask if row.mask else None
    return Sample(root / row.image, 1, ANOMALY, mask if mask and mask.is_file() else None)


def _read_rows(root: Path) -> list[_Row]:
    path = root / SPLIT_FILE
    if not path.is_file():
        raise FileNotFoundError(f"expected VisA's table at {path}, found nothing there")
    try:
        return _parse(path)
    except UnicodeDecodeError as error:
        raise ValueError(f"expected UTF-8 text in {path}: {error}; save it as UTF-8") from error


def _parse(path: Path) -> list[_Row]:
    # utf-8-sig: a table that went through a spreadsheet starts with a byte-order mark.
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        found = reader.fieldnames or ("none",)
        if not set(COLUMNS) <= set(found):
            raise ValueError(
                f"expected columns {', '.join(COLUMNS)} in {path}, found {', '.join(found)}"
            )
        return [_row(path, reader.line_num, fields) for fields in reader]


def _row(path: Path, number: int, fields: dict[str | None, Any]) -> _Row:
    # A short row has None for what is missing. Backslashes: a table written on Windows.
    values = {c: (fields[c] or "").strip().replace("\\", "/") for c in COLUMNS}
    row = _Row(number, **values)
    for column, allowed in (("split", ("train", "test")), ("label", ("normal", "anomaly"))):
        if values[column] not in allowed:
            raise ValueError(
                f"line {number} of {path}: expected {column} {' or '.join(allowed)}, found "
                f"{values[column]!r}"
            )
    if not row.object or not row.image:
        raise ValueError(f"line {number} of {path}: expected an object and an image, found {row}")
    return row
