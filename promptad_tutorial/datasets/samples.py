"""What every dataset is made of: samples, and product lines of training and test samples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

GOOD = "good"  # the `defect` of a normal sample, as MVTec AD names its folder
UNLABELLED = "unlabelled"  # the `defect` of an image of which nobody has said what it is


@dataclass(frozen=True)
class Sample:
    """One image and what is known about it. Files are not opened here.

    Raises `ValueError` where label, defect and mask contradict each other.
    """

    image: Path  # the image file
    label: int | None  # 0 good, 1 anomalous, None not labelled (a flat folder to score)
    defect: str  # "good" for label 0, the defect's name for 1, "unlabelled" for None
    mask: Path | None = None  # ground truth, label 1 only; None where the data has none

    def __post_init__(self) -> None:
        said = {0: GOOD, None: UNLABELLED}.get(self.label, self.defect)
        named = self.label == 1 and self.defect not in ("", GOOD, UNLABELLED)
        if not (named or (self.label in (0, None) and self.defect == said and self.mask is None)):
            raise ValueError(
                f"expected a sample of label 0 with defect {GOOD!r}, of None with {UNLABELLED!r}, "
                f"both without a mask, or of 1 with its defect's name; got label {self.label!r}, "
                f"defect {self.defect!r} and mask {self.mask} for {self.image}"
            )


@dataclass(frozen=True)
class ProductLine:
    """One product: normal samples to learn from and samples to test on, both sorted by name.

    MVTec AD calls it a category and VisA an object. Raises `ValueError` for a training sample that
    is not good: the method is shown normal samples only.
    """

    name: str  # the product, as it goes into the prompts ("metal_nut")
    root: Path  # the folder that the samples come from
    train: tuple[Sample, ...]  # good samples, from which the shots are drawn
    test: tuple[Sample, ...]  # good, anomalous or unlabelled samples; may be empty

    def __post_init__(self) -> None:
        for sample in self.train:
            if sample.label != 0:
                raise ValueError(
                    f"training samples of {self.name!r} must be good, found defect "
                    f"{sample.defect!r} at {sample.image}"
                )

    @property
    def defects(self) -> tuple[str, ...]:
        """The names of the test defects, in the order of the test samples, without `good`."""
        return tuple(dict.fromkeys(s.defect for s in self.test if s.label == 1))
