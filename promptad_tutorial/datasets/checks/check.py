"""Checking a dataset's folder: structure first, then every file, then the loader itself."""

from __future__ import annotations

from pathlib import Path

from promptad_tutorial.datasets import GOOD, open_dataset
from promptad_tutorial.datasets.checks.content import Seen, check_content
from promptad_tutorial.datasets.checks.findings import Findings
from promptad_tutorial.datasets.checks.mvtec import check_mvtec, looks_like_category
from promptad_tutorial.datasets.checks.plain_folder import check_plain_folder
from promptad_tutorial.datasets.checks.visa import check_visa
from promptad_tutorial.datasets.mvtec import is_category
from promptad_tutorial.datasets.visa import SPLIT_FILE
from promptad_tutorial.files.listing import existing_folder, list_folders

LAYOUTS = {"mvtec": check_mvtec, "visa": check_visa, "folder": check_plain_folder}
MIN_SIDE = 64  # pixels: below, a picture shows less than the patches of the smallest backbone


def check_dataset(
    root: str | Path, layout: str | None = None, min_side: int = MIN_SIDE, jobs: int = -1
) -> tuple[Findings, list[Seen]]:
    """Everything that is wrong with the dataset in `root`, and the pictures it has.

    `layout` is "mvtec", "visa" or "folder", by default what the folder looks most like. Pictures
    with a side of less than `min_side` pixels are too small. Nothing is changed.

    Raises FileNotFoundError or NotADirectoryError for no folder, ValueError for another layout.
    """
    folder = existing_folder(root, "a dataset")
    name = layout or recognise(folder)
    if name not in LAYOUTS:
        raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}; got {layout!r}")
    findings = Findings(folder)
    seen = LAYOUTS[name](folder, findings)
    check_content(seen, findings, min_side, jobs)
    if not findings.faults:
        _load(folder, findings)
    return findings, seen


def recognise(folder: Path) -> str:
    """The layout that a folder, perhaps a faulty one, looks most like."""
    if (folder / SPLIT_FILE.parent).is_dir():
        return "visa"
    if any(map(is_category, list_folders(folder))):
        return "mvtec"  # good pictures may lie beside the lines that were made of them
    if (folder / GOOD).is_dir():
        return "folder"
    if looks_like_category(folder) or any(map(looks_like_category, list_folders(folder))):
        return "mvtec"
    return "folder"


def _load(folder: Path, findings: Findings) -> None:
    """What the loaders refuse is a fault, whatever the checks above say."""
    try:
        dataset = open_dataset(folder)
        for name in dataset.product_lines:
            dataset.load(name)
    except (ValueError, OSError) as error:
        findings.fix(folder, f"does not open ({' '.join(str(error).split())})", "see the message")
