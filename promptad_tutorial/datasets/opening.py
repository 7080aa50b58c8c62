"""Opening a dataset whose layout is recognised from its folders."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from promptad_tutorial.datasets.mvtec import has_masks, is_category, list_categories, load_mvtec
from promptad_tutorial.datasets.plain_folder import load_folder
from promptad_tutorial.datasets.samples import GOOD, ProductLine
from promptad_tutorial.datasets.visa import SPLIT_FILE, list_objects, load_visa
from promptad_tutorial.files.carried import carried
from promptad_tutorial.files.listing import (
    check_known,
    describe_contents,
    existing_folder,
    list_folders,
    list_images,
)

ENVIRONMENT_VARIABLE = "PROMPTAD_DATA"
DEFAULT_DATA = Path("data") / "minifactory"


@dataclass(frozen=True)
class Dataset:
    """A dataset on disk: where it is, how it is laid out, and the product lines it has."""

    root: Path  # what was opened
    layout: str  # "mvtec", "visa" or "folder"
    product_lines: tuple[str, ...]  # names for `load`, in natural order

    def load(self, name: str, *, require_masks: bool | None = None) -> ProductLine:
        """The product line `name`.

        `require_masks` is by default True for VisA, True for a category in the layout of MVTec AD
        that has any mask (so one that lacks is an error) and False where there is none at all, as
        in a plain folder: then figures at pixel level cannot be had, and are NaN.

        Raises `ValueError` for an unknown name, and what the layout's own loader raises.
        """
        check_known(name, self.product_lines, "product line", self.root)
        masks = bool(require_masks)
        if self.layout == "visa":
            return load_visa(self.root, name, require_masks=require_masks is None or masks)
        if self.layout == "mvtec":
            root = self.root.parent if is_category(self.root) else self.root
            masks = has_masks(root / name) if require_masks is None else masks
            return load_mvtec(root, name, require_masks=masks)
        if not (self.root / GOOD).is_dir():
            return load_folder(self.root, name=name, require_masks=masks)
        test = self.root / "test"
        test_dir = test if test.is_dir() else None
        return load_folder(self.root / GOOD, test_dir, name=name, require_masks=masks)

    def load_preferred(self, *names: str) -> ProductLine:
        """The first of `names` that this dataset has, else its first product line.

        For notebooks, which have a favourite but run on any dataset.
        """
        known = [name for name in names if name in self.product_lines]
        return self.load([*known, *self.product_lines][0])


def open_dataset(root: str | Path) -> Dataset:
    """Recognise the layout of `root` and list its product lines.

    - "visa": `split_csv/1cls.csv` is there.
    - "mvtec": sub-folders with `train/`; or `root` itself is such a category.
    - "folder": `good/` and optionally `test/`; or images directly in `root`, all good.

    Raises `FileNotFoundError` or `NotADirectoryError` if `root` is no folder, and `ValueError` if
    it has none of these layouts or an ambiguous one.
    """
    root = existing_folder(root, "a dataset")
    if (root / SPLIT_FILE).is_file():
        return Dataset(root, "visa", list_objects(root))
    if is_category(root):
        return Dataset(root, "mvtec", (root.name,))
    categories = list_categories(root)
    if categories:
        return Dataset(root, "mvtec", categories)
    if (root / GOOD).is_dir():
        _check_no_defects_beside_good(root)
        return Dataset(root, "folder", (root.name,))
    if list_images(root):
        return Dataset(root, "folder", (root.name,))
    raise ValueError(_unknown_layout(root))


def dataset_from_environment(environment: Mapping[str, str] | None = None) -> Dataset:
    """The dataset that `PROMPTAD_DATA` names, by default the minifactory of this repository.

    The default is `carried("data/minifactory")`. `environment` replaces `os.environ`.

    Raises `FileNotFoundError` if there is nothing at any place, and what `open_dataset` raises.
    """
    value = (os.environ if environment is None else environment).get(ENVIRONMENT_VARIABLE, "")
    if value:
        try:
            return open_dataset(value)
        except (FileNotFoundError, NotADirectoryError, ValueError) as error:
            raise type(error)(f"{ENVIRONMENT_VARIABLE}={value}: {error}") from error
    found = carried(DEFAULT_DATA.as_posix())
    if found is not None:
        return open_dataset(found)
    raise FileNotFoundError(
        f"expected the tutorial's pictures in {DEFAULT_DATA.as_posix()} beside the package, above "
        f"{Path.cwd()} or inside the package, found them nowhere. Run from a checkout of the "
        f"repository, install the package again, or set {ENVIRONMENT_VARIABLE} to a dataset's "
        "folder"
    )


def _check_no_defects_beside_good(root: Path) -> None:
    known = (GOOD, "test")
    beside = [f.name for f in list_folders(root) if f.name not in known and list_images(f)]
    if beside:
        raise ValueError(
            f"expected only good/ and test/ in {root}, found images in {', '.join(beside)} too: "
            "move the defects, and some good images to compare with, into test/good and "
            "test/<defect>"
        )


def _unknown_layout(root: Path) -> str:
    message = (
        f"{root} is no dataset that this package knows. Expected <category>/train/good (MVTec AD), "
        f"{SPLIT_FILE.as_posix()} (VisA), good/ with an optional test/, or images; found "
        f"{describe_contents(root)}."
    )
    # Archives often unpack into one more folder.
    for folder in list_folders(root):
        if (folder / SPLIT_FILE).is_file() or list_categories(folder):
            return f"{message} Did you mean {folder}?"
    return message
