"""The layout of Real-IAD: one JSON for each class names the pictures, their splits and masks.

<root>/realiad_jsons/audiojack.json
    {"meta": {"normal_class": "OK", "prefix": "audiojack/"},
     "train": [{"category": ..., "anomaly_class": "OK", "image_path": "OK/S0001/...jpg",
                "mask_path": null}], "test": [...]}
<root>/realiad_1024/audiojack/OK/S0001/...jpg   (or <root>/audiojack/...)
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from promptad_tutorial.datasets.findings import Findings
from promptad_tutorial.datasets.samples import GOOD, Sample
from promptad_tutorial.files.listing import existing, list_folders, natural_key, shorten, visible
from promptad_tutorial.files.names import good_name


def realiad_classes(root: Path) -> tuple[str, ...]:
    """The classes that have a JSON, in natural order; none where this is no Real-IAD."""
    return tuple(sorted(_tables(root), key=natural_key))


def read_realiad(root: Path, name: str, found: Findings) -> tuple[list[Sample], list[Sample]]:
    """Training and test samples of one class. Reads its JSON, no image."""
    path = _tables(root)[name]
    try:
        table = json.loads(path.read_text(encoding="utf-8-sig"))
        prefix, normal = table["meta"]["prefix"], table["meta"]["normal_class"]
        rows = [(part, row) for part in ("train", "test") for row in table[part]]
        samples = [(part, _sample(root, prefix, normal, row)) for part, row in rows]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"not as Real-IAD writes it ({type(error).__name__}: {error})"
        found.fix(path, what, "take it from the dataset again", ValueError)
        return [], []
    lost = [one.image for _, one in samples if not one.image.is_file()]
    if lost:
        found.fix(
            path,
            f"{len(lost)} of {len(samples)} pictures are not there "
            f"({shorten([p.name for p in lost], 3)}), looked for at {lost[0]}",
            "unpack the pictures beside the JSON files, as realiad_1024/<class>",
            FileNotFoundError,
        )
    train = [one for part, one in samples if part == "train" and one.label == 0]
    return train, [one for part, one in samples if part == "test"]


def _sample(root: Path, prefix: str, normal: str, row: dict[str, Any]) -> Sample:
    kind = row["anomaly_class"]
    picture = _below(root, prefix + row["image_path"])
    if kind == normal or good_name(kind):
        return Sample(picture, 0, GOOD)
    mask = _below(root, prefix + row["mask_path"]) if row.get("mask_path") else None
    return Sample(picture, 1, kind, mask if mask and mask.is_file() else None)


def _below(root: Path, relative: str) -> Path:
    """A path of the JSON, in the root or in one of its realiad_ folders."""
    folders = [f for f in list_folders(root) if f.name.casefold().startswith("realiad")]
    places = [existing(folder, relative) for folder in (root, *folders)]
    return next((place for place in places if place.is_file()), places[-1])


def _tables(root: Path) -> dict[str, Path]:
    folders = [root, *(f for f in list_folders(root) if "json" in f.name.casefold())]
    folders += [f for one in folders[1:] for f in list_folders(one)]
    files = [p for folder in folders for p in visible(folder) if p.suffix.casefold() == ".json"]
    return {p.stem: p for p in files if _says_so(p)}


def _says_so(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(600)
    return b'"normal_class"' in start and b'"prefix"' in start
