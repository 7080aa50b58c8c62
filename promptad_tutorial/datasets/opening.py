"""Opening a dataset whose layout is recognised from its folders."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from promptad_tutorial.datasets import kolektor, mvtec, realiad, visa
from promptad_tutorial.datasets.findings import Findings
from promptad_tutorial.datasets.folders import good_folders
from promptad_tutorial.datasets.plain_folder import Split, product_name, read_folders, read_plain
from promptad_tutorial.datasets.samples import ProductLine, Sample
from promptad_tutorial.files.carried import carried
from promptad_tutorial.files.listing import (
    check_known,
    describe_contents,
    existing_folder,
    list_folders,
    list_images,
    shorten,
)
from promptad_tutorial.files.names import same_name

ENVIRONMENT_VARIABLE = "PROMPTAD_DATA"
DEFAULT_DATA = Path("data") / "minifactory"
LAYOUTS = ("mvtec", "visa", "folder", "kolektor", "realiad")


@dataclass(frozen=True)
class Dataset:
    """A dataset on disk: where it is, how it is laid out, and the product lines it has."""

    root: Path  # what was opened
    layout: str  # one of LAYOUTS
    product_lines: tuple[str, ...]  # names for `load`, in natural order

    def load(self, name: str, *, require_masks: bool | None = None) -> ProductLine:
        """The product line `name`.

        `require_masks` is by default True for VisA, True for a category in the layout of MVTec AD
        that has any mask (so one that lacks is an error) and False where there is none at all, as
        in a plain folder: then figures at pixel level cannot be had, and are NaN.

        Raises `ValueError` for an unknown name, and `FileNotFoundError` or `ValueError` for the
        first thing that is wrong with its folder; `check-data` lists all of them.
        """
        name = next((one for one in self.product_lines if same_name(one, name)), name)
        check_known(name, self.product_lines, "product line", self.root)
        found = Findings(self.root)
        train, test = self.read(name, found)
        needed = self.needs_masks(name) if require_masks is None else require_masks
        _report_missing_masks(test, name, needed, self._expected_masks(name), found)
        found.refuse()
        return ProductLine(name, self.folder(name), tuple(train), tuple(test))

    def read(self, name: str, found: Findings) -> Split:
        """The samples of a product line as they are, and everything wrong with its folders."""
        if self.layout == "visa":
            return visa.read_visa(self.root, name, found)
        if self.layout == "mvtec":
            return mvtec.read_category(self.folder(name), found)
        if self.layout == "kolektor":
            return kolektor.read_kolektor(self.root, found)
        if self.layout == "realiad":
            return realiad.read_realiad(self.root, name, found)
        return read_plain(self.root, found)

    def folder(self, name: str) -> Path:
        """The folder that the samples of a product line come from."""
        alone = self.layout in ("kolektor", "realiad") or self.product_lines == (self.root.name,)
        if self.layout == "folder":
            good = good_folders(self.root, Findings(self.root))
            return good[0] if good else self.root
        return self.root if alone else self.root / name

    def needs_masks(self, name: str) -> bool:
        """Whether a defect without a mask is a fault: see `load`."""
        if self.layout == "mvtec":
            return mvtec.has_masks(self.folder(name))
        return self.layout in ("visa", "realiad")

    def load_preferred(self, *names: str) -> ProductLine:
        """The first of `names` that this dataset has, else its first product line.

        For notebooks, which have a favourite but run on any dataset.
        """
        known = [name for name in names if name in self.product_lines]
        return self.load([*known, *self.product_lines][0])

    def _expected_masks(self, name: str) -> str:
        if self.layout == "mvtec":
            truth = self.folder(name) / "ground_truth"
            return f"<name>_mask.png or <name>.png in {truth}/<defect>"
        if self.layout == "visa":
            return f"the files in column 'mask' of {self.root / visa.SPLIT_FILE}"
        return "<name>_mask.png beside each image"


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
    if layout == "folder":
        if not good_folders(root, found) and not list_images(root):
            raise ValueError(_unknown_layout(root))
        read_plain(root, found)
    dataset = open_as(root, layout, found)
    found.refuse()
    return dataset


def open_as(root: Path, layout: str, found: Findings) -> Dataset:
    """`root` in the layout of this name, with the product lines that it has in that."""
    if layout == "visa":
        return Dataset(root, layout, visa.visa_objects(root, found))
    if layout == "realiad":
        return Dataset(root, layout, realiad.realiad_classes(root))
    if layout == "mvtec" and not mvtec.is_category(root):
        return Dataset(root, layout, mvtec.list_categories(root))
    return Dataset(root, layout, (root.name,))


def recognise(root: Path) -> str:
    """The layout that a folder, perhaps a faulty one, looks most like."""
    if (root / visa.SPLIT_FILE.parent).is_dir():
        return "visa"
    if realiad.realiad_classes(root):
        return "realiad"
    if kolektor.is_kolektor(root):
        return "kolektor"
    if mvtec.is_category(root) or mvtec.list_categories(root):
        return "mvtec"  # good pictures may lie beside the lines that were made of them
    return "folder"


def load_mvtec(root: str | Path, category: str, *, require_masks: bool = True) -> ProductLine:
    """One category of a dataset in the MVTec AD layout; see `Dataset.load`."""
    root = existing_folder(root, "a dataset in the MVTec AD layout")
    check_known(category, mvtec.list_categories(root), "category", root)
    dataset = Dataset(root, "mvtec", mvtec.list_categories(root))
    return dataset.load(category, require_masks=require_masks)


def list_objects(root: str | Path) -> tuple[str, ...]:
    """The objects that VisA's table names, in natural order; see `open_dataset` for errors."""
    folder = existing_folder(root, "a dataset in the VisA layout")
    return _open_visa(folder).product_lines


