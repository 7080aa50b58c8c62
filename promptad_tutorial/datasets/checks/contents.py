"""What a folder holds, sorted into kinds; faults that any folder can have are reported here."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from promptad_tutorial.datasets.checks.findings import Findings
from promptad_tutorial.files.listing import IMAGE_SUFFIXES, path_key, shorten


@dataclass(frozen=True)
class Contents:
    """The visible entries of a folder, in natural order."""

    folder: Path
    folders: tuple[Path, ...] = ()  # links to folders included
    pictures: tuple[Path, ...] = ()  # files with a picture's suffix
    extra: tuple[Path, ...] = ()  # other files

    def folder_named(self, name: str) -> Path | None:
        """The sub-folder of exactly this name."""
        return next((f for f in self.folders if f.name == name), None)


def look_inside(folder: Path, findings: Findings) -> Contents:
    """Sort what `folder` holds; hidden files are passed over, as the loaders do.

    Reports links that point nowhere, names that differ in letter case alone, and a folder that
    cannot be opened.
    """
    try:
        entries = sorted(folder.iterdir(), key=path_key)
    except OSError as error:
        findings.fix(folder, f"cannot be opened ({error.strerror})", "give read permission")
        return Contents(folder)
    visible = [path for path in entries if not path.name.startswith(".")]
    _report_names(folder, visible, findings)
    folders, pictures, extra = [], [], []
    for path in visible:
        if path.is_symlink() and not path.exists():
            findings.fix(
                path,
                f"a link to {os.readlink(path)}, which is not there",
                "restore the target or remove the link",
            )
        elif path.is_dir():
            folders.append(path)
        elif path.suffix.lower() in IMAGE_SUFFIXES:
            pictures.append(path)
        else:
            extra.append(path)
    return Contents(folder, tuple(folders), tuple(pictures), tuple(extra))


def report_extra(contents: Contents, findings: Findings) -> None:
    """Files that are no pictures: a dataset's readme and licence are such, so they are no fault."""
    if contents.extra:
        names = shorten([path.name for path in contents.extra])
        findings.note(contents.folder, f"extra files ({names})", "nothing to do: they are ignored")


def report_stray_pictures(
    pictures: Sequence[Path], folder: Path, where: str, findings: Findings
) -> None:
    """Pictures where no loader looks: whoever put them there believes that they count."""
    if pictures:
        names = shorten([path.name for path in pictures])
        findings.fix(
            folder,
            f"{len(pictures)} pictures that nothing reads ({names})",
            f"move them into {where}, or take them out",
        )


def report_stray_folders(
    folders: Sequence[Path], where: str, findings: Findings, depth: int = 3
) -> None:
    """Sub-folders where no loader looks: a fault if they hold pictures."""
    for folder in folders:
        pictures = _pictures_below(folder, depth)
        if pictures:
            report_stray_pictures(pictures, folder, where, findings)
        else:
            findings.note(folder, "an extra folder", "nothing to do: it is ignored")


def missing_folder(contents: Contents, name: str, why: str, findings: Findings) -> None:
    """Report that the sub-folder `name` is missing, and what may have been meant by it."""
    alike = [f.name for f in contents.folders if f.name.casefold() == name.casefold()]
    remedy = f"rename {alike[0]} to {name}" if alike else f"add {name}/, {why}"
    what = f"no folder {name}" + (f", but {alike[0]}, which differs in case" if alike else "")
    findings.fix(contents.folder, what, remedy)


def _report_names(folder: Path, paths: Sequence[Path], findings: Findings) -> None:
    alike: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        alike[path.name.casefold()].append(path.name)
    for names in alike.values():
        if len(names) > 1:
            findings.fix(
                folder,
                f"names that differ in case alone ({', '.join(names)})",
                "rename one: on Windows and macOS they are the same file",
            )


def _pictures_below(folder: Path, depth: int) -> list[Path]:
    """The pictures in a folder and a few levels below it; links are not followed."""
    found: list[Path] = []
    for here, folders, names in os.walk(folder):
        level = len(Path(here).relative_to(folder).parts)
        folders[:] = [] if level >= depth else [f for f in folders if not f.startswith(".")]
        found += [
            Path(here, n)
            for n in names
            if not n.startswith(".") and Path(n).suffix.lower() in IMAGE_SUFFIXES
        ]
    return sorted(found, key=path_key)
