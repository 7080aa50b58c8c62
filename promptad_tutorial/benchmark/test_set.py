"""What a detector is measured on: labelled test pictures, and masks at the size of the maps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from PIL import Image

from promptad_tutorial.datasets import ProductLine, Sample, mask_at, read_mask
from promptad_tutorial.scoring import Scores
from promptad_tutorial.scoring.metrics import Evaluation, evaluate

# the names of `Evaluation`'s figures, in the order of the tables
FIGURES = ("image_auroc", "average_precision", "f1_max", "pixel_auroc", "aupro")


@dataclass(frozen=True)
class TestSet:
    """The labelled test samples of a product line."""

    __test__ = False  # not a test class, whatever pytest thinks of its name

    samples: tuple[Sample, ...]
    labels: Int[np.ndarray, " n"]  # 1: anomalous
    masks: Bool[np.ndarray, "n s s"] | None  # None if a mask is missing
    map_size: int  # s

    @classmethod
    def of(cls, line: ProductLine, map_size: int, resize: str = "squash") -> TestSet:
        """With masks of `map_size` pixels a side, brought to the square as pictures are.

        Raises ValueError if there are not both good and anomalous test samples.
        """
        samples = tuple(s for s in line.test if s.label is not None)
        labels = np.array([s.label for s in samples], dtype=int)
        bad = int(labels.sum())
        if not 0 < bad < len(labels):
            raise ValueError(
                f"expected good and anomalous test pictures of {line.name!r}, found "
                f"{len(labels) - bad} good and {bad} anomalous: put them into test/good and "
                "test/<defect>"
            )
        masks = None
        if all(s.label == 0 or s.mask is not None for s in samples):
            masks = np.stack([mask_on_square(s, map_size, resize) for s in samples])
        return cls(samples, labels, masks, map_size)

    @property
    def images(self) -> list:
        """The pictures, as what `encode` and `score` take."""
        return [s.image for s in self.samples]

    @property
    def anomalous(self) -> int:
        """How many pictures are anomalous."""
        return int(self.labels.sum())

    def evaluate(self, scores: Scores) -> Evaluation:
        """All figures, in [0, 1]; without masks those of the pixel level are NaN."""
        maps: Float[np.ndarray, "n s s"] | None = None
        if self.masks is not None:
            maps = scores.anomaly_maps
        return evaluate(self.labels, scores.image_scores, self.masks, maps)


def central_square(mask: Bool[np.ndarray, "h w"], size: int) -> Bool[np.ndarray, "size size"]:
    """What `images.preprocess` leaves of a picture with resize="crop", here of a mask, nearest."""
    height, width = mask.shape
    short = min(height, width)
    shape = int(size * width / short), int(size * height / short)
    image = Image.fromarray(mask.astype(np.uint8)).resize(shape, Image.Resampling.NEAREST)
    left, top = round((shape[0] - size) / 2), round((shape[1] - size) / 2)
    return np.asarray(image.crop((left, top, left + size, top + size))) > 0


def mask_on_square(sample: Sample, size: int, resize: str) -> Bool[np.ndarray, "size size"]:
    """A sample's mask, `size` pixels a side, over what the tower sees of its picture.

    Raises ValueError as `datasets.read_mask` does.
    """
    if resize == "squash":
        return mask_at(sample, (size, size))
    return central_square(read_mask(sample), size)
