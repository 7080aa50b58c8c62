"""Faults in the MVTec AD layout (see `datasets.mvtec`), and the pictures that it has."""

from __future__ import annotations

from pathlib import Path

from promptad_tutorial.datasets.checks.content import Seen
from promptad_tutorial.datasets.checks.contents import (
    Contents,
    look_inside,
    missing_folder,
    report_extra,
    report_stray_folders,
    report_stray_pictures,
)
from promptad_tutorial.datasets.checks.findings import Findings
from promptad_tutorial.datasets.masks import find_masks
from promptad_tutorial.datasets.mvtec import has_masks, is_category
from promptad_tutorial.datasets.samples import GOOD

PARTS = ("train", "test", "ground_truth")


def looks_like_category(folder: Path) -> bool:
    """Whether a folder was meant as a category: it has one of the parts, in any letter case."""
    return any(p.name.casefold() in PARTS and p.is_dir() for p in folder.iterdir())


def check_mvtec(root: Path, findings: Findings) -> list[Seen]:
    """Report the faults of every category in `root`, or of `root` if it is one itself."""
    if is_category(root) or looks_like_category(root):
        return _check_category(root, findings, has_masks(root))
    inside = look_inside(root, findings)
    report_extra(inside, findings)
    report_stray_pictures(inside.pictures, root, "<category>/train/good", findings)
    categories = [f for f in inside.folders if looks_like_category(f)]
    masked = any(map(has_masks, categories))
    others = [f for f in inside.folders if f not in categories]
    report_stray_folders(others, f"{root.name}/<category>/train/good", findings)
    if not categories:
        findings.fix(root, "no category", "expected <category>/train/good and <category>/test")
    return [one for folder in categories for one in _check_category(folder, findings, masked)]


def _check_category(folder: Path, findings: Findings, masked: bool) -> list[Seen]:
    """`masked`: whether any category of the dataset has masks; own pictures may have none."""
    inside = look_inside(folder, findings)
    report_extra(inside, findings)
    report_stray_pictures(inside.pictures, folder, "train/good or test/<defect>", findings)
    report_stray_folders(
        [f for f in inside.folders if f.name.casefold() not in PARTS], "train or test", findings
    )
    train, test = inside.folder_named("train"), inside.folder_named("test")
    seen: list[Seen] = []
    if train is None:
        missing_folder(inside, "train", "with good pictures in train/good", findings)
    else:
        seen += _check_train(folder.name, look_inside(train, findings), findings)
    if test is None:
        missing_folder(inside, "test", "with pictures in test/good and test/<defect>", findings)
    else:
        seen += _check_test(inside, look_inside(test, findings), findings, masked)
    return seen


def _check_train(line: str, train: Contents, findings: Findings) -> list[Seen]:
    report_extra(train, findings)
    report_stray_pictures(train.pictures, train.folder, "train/good", findings)
    good = train.folder_named(GOOD)
    others = [f for f in train.folders if f.name.casefold() != GOOD]
    report_stray_folders(others, "train/good if they are good", findings)
    if good is None:
        missing_folder(train, GOOD, "with the pictures to learn from", findings)
        return []
    return [Seen(path, line, "train", GOOD) for path in _filled(good, findings)]


def _check_test(category: Contents, test: Contents, findings: Findings, masked: bool) -> list[Seen]:
    line, truth = category.folder.name, category.folder_named("ground_truth")
    report_extra(test, findings)
    report_stray_pictures(test.pictures, test.folder, "test/good or test/<defect>", findings)
    if test.folder_named(GOOD) is None:
        missing_folder(test, GOOD, "with good pictures to compare with", findings)
    defects = [f for f in test.folders if f.name.casefold() != GOOD]
    if defects and not masked:
        findings.note(
            category.folder,
            "no masks at all, so figures at pixel level are not available",
            "nothing to do for image scores; else add ground_truth/<defect>/<name>_mask.png",
        )
        truth = None
    elif defects and truth is None:
        missing_folder(category, "ground_truth", "with the masks of the defects", findings)
    if not defects:
        findings.note(test.folder, "no folder of a defect", "add test/<defect> to measure anything")
    seen: list[Seen] = []
    for folder in test.folders:
        pictures = _filled(folder, findings)
        if folder.name.casefold() == GOOD:
            seen += [Seen(path, line, "test", GOOD) for path in pictures]
        elif truth is None:
            seen += [Seen(path, line, "test", folder.name) for path in pictures]
        else:
            seen += match_masks(line, folder.name, pictures, truth / folder.name, findings)
    if truth is not None:
        _check_truth(look_inside(truth, findings), {f.name for f in test.folders}, findings)
    return seen


def match_masks(
    line: str, defect: str, pictures: tuple[Path, ...], folder: Path, findings: Findings
) -> list[Seen]:
    """Every picture of a defect with its mask; what has no partner is reported."""
    inside = look_inside(folder, findings) if folder.is_dir() else Contents(folder)
    report_extra(inside, findings)
    # `find_masks` stops at a link to nowhere, which has been reported by now
    masks = find_masks(folder) if _whole(folder) else {}
    seen = [Seen(path, line, "test", defect, masks.get(path.stem)) for path in pictures]
    for one in seen:
        if one.mask is None:
            findings.fix(
                one.picture,
                "the mask is missing",
                f"add {findings.name(folder)}/{one.picture.stem}_mask.png",
            )
    used = {one.mask for one in seen}
    for path in inside.pictures:
        if path not in used:
            findings.fix(path, "a mask without a picture", "add the picture or remove the mask")
    stems: dict[str, Path] = {}
    for path in pictures:
        if path.stem in stems:
            findings.fix(
                path, f"shares its mask with {stems[path.stem].name}", "rename one of the two"
            )
        stems.setdefault(path.stem, path)
    return seen


def _check_truth(truth: Contents, defects: set[str], findings: Findings) -> None:
    report_extra(truth, findings)
    report_stray_pictures(truth.pictures, truth.folder, "ground_truth/<defect>", findings)
    for folder in truth.folders:
        if folder.name not in defects:
            findings.fix(
                folder,
                f"masks of {folder.name}, which has no folder in test",
                "add the pictures, or give both folders the same name",
            )


def _filled(folder: Path, findings: Findings) -> tuple[Path, ...]:
    inside = look_inside(folder, findings)
    report_extra(inside, findings)
    report_stray_folders(inside.folders, f"{folder.name} itself", findings)
    if not inside.pictures:
        findings.fix(folder, "an empty folder: no picture in it", "add pictures, or remove it")
    return inside.pictures


def _whole(folder: Path) -> bool:
    return folder.is_dir() and all(path.exists() for path in folder.iterdir())
