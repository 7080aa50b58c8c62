"""Faults in a plain folder (see `datasets.plain_folder`): good/ and test/, or pictures alone."""

from __future__ import annotations

from pathlib import Path

from promptad_tutorial.datasets.checks.content import Seen
from promptad_tutorial.datasets.checks.contents import (
    look_inside,
    missing_folder,
    report_extra,
    report_stray_folders,
    report_stray_pictures,
)
from promptad_tutorial.datasets.checks.findings import Findings
from promptad_tutorial.datasets.samples import GOOD, UNLABELLED


def check_plain_folder(root: Path, findings: Findings) -> list[Seen]:
    """Report the faults of a folder with `good/` and optionally `test/`, or of good pictures."""
    inside = look_inside(root, findings)
    report_extra(inside, findings)
    good, test = inside.folder_named(GOOD), inside.folder_named("test")
    if good is None:
        if inside.folders or not inside.pictures:
            missing_folder(inside, GOOD, "with good pictures", findings)
        return [Seen(path, root.name, "train", GOOD) for path in inside.pictures]
    report_stray_pictures(inside.pictures, root, "good or test/<defect>", findings)
    others = [f for f in inside.folders if f not in (good, test)]
    report_stray_folders(others, "test/<defect>", findings)
    learnt = look_inside(good, findings)
    report_extra(learnt, findings)
    report_stray_folders(learnt.folders, "good itself", findings)
    if not learnt.pictures:
        findings.fix(good, "an empty folder: no picture in it", "add good pictures")
    seen = [Seen(path, root.name, "train", GOOD) for path in learnt.pictures]
    return seen if test is None else seen + _check_test(root.name, test, findings)


def _check_test(line: str, test: Path, findings: Findings) -> list[Seen]:
    inside = look_inside(test, findings)
    report_extra(inside, findings)
    if inside.pictures and inside.folders:
        findings.fix(test, "pictures beside folders", "move them into test/good or test/<defect>")
    seen = [Seen(path, line, "test", UNLABELLED) for path in inside.pictures]
    if not inside.pictures and not inside.folders:
        findings.fix(test, "an empty folder: nothing to score", "add pictures, or remove it")
    for folder in inside.folders:
        found = look_inside(folder, findings)
        report_extra(found, findings)
        report_stray_folders(found.folders, f"{folder.name} itself", findings)
        if not found.pictures:
            findings.fix(folder, "an empty folder: no picture in it", "add pictures, or remove it")
        defect = GOOD if folder.name.casefold() == GOOD else folder.name
        seen += _with_masks(line, defect, found.pictures, findings)
    return seen


def _with_masks(line: str, defect: str, files: tuple[Path, ...], findings: Findings) -> list[Seen]:
    stems = {path.stem for path in files}
    masks = {p.stem.removesuffix("_mask"): p for p in files if p.stem.endswith("_mask")}
    for stem, path in masks.items():
        if stem not in stems:
            findings.fix(path, "a mask without a picture", "add the picture or remove the mask")
    pictures = [p for p in files if p not in masks.values()]
    if defect == GOOD:
        return [Seen(path, line, "test", GOOD) for path in pictures]
    if masks:
        for path in pictures:
            if path.stem not in masks:
                findings.fix(
                    path, "the mask is missing, others have one", f"add {path.stem}_mask.png"
                )
    return [Seen(path, line, "test", defect, masks.get(path.stem)) for path in pictures]
