"""What a benchmark run is: data, backbone, methods, protocol; and what of it decides a row.

The protocol is fixed. Shots are drawn from the names in sorted order, seeded, and nested (1 in 2 in
4); training ends after its last step; no test label is looked at before the figures are computed.
`released` switches on every trap of the released code instead, to compare with figures that were
made so: its step is chosen on the test set, and everything it writes says so.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from promptad_tutorial.benchmark.methods import Method, chosen, configured, ladder
from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.clip.choice import BackboneChoice
from promptad_tutorial.clip.precision import HALF
from promptad_tutorial.datasets import Dataset, ProductLine, dataset_from_environment, open_dataset
from promptad_tutorial.files.pictures import RESIZE_MODES
from promptad_tutorial.files.writing import file_sha256
from promptad_tutorial.learning.config import PromptADConfig, check_map_size, preset

ROW_FORMAT = 2  # raise it when the same settings give other rows
LAYOUTS = {"mvtec": "mvtec", "visa": "visa", "minifactory": "mvtec", "folder": "folder"}
METHODS = ("zero-shot", "WinCLIP+", "memory", "PromptAD")
RELEASED = "PromptAD, released (test-selected)"  # the name of the one method of that protocol
PROTOCOLS = {
    "paper": "sorted, nested, seeded shots; last step; no look at test labels",
    "released": "TEST-SELECTED: the traps of the released code, among them the step that is best "
    "on the test set; comparable only with figures that were made so",
}


@lru_cache(maxsize=8)
def loaded(choice: BackboneChoice) -> Backbone:
    """The backbone, once in each process: loading it for every task would cost more than tasks do.

    Raises BackboneError.
    """
    return choice.load()


@dataclass(frozen=True)
class Settings:
    """Everything that decides the rows of a run, but for weights and pictures themselves."""

    dataset: str = "minifactory"
    root: Path | None = None  # None: the packaged minifactory
    backbone: BackboneChoice = field(default_factory=BackboneChoice)
    methods: tuple[str, ...] = ()  # of the ladder; () for METHODS
    categories: tuple[str, ...] = ()  # () for all
    shots: tuple[int, ...] = (1, 2, 4)
    seeds: int = 5  # how many: 0, 1, ..
    map_size: int = 240
    resize: str = "squash"
    protocol: str = "paper"
    steps: int = PromptADConfig.steps
    missing_masks: bool = False  # an anomalous picture may lack its mask: no pixel-level figures

    def __post_init__(self) -> None:
        for what, value, allowed in (
            ("dataset", self.dataset, LAYOUTS),
            ("resize", self.resize, RESIZE_MODES),
            ("protocol", self.protocol, PROTOCOLS),
        ):
            if value not in allowed:
                raise ValueError(f"{what} must be one of {', '.join(allowed)}; got {value!r}")
        if not self.shots or min(self.shots) < 1 or self.seeds < 1:
            raise ValueError(
                f"expected numbers of shots and of seeds of 1 or more, got shots {self.shots} and "
                f"{self.seeds} seeds"
            )
        if self.root is None and self.dataset != "minifactory":
            raise ValueError(f"expected the folder of the dataset {self.dataset!r}: give --root")
        check_map_size(self.map_size)
        self.chosen_methods()

    @property
    def config(self) -> PromptADConfig:
        """What all learnt prompts have in common."""
        return replace(preset(self.protocol), steps=self.steps)

    def chosen_methods(self) -> tuple[Method, ...]:
        """The methods to measure. ValueError for one that there is not, or not in the protocol."""
        if self.protocol == "released":
            if set(self.methods) - {"PromptAD", RELEASED}:
                raise ValueError(
                    "the released protocol knows PromptAD alone, got "
                    f"{', '.join(self.methods)}: measure other methods with --protocol paper"
                )
            return (configured(RELEASED, self.config),)
        wanted = self.methods or METHODS
        return tuple(m for m in chosen(ladder(self.config), wanted) if m.name in wanted)

    def open(self) -> Dataset:
        """The dataset with the chosen categories. ValueError for another layout or category."""
        found = dataset_from_environment({}) if self.root is None else open_dataset(self.root)
        if found.layout != LAYOUTS[self.dataset]:
            raise ValueError(
                f"expected the layout of {self.dataset!r} in {found.root}, found that of "
                f"{found.layout!r}: give another --dataset or --root"
            )
        unknown = [name for name in self.categories if name not in found.product_lines]
        if unknown:
            raise ValueError(
                f"no category {', '.join(unknown)} in {found.root}; there are "
                f"{', '.join(found.product_lines)}"
            )
        wanted = self.categories or found.product_lines
        return replace(found, product_lines=tuple(n for n in found.product_lines if n in wanted))

    def load(self, dataset: Dataset, name: str) -> ProductLine:
        """A category of the dataset. ValueError or OSError for a damaged one."""
        return dataset.load(name, require_masks=False if self.missing_masks else None)

    def deciding(self, backbone: Backbone) -> dict[str, Any]:
        """What decides every row, beside its pictures, method, shots and seed; fit for JSON."""
        return {
            "format": ROW_FORMAT,
            "dataset": self.dataset,
            "backbone": backbone.name,
            "checksum": backbone.checksum,
            "computed": [
                self.backbone.dtype,
                backbone.device.type,
                *(["autocast"] if backbone.dtype in HALF else []),
            ],
            "map_size": self.map_size,
            "resize": self.resize,
            "protocol": self.protocol,
            "missing_masks": self.missing_masks,
            "config": asdict(self.config),
        }


def name_in(line: ProductLine, path: Path) -> str:
    """A file's name in its category, the same on every machine."""
    try:
        return path.relative_to(line.root).as_posix()
    except ValueError:  # VisA's pictures and masks may lie elsewhere
        return path.name


def pictures_key(line: ProductLine) -> str:
    """A short name for the pictures of a category: their names and what is in the files.

    Sizes would not do: a BMP keeps its size when its picture is replaced. OSError for a picture
    that cannot be read.
    """
    digest = hashlib.sha256()
    for sample in (*line.train, *line.test):
        for path in (sample.image, sample.mask):
            if path is not None:
                name = name_in(line, path)
                digest.update(f"{sample.label} {name} {file_sha256(path)};".encode())
    return digest.hexdigest()


def key_of(values: dict[str, Any]) -> str:
    """sha256 of settings as JSON."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
