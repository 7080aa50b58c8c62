"""Folders of one class of pictures: what is in them, and which mask belongs to which picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from promptad_tutorial.datasets.findings import Findings
from promptad_tutorial.datasets.samples import GOOD, UNLABELLED, Sample
from promptad_tutorial.files.listing import describe_contents, list_folders, list_images, shorten
from promptad_tutorial.files.names import good_name, nfc

MASK_ENDINGS = ("_mask", "_gt", "_label")


def good_folders(folder: Path, found: Findings) -> list[Path]:
    """The sub-folders of good pictures: good, Good, OK, normal, ...

    Two different words for good, as good/ and ok/, stop a loader: somebody has to say.
    """
    named = [f for f in list_folders(folder) if good_name(f.name)]
    if len({nfc(f.name).casefold() for f in named}) > 1:
        found.fix(
            folder,
            f"two folders that may both hold good pictures ({shorten([f.name for f in named])})",
            "are they all good? put them into one, or name the other after what is wrong with them",
            ValueError,
        )
    elif named and named[0].name.casefold() != GOOD:
        found.note(named[0], f"{named[0].name} counts as {GOOD}", "rename it if it is a defect")
    return named


def read_good(folder: Path, role: str, found: Findings) -> list[Sample]:
    """The samples of a folder of good pictures; an empty one stops a loader."""
    pictures = list_images(folder, found.fix)
    if not pictures:
        found.fix(
            folder,
            f"an empty folder: no picture in it, {role}; found {describe_contents(folder)}",
            "add pictures",
            ValueError,
        )
    return [Sample(path, 0, GOOD) for path in pictures]


def read_test(folder: Path, truth: Path | None, found: Findings) -> list[Sample]:
    """The samples of the test folders `good` and one for each defect; masks are in
    `truth`/<defect>, or beside their pictures where there is no `truth`.
    """
    good = good_folders(folder, found)
    samples: list[Sample] = []
    for sub in list_folders(folder):
        if truth is not None and sub == truth:
            continue
        pictures = list_images(sub, found.fix)
        if not pictures:
            found.fix(sub, "an empty folder: no picture in it", "add pictures, or remove it")
        elif sub in good:
            masks = beside(pictures).values() if truth is None else ()
            samples += [Sample(path, 0, GOOD) for path in pictures if path not in masks]
        elif sub.name.casefold() in (GOOD, UNLABELLED):
            found.fix(sub, "no name for a defect", "say what is wrong with them", ValueError)
        else:
            own = None if truth is None else folder_named(truth, sub.name) or truth / sub.name
            samples += defect_samples(sub.name, pictures, own, found)
    if not samples:
        found.fix(
            folder,
            f"no test pictures in good or <defect>, found {describe_contents(folder)}",
            "add pictures to score, or remove the folder",
            ValueError,
        )
    return samples


def folder_named(parent: Path, name: str) -> Path | None:
    """The sub-folder of this name; else the one whose name differs in accents' form or case."""
    folders = list_folders(parent) if parent.is_dir() else ()
    for key in (str, nfc, lambda text: nfc(text).casefold()):
        alike = [f for f in folders if key(f.name) == key(name)]
        if alike:
            return alike[0]
    return None


def find_masks(paths: Iterable[Path]) -> dict[str, Path]:
    """Masks by the stem (NFC) of their picture: `000_mask.png`, `000_GT.png` or `000.png`; LOCO's
    folders `000/` of several masks count as one. Where two are there, the one that says so wins.
    """
    plain: dict[str, Path] = {}
    said: dict[str, Path] = {}
    for path in paths:
        stem = nfc(path.name if path.is_dir() else path.stem)
        bare = without_ending(stem)
        plain[stem] = path
        if bare != stem:
            said[bare] = path
    return plain | said


def without_ending(stem: str) -> str:
    """The stem of a mask's picture: `000` of `000_mask`; other stems stay."""
    for ending in MASK_ENDINGS:
        if stem.casefold().endswith(ending) and len(stem) > len(ending):
            return stem[: -len(ending)]
    return stem


def defect_samples(
    defect: str, pictures: Sequence[Path], truth: Path | None, found: Findings
) -> list[Sample]:
    """The samples of one defect, with the masks in the folder `truth`, or beside the pictures."""
    if truth is not None:
        folders = list_folders(truth) if truth.is_dir() else ()
        files = list_images(truth, found.fix) if truth.is_dir() else ()
        masks = find_masks([*folders, *files])
    else:
        masks = beside(pictures)
        pictures = [p for p in pictures if p not in masks.values()]
    samples = []
    stems: dict[str, list[Path]] = defaultdict(list)
    for path in pictures:
        stem = nfc(path.stem)
        mask = masks.get(stem)
        if mask is None:  # as a last resort without regard to case, where that is unambiguous
            alike = [m for s, m in masks.items() if s.casefold() == stem.casefold()]
            mask = alike[0] if len(alike) == 1 else None
        samples.append(Sample(path, 1, defect, mask))
        stems[stem].append(path)
    for one, *others in stems.values():
        if others and masks:
            found.fix(
                others[0], f"shares its mask with {one.name}", "rename one of the two, and its mask"
            )
    return samples


def beside(pictures: Sequence[Path]) -> dict[str, Path]:
    """The masks that lie beside their pictures, by the stem of these: `a_mask.png` of `a.jpg`."""
    stems = {nfc(path.stem) for path in pictures}
    named = {p: without_ending(nfc(p.stem)) for p in pictures}
    return {bare: p for p, bare in named.items() if bare != nfc(p.stem) and bare in stems}
