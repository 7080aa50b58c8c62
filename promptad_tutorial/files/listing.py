"""Listing files so that the result never depends on the file system: filtered, in natural order."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from promptad_tutorial.files.names import folded, is_hidden, kind_of, nfc, same_name

IMAGE_SUFFIXES = (".png", ".jpg", ".bmp", ".tif", ".webp")  # the usual ones, for messages

Report = Callable[[Path, str, str, type[Exception]], None]


def natural_key(name: str) -> tuple[tuple[str | int, ...], str]:
    """Sort key in which `2.png` comes before `10.png`, the same on every file system.

    Letter case is ignored first and decides last; accents in either Unicode form are one.

    >>> sorted(["10.png", "2.png", "B.png", "a.png"], key=natural_key)
    ['2.png', '10.png', 'a.png', 'B.png']
    """
    # re.split with a group alternates text, digits, text: str is compared with str, int with int
    pieces = re.split(r"(\d+)", folded(name))
    return tuple(int(p) if i % 2 else p for i, p in enumerate(pieces)), nfc(name)


def path_key(path: Path) -> tuple[tuple[tuple[str | int, ...], str], ...]:
    """`natural_key` of every part of a path: a common root folder never changes the order."""
    return tuple(natural_key(part) for part in path.parts)


def existing_folder(folder: str | Path, role: str) -> Path:
    """The absolute path of a folder that exists; `~` is expanded, links are kept.

    Raises `FileNotFoundError` or `NotADirectoryError`, naming the folder's `role`.
    """
    path = Path(os.path.abspath(Path(folder).expanduser()))
    if not path.exists():
        raise FileNotFoundError(f"expected {role} at {path}, found nothing there: check the path")
    if not path.is_dir():
        raise NotADirectoryError(f"expected {role} at {path}, found a file: give the folder")
    return path


def visible(folder: Path) -> tuple[Path, ...]:
    """Everything in a folder that is not the system's own, in natural order."""
    return tuple(sorted((p for p in folder.iterdir() if not is_hidden(p)), key=path_key))


def list_folders(folder: Path) -> tuple[Path, ...]:
    """The visible sub-folders (links to folders included), in natural order."""
    return tuple(p for p in visible(folder) if p.is_dir())


def _refuse(path: Path, what: str, remedy: str, stops: type[Exception]) -> None:
    raise stops(f"{path} {what}: {remedy}")


def list_images(folder: Path, report: Report = _refuse) -> tuple[Path, ...]:
    """The image files directly in a folder, in natural order; what is no image is ignored.

    What people count as an image and nobody can read is never passed over in silence: a link to
    nowhere is a `FileNotFoundError`, and a kind that Pillow cannot open here a `ValueError`, unless
    `report` does something else with (path, what, remedy, error).
    """
    found, unreadable = [], []
    for path in visible(folder):
        kind = kind_of(path)
        if kind == "other" or path.is_dir():
            continue
        if not path.exists():
            what = f"is a link to {os.readlink(path)}, which is not there"
            report(path, what, "restore the target or remove the link", FileNotFoundError)
        elif kind == "unreadable":
            unreadable.append(path.name)
        else:
            found.append(path)
    if unreadable:
        what = f"has {len(unreadable)} pictures of a kind that cannot be read here"
        remedy = "save them as PNG (.heic is read with pillow-heif installed), or take them out"
        report(folder, f"{what} ({shorten(unreadable)})", remedy, ValueError)
    return tuple(found)


def folders_below(
    root: Path, leave_out: Path | None = None, unopened: Callable[[OSError], None] | None = None
) -> Iterator[Path]:
    """A folder and every visible one below it, links included, but each once, as for a link in a
    circle. Nothing under `leave_out`; of one that cannot be opened `unopened` is told.
    """
    seen = set() if leave_out is None else {os.path.realpath(leave_out)}
    for here, folders, _ in os.walk(root, onerror=unopened, followlinks=True):
        real = os.path.realpath(here)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        yield Path(here)


def files_below(root: Path, leave_out: Path | None = None) -> tuple[Path, ...]:
    """Every visible file in a folder and below it, in natural order of its parts; links to nowhere
    are listed. See `folders_below`.
    """
    folders = folders_below(root, leave_out)
    found = [path for folder in folders for path in visible(folder) if not path.is_dir()]
    return tuple(sorted(found, key=lambda path: path_key(path.relative_to(root))))


def pictures_below(folder: str | Path, leave_out: Path | None = None) -> tuple[Path, ...]:
    """The files below a folder, see `files_below`, that are called pictures.

    Listed too are a link to nowhere and what people call a picture but nobody can read here:
    whoever reads it finds the fault, and it does not pass as good.

    Raises FileNotFoundError or NotADirectoryError for no folder, ValueError for no picture in it.
    """
    root = existing_folder(folder, "a folder of pictures")
    files = files_below(root, leave_out)
    found = tuple(p for p in files if kind_of(p) in ("picture", "unreadable"))
    if not found:
        raise ValueError(
            f"expected pictures ({', '.join(IMAGE_SUFFIXES)}, ...) in {root} or its sub-folders, "
            f"found {describe_contents(root)}"
        )
    return found


def existing(root: Path, relative: str) -> Path:
    """`root`/`relative`, or what is there under a name with its accents in the other form (NFD).

    Where nothing is there it is `root`/`relative` all the same.
    """
    path = root / relative
    if path.exists():
        return path
    here = root
    for part in Path(relative).parts:
        alike = visible(here) if here.is_dir() and not (here / part).exists() else ()
        here = next((p for p in alike if same_name(p.name, part)), here / part)
    return here if here.exists() else path


def describe_contents(folder: Path) -> str:
    """What a folder holds, in a few words for an error message."""
    names = [p.name + "/" * p.is_dir() for p in sorted(folder.iterdir(), key=path_key)]
    return shorten(names) or "an empty folder"


def shorten(names: Sequence[str], limit: int = 6) -> str:
    """The first `limit` names, comma separated, and how many more there are."""
    more = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {more} more" if more > 0 else "")


def check_known(name: str, known: Sequence[str], role: str, root: Path) -> None:
    """Raise a `ValueError` that lists the `known` names, closest first, if `name` is not one."""
    if name in known:
        return
    by_folded = {folded(k): k for k in known}
    close = difflib.get_close_matches(folded(name), by_folded, n=1)
    hint = f" Did you mean {by_folded[close[0]]!r}?" if close else ""
    listed = ", ".join(known) or "none"
    raise ValueError(f"no {role} {name!r} in {root}; there are: {listed}.{hint}")
