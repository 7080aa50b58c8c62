"""What a detector is measured on: labelled test pictures, and masks at the size of the maps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from promptad_tutorial.datasets import ProductLine, Sample, mask_at
from promptad_tutorial.metrics import Evaluation, evaluate
from promptad_tutorial.scoring import Scores

# the names of `Evaluation`'s figures, in the order of the tables
FIGURES = ("image_auroc", "average_precision", "f1_max", "pixel_auroc", "aupro")


@dataclass(frozen=True)
class TestSet:
    """The labelled test samples of a product line."""

    __test__ = False  # not a test class, whatever pytest thinks of its name

    samples: tuple[Sample, ...]
    labels: Int[np.ndarray, " n"]  # 1: anomalous
    masks: Bool[np.ndarray, "n s s"] | None  # None if a mask is missing

    @classmethod
    def of(cls, line: ProductLine, map_size: int) -> TestSet:
        """With masks of `map_size` pixels a side.

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
            masks = np.stack([mask_at(s, (map_size, map_size)) for s in samples])
        return cls(samples, labels, masks)

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
