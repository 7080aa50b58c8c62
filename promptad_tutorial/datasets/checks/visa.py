"""Faults in the VisA layout (see `datasets.visa`): every row of its table is looked at."""

from __future__ import annotations

import csv
from pathlib import Path

from promptad_tutorial.datasets.checks.content import Seen
from promptad_tutorial.datasets.checks.findings import Findings
from promptad_tutorial.datasets.samples import GOOD
from promptad_tutorial.datasets.visa import ANOMALY, COLUMNS, SPLIT_FILE


def check_visa(root: Path, findings: Findings) -> list[Seen]:
    """Report the faults of the table and of the files that it names."""
    path = root / SPLIT_FILE
    if not path.is_file():
        findings.fix(root, f"no {SPLIT_FILE.as_posix()}", "take the table from the dataset")
        return []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            lost = [c for c in COLUMNS if c not in (reader.fieldnames or ())]
            rows = [] if lost else [(reader.line_num, fields) for fields in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        findings.fix(path, f"cannot be read as a table ({error})", "save it as CSV in UTF-8")
        return []
    if lost:
        findings.fix(path, f"no column {', '.join(lost)}", f"expected {', '.join(COLUMNS)}")
        return []
    seen: list[Seen] = []
    known: set[Path] = set()
    for number, fields in rows:
        values = {c: (fields[c] or "").strip().replace("\\", "/") for c in COLUMNS}
        one = _check_row(root, path, number, values, findings)
        if one is not None and one.picture in known:
            findings.fix(path, f"line {number} names {values['image']} again", "remove a line")
        elif one is not None:
            known.add(one.picture)
            seen.append(one)
    for line in dict.fromkeys(one.line for one in seen):
        for split in ("train", "test"):
            if not any(one.line == line and one.split == split for one in seen):
                findings.fix(path, f"no {split} pictures of {line}", "take the table again")
    _report_unnamed_masks(root, seen, findings)
    return seen


def _check_row(
    root: Path, table: Path, number: int, values: dict[str, str], findings: Findings
) -> Seen | None:
    where = f"line {number}"
    for column, allowed in (("split", ("train", "test")), ("label", ("normal", "anomaly"))):
        if values[column] not in allowed:
            findings.fix(
                table, f"{where}: {column} is {values[column]!r}", f"write {' or '.join(allowed)}"
            )
            return None
    if not values["object"] or not values["image"]:
        findings.fix(table, f"{where}: no object or no image", "complete the line or remove it")
        return None
    picture, line, split = root / values["image"], values["object"], values["split"]
    if not picture.is_file():
        _report_missing(picture, f"the picture of {where} is not there", findings)
        return None
    if values["label"] == "normal":
        return Seen(picture, line, split, GOOD)
    if split == "train":
        findings.fix(picture, f"an anomaly in train ({where})", "the method learns from good ones")
    mask = root / values["mask"] if values["mask"] else None
    if mask is None:
        findings.fix(picture, f"the mask is missing ({where} names none)", "name it in the table")
    elif not mask.is_file():
        _report_missing(mask, f"the mask of {where} is missing", findings)
        mask = None
    return Seen(picture, line, split, ANOMALY, mask)


def _report_missing(path: Path, what: str, findings: Findings) -> None:
    if path.is_symlink():
        findings.fix(path, f"{what}: a link that points nowhere", "restore its target")
        return
    beside = path.parent.iterdir() if path.parent.is_dir() else ()
    alike = [p.name for p in beside if p.name.casefold() == path.name.casefold()]
    hint = f"rename {alike[0]} to {path.name}: they differ in case" if alike else "unpack again"
    findings.fix(path, what, hint)


def _report_unnamed_masks(root: Path, seen: list[Seen], findings: Findings) -> None:
    used = {one.mask for one in seen if one.mask}
    for folder in sorted({mask.parent for mask in used}):
        for path in sorted(folder.iterdir()):
            if path.is_file() and not path.name.startswith(".") and path not in used:
                findings.fix(
                    path, "a mask without a picture: no line names it", "add a line or remove it"
                )
