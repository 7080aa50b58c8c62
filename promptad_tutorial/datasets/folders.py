"""Folders of one class of pictures: what is in them, and which mask belongs to which picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from promptad_tutorial.datasets.findings import Findings
from promptad_tutorial.datasets.samples import GOOD, UNLABELLED, ProductLine, Sample
from promptad_tutorial.files.listing import describe_contents, list_folders, list_images, shorten
from promptad_tutorial.files.names import folded, good_name, nfc

MASK_ENDINGS = ("_mask", "_gt", "_label")


def good_folders(folder: Path, found: Findings) -> list[Path]:
    """The sub-folders of good pictures: good, Good, OK, normal, ...

    Two different words for good, as good/ and ok/, stop a loader: somebody has to say.
    """
    named = [f for f in list_folders(folder) if good_name(f.name)]
    if len({folded(f.name) for f in named}) > 1:
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
        if sub == truth:
            continue
        pictures = list_images(sub, found.fix)
        if not pictures:
            found.fix(sub, "an empty folder: no picture in it", "add pictures, or remove it")
        elif sub in good:
            masks = set(beside(pictures).values()) if truth is None else ()
            samples += [Sample(path, 0, GOOD) for path in pictures if path not in masks]
        elif sub.name.casefold() in (GOOD, UNLABELLED):
            found.fix(sub, "no name for a defect", "say what is wrong with them", ValueError)
        elif truth is None:
            samples += defect_samples(sub.name, pictures, beside(pictures).values(), found)
        else:
            own = folder_named(truth, sub.name)
            masks = () if own is None else _masks_in(own, found)
            samples += defect_samples(sub.name, pictures, masks, found)
    if not samples:
        found.fix(
            folder,
            f"no test pictures in good or <defect>, found {describe_contents(folder)}",
            "add pictures to score, or remove the folder",
            ValueError,
        )
    return samples


def _masks_in(folder: Path, found: Findings) -> list[Path]:
    several = [sub for sub in list_folders(folder) if list_images(sub, found.fix)]
    return [*several, *list_images(folder, found.fix)]


def folder_named(parent: Path, name: str) -> Path | None:
    """The sub-folder of this name; else the one whose name differs in accents' form or case."""
    folders = list_folders(parent) if parent.is_dir() else ()
    for key in (str, nfc, folded):
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
    defect: str, pictures: Sequence[Path], masks: Iterable[Path], found: Findings
) -> list[Sample]:
    """The samples of one defect, each with the one of the `masks` that is called as it is."""
    named = find_masks(masks)
    taken = set(named.values())
    samples: list[Sample] = []
    owners: dict[Path, Path] = {}
    for path in pictures:
        if path in taken:
            continue
        stem = nfc(path.stem)
        mask = named.get(stem)
        if mask is None:  # as a last resort without regard to case, where that is unambiguous
            alike = [m for s, m in named.items() if s.casefold() == stem.casefold()]
            mask = alike[0] if len(alike) == 1 else None
        samples.append(Sample(path, 1, defect, mask))
        if mask is not None and owners.setdefault(mask, path) != path:
            what = f"shares its mask with {owners[mask].name}"
            found.fix(path, what, "rename one of the two, and its mask")
    return samples


def beside(pictures: Sequence[Path]) -> dict[str, Path]:
    """The masks that lie beside their pictures, by the stem of these: `a_mask.png` of `a.jpg`."""
    stems = {nfc(path.stem) for path in pictures}
    named = {p: without_ending(nfc(p.stem)) for p in pictures}
    return {bare: p for p, bare in named.items() if bare != nfc(p.stem) and bare in stems}


def report_missing_masks(line: ProductLine, expected: str, found: Findings) -> None:
    """The defects without a mask, which stop a loader that needs masks."""
    defects = [s for s in line.test if s.label == 1]
    missing = [s for s in defects if s.mask is None]
    if missing:
        which = shorten([f"{s.defect}/{s.image.name}" for s in missing])
        found.fix(
            missing[0].image.parent,
            f"{len(missing)} of {len(defects)} anomalous images of {line.name!r} have no mask: "
            f"{which}. Expected {expected}",
            "add the masks, or pass require_masks=False to go without pixel-level figures",
            FileNotFoundError,
        )
