"""Writing a planned layout: all of it, in one move at the end, or nothing."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

from tqdm.auto import tqdm

from promptad_tutorial.datasets.mvtec import is_category
from promptad_tutorial.datasets.own.plan import Plan
from promptad_tutorial.datasets.samples import GOOD
from promptad_tutorial.datasets.visa import SPLIT_FILE
from promptad_tutorial.files.names import good_name

NOTE = "init_data.json"  # in the category: where every file came from, and the seed
RESERVED = ("train", "test", "ground_truth", GOOD)
FORBIDDEN = '<>:"/\\|?*'  # in names, on one system or another


def check_place(root: Path, name: str) -> Path:
    """The folder of the category to write. Nothing is made.

    Raises ValueError for a name that cannot be one, FileExistsError for a category that is there
    already, and ValueError or NotADirectoryError for a root that cannot hold categories.
    """
    wrong = [c for c in name if c in FORBIDDEN or not c.isprintable()]
    if not name.strip() or name != name.strip() or name.startswith(".") or name.endswith("."):
        raise ValueError(f"--name must be the name of a product, such as 'metal nut', got {name!r}")
    if wrong or name.casefold() in RESERVED or good_name(name):
        raise ValueError(
            f"--name cannot be {name!r}: it must be none of {', '.join(RESERVED)} and without any "
            f"of {FORBIDDEN}"
        )
    root = Path(os.path.abspath(root.expanduser()))
    if root.exists() and not root.is_dir():
        raise NotADirectoryError(f"--out must be a folder, found a file: {root}")
    if root.is_dir() and (is_category(root) or (root / SPLIT_FILE).exists()):
        raise ValueError(
            f"{root} is a category or a dataset of another layout itself: give the folder that "
            "holds the categories, or a new one, as --out"
        )
    folder = root / name
    if os.path.lexists(folder):
        raise FileExistsError(
            f"{folder} is there already, and nothing in it is replaced: choose another --name or "
            "--out, or remove it"
        )
    return folder


def lay_out(plan: Plan, root: Path, name: str, seed: int = 0, link: bool = False) -> Path:
    """Copy every file of the plan, or link to it, into `root`/`name`; the sources stay as they are.

    It is made beside its place under a hidden name and moved there when it is whole. Returns the
    category's folder. Raises what `check_place` raises, and OSError for a full disk or a system
    that cannot link.
    """
    folder = check_place(root, name)
    made = not folder.parent.exists()
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=".part"))
    try:
        for place, source in tqdm(plan.files, "pictures", leave=False):
            target = part / place
            target.parent.mkdir(parents=True, exist_ok=True)
            if link:
                target.symlink_to(source.resolve())
            else:
                shutil.copyfile(source, target)
        note = {
            "seed": seed,
            "links": link,
            "files": {place.as_posix(): str(source) for place, source in plan.files},
            "left_out_copies": [str(path) for path in plan.copies],
        }
        (part / NOTE).write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")
        part.chmod(0o755)  # mkdtemp lets the owner in alone
        if os.path.lexists(folder):
            raise FileExistsError(f"{folder} was made by somebody else meanwhile")
        os.rename(part, folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        if made:
            folder.parent.rmdir()
        raise
    return folder
