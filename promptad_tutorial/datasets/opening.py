"""Opening a dataset whose layout is recognised from its folders."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from promptad_tutorial.datasets import kolektor, mvtec, plain_folder, realiad, visa
from promptad_tutorial.datasets.findings import Findings
from promptad_tutorial.datasets.folders import good_folders, report_missing_masks
from promptad_tutorial.datasets.samples import ProductLine
from promptad_tutorial.files.carried import carried
from promptad_tutorial.files.listing import (
    check_known,
    describe_contents,
    existing_folder,
    list_folders,
    list_images,
)
from promptad_tutorial.files.names import same_name

ENVIRONMENT_VARIABLE = "PROMPTAD_DATA"
DEFAULT_DATA = "data/minifactory"


@dataclass(frozen=True)
class Layout:
    """How the folders of one layout are read. No picture is opened for that."""

    lines: Callable[[Path, Findings], tuple[str, ...] | None]  # None: it is of another layout
    read: Callable[[Path, str, Findings], tuple[ProductLine, bool]]  # and whether masks must be
    masks: str  # where those of defects are expected


LAYOUTS = {  # in the order in which they are tried; the last one takes anything
    "visa": Layout(visa.lines, visa.read, visa.MASKS),
    "realiad": Layout(realiad.lines, realiad.read, "the files that the JSON calls mask_path"),
    "kolektor": Layout(kolektor.lines, kolektor.read, "<name>_GT.png beside each image"),
    # good pictures may lie beside the lines that were made of them
    "mvtec": Layout(
        mvtec.lines, mvtec.read, "<name>_mask.png or <name>.png in ground_truth/<defect>"
    ),
    "folder": Layout(plain_folder.lines, plain_folder.read, plain_folder.MASKS),
}


@dataclass(frozen=True)
class Dataset:
    """A dataset on disk: where it is, how it is laid out, and the product lines it has."""

    root: Path  # what was opened
    layout: str  # one of LAYOUTS
    product_lines: tuple[str, ...]  # names for `load`, in natural order

    def load(self, name: str, *, require_masks: bool | None = None) -> ProductLine:
        """The product line `name`.

        `require_masks` is by default True for VisA and Real-IAD, True for a category in the layout
        of MVTec AD that has any mask (so one that lacks is an error) and False where there is none
        at all, as in a plain folder: then figures at pixel level cannot be had, and are NaN.

        Raises `ValueError` for an unknown name, and `FileNotFoundError` or `ValueError` for the
        first thing that is wrong with its folder; `check-data` lists all of them.
        """
        name = next((one for one in self.product_lines if same_name(one, name)), name)
        check_known(name, self.product_lines, "product line", self.root)
        found, layout = Findings(self.root), LAYOUTS[self.layout]
        line, masked = layout.read(self.root, name, found)
        if masked if require_masks is None else require_masks:
            report_missing_masks(line, layout.masks, found)
        found.refuse()
        return line

    def load_preferred(self, *names: str) -> ProductLine:
        """The first of `names` that this dataset has, else its first product line.

        For notebooks, which have a favourite but run on any dataset.
        """
        known = [name for name in names if name in self.product_lines]
        return self.load([*known, *self.product_lines][0])


def open_dataset(root: str | Path) -> Dataset:
    """Recognise the layout of `root` and list its product lines.

    - "visa": `split_csv/1cls.csv` is there.
    - "realiad": JSON files as of Real-IAD.
    - "kolektor": train/ and test/ with pictures and their `_GT` masks, as of KolektorSDD2.
    - "mvtec": sub-folders with `train/`; or `root` itself is such a category. MVTec LOCO,
      MVTec AD 2, BTAD and prepared VisA are read so.
    - "folder": `good/` and optionally `test/`; or images directly in `root`, all good.

    Raises `FileNotFoundError` or `NotADirectoryError` if `root` is no folder, and `ValueError` if
    it has none of these layouts or an ambiguous one.
    """
    root = existing_folder(root, "a dataset")
    found = Findings(root)
    layout = recognise(root)
    if layout == "folder" and not good_folders(root, found) and not list_images(root):
        raise ValueError(_unknown_layout(root))
    names = LAYOUTS[layout].lines(root, found)
    found.refuse()
    return Dataset(root, layout, names or ())


def recognise(root: Path) -> str:
    """The layout that a folder, perhaps a faulty one, looks most like."""
    tried = ((name, layout.lines(root, Findings(root))) for name, layout in LAYOUTS.items())
    return next(name for name, lines in tried if lines is not None)


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
    found = carried(DEFAULT_DATA)
    if found is not None:
        return open_dataset(found)
    raise FileNotFoundError(
        f"expected the tutorial's pictures in {DEFAULT_DATA} beside the package, above "
        f"{Path.cwd()} or inside the package, found them nowhere. Run from a checkout of the "
        f"repository, install the package again, or set {ENVIRONMENT_VARIABLE} to a dataset's "
        "folder"
    )


def _unknown_layout(root: Path) -> str:
    message = (
        f"{root} is no dataset that this package knows. Expected <category>/train/good (MVTec AD), "
        f"{visa.SPLIT_FILE.as_posix()} (VisA), good/ with an optional test/, or images; found "
        f"{describe_contents(root)}."
    )
    if any((f / "Data" / "Images").is_dir() for f in (root, *list_folders(root))):
        return (
            f"{message} It looks like VisA without its table: take {visa.SPLIT_FILE.as_posix()} "
            "from the archive, and open the folder that holds it and all the objects"
        )
    # Archives often unpack into one more folder.
    for folder in list_folders(root):
        if recognise(folder) != "folder":
            return f"{message} Did you mean {folder}?"
    return message
