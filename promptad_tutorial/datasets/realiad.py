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

from promptad_tutorial.datasets.findings import Findings
from promptad_tutorial.datasets.samples import GOOD, ProductLine, Sample
from promptad_tutorial.files.listing import existing, list_folders, natural_key, shorten, visible
from promptad_tutorial.files.names import good_name


def lines(root: Path, found: Findings) -> tuple[str, ...] | None:
    """The classes that have a JSON as of Real-IAD, in natural order."""
    return tuple(sorted(_tables(root), key=natural_key)) or None


def read(root: Path, name: str, found: Findings) -> tuple[ProductLine, bool]:
    """One class as its JSON says. Every defect must have a mask."""
    path = _tables(root)[name]
    places = [root, *(f for f in list_folders(root) if f.name.casefold().startswith("realiad"))]
    split: dict[str, list[Sample]] = {"train": [], "test": []}
    try:
        table = json.loads(path.read_text(encoding="utf-8-sig"))
        prefix, normal = table["meta"]["prefix"], table["meta"]["normal_class"]
        for part, samples in split.items():
            for row in table[part]:
                kind, mask = row["anomaly_class"], None
                picture = _below(places, prefix + row["image_path"])
                if kind == normal or good_name(kind):
                    samples.append(Sample(picture, 0, GOOD))
                    continue
                if row.get("mask_path"):
                    mask = _below(places, prefix + row["mask_path"])
                samples.append(Sample(picture, 1, kind, mask if mask and mask.is_file() else None))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"not as Real-IAD writes it ({type(error).__name__}: {error})"
        found.fix(path, what, "take it from the dataset again", ValueError)
    every = [one.image for samples in split.values() for one in samples]
    lost = [image for image in every if not image.is_file()]
    if lost:
        found.fix(
            path,
            f"{len(lost)} of {len(every)} pictures are not there "
            f"({shorten([p.name for p in lost], 3)}), looked for at {lost[0]}",
            "unpack the pictures beside the JSON files, as realiad_1024/<class>",
            FileNotFoundError,
        )
    train = tuple(one for one in split["train"] if one.label == 0)
    return ProductLine(name, root, train, tuple(split["test"])), True


def _below(places: list[Path], relative: str) -> Path:
    """A path of the JSON, in the first of the folders that has it."""
    paths = [existing(folder, relative) for folder in places]
    return next((path for path in paths if path.is_file()), paths[-1])


def _tables(root: Path) -> dict[str, Path]:
    folders = [root, *(f for f in list_folders(root) if "json" in f.name.casefold())]
    folders += [f for one in folders[1:] for f in list_folders(one)]
    files = [p for folder in folders for p in visible(folder) if p.suffix.casefold() == ".json"]
    return {p.stem: p for p in files if _says_so(p)}


def _says_so(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(600)
    return b'"normal_class"' in start and b'"prefix"' in start