def load_visa(root: str | Path, category: str, *, require_masks: bool = True) -> ProductLine:
    """One object of VisA, split as `split_csv/1cls.csv` says; see `Dataset.load`."""
    folder = existing_folder(root, "a dataset in the VisA layout")
    dataset = _open_visa(folder)
    check_known(category, dataset.product_lines, "object", folder)
    return dataset.load(category, require_masks=require_masks)


def _open_visa(root: Path) -> Dataset:
    found = Findings(root)
    dataset = open_as(root, "visa", found)
    found.refuse()
    return dataset


def load_folder(
    good_dir: str | Path,
    test_dir: str | Path | None = None,
    *,
    name: str | None = None,
    require_masks: bool = False,
) -> ProductLine:
    """A product line from a plain folder of good images and an optional folder to score.

    `test_dir` is either flat (its images are unlabelled: they can be scored, not evaluated) or has
    sub-folders, `good/` and one for each defect. A mask lies beside its image: `a_mask.png` beside
    `a.png`. `name` is the product's name, by default that of `good_dir`, or of the folder above
    it where `good_dir` is called `good`.

    Raises `FileNotFoundError` for a missing folder (or mask, with `require_masks=True`) and
    `ValueError` for a folder without images or a test folder that is both flat and sorted.
    """
    good_dir = existing_folder(good_dir, "a folder of good images")
    test = None if test_dir is None else existing_folder(test_dir, "a folder to score")
    found = Findings(good_dir)
    name = product_name(good_dir) if name is None else name
    train, tested = read_folders(good_dir, test, found)
    expected = "<name>_mask.png beside each image"
    _report_missing_masks(tested, name, require_masks, expected, found)
    found.refuse()
    return ProductLine(name, good_dir, tuple(train), tuple(tested))


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


def _report_missing_masks(
    samples: Sequence[Sample], name: str, needed: bool, expected: str, found: Findings
) -> None:
    """The defects without a mask, which stop a loader that needs masks."""
    defects = [s for s in samples if s.label == 1]
    missing = [s for s in defects if s.mask is None]
    if missing and needed:
        which = shorten([f"{s.defect}/{s.image.name}" for s in missing])
        found.fix(
            missing[0].image.parent,
            f"{len(missing)} of {len(defects)} anomalous images of {name!r} have no mask: {which}. "
            f"Expected {expected}",
            "add the masks, or pass require_masks=False to go without pixel-level figures",
            FileNotFoundError,
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
