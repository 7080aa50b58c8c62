"""What explorers take: the pictures of product lines, each encoded once, for CLIP is frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float, Int
from torch import Tensor

from promptad_tutorial.clip.image_tower import ImageFeatures
from promptad_tutorial.datasets import draw_shots, mask_at

if TYPE_CHECKING:
    from promptad_tutorial.datasets import ProductLine

SHOTS = (1, 2, 4, 8)
MAP_SIZE = 120  # pixels a side at which maps and masks are compared, as in results/told


@dataclass(frozen=True)
class LabelledFeatures:
    """The image embeddings of one product line's pictures, and which of them are anomalous.

    Raises ValueError unless there is a label 0 or 1 for each embedding, and both are there.
    """

    cls: Float[Tensor, "n d"]  # z, unit norm
    labels: Int[np.ndarray, " n"]  # 0 good, 1 anomalous

    def __post_init__(self) -> None:
        if len(self.cls) != len(self.labels) or set(self.labels.tolist()) != {0, 1}:
            raise ValueError(
                f"expected a label for each of {len(self.cls)} embeddings, some 0 (good) and some "
                f"1 (anomalous), found {len(self.labels)} labels: {sorted(set(self.labels))}"
            )


@dataclass(frozen=True)
class ShotFeatures:
    """One product line: shots to learn from, one draw a seed, and test pictures.

    Raises ValueError without a draw.
    """

    draws: tuple[Float[Tensor, "k d"], ...]  # z of the shots of seed 0, 1, ..
    test: LabelledFeatures

    def __post_init__(self) -> None:
        if not self.draws:
            raise ValueError("expected at least one draw of shots, found none")


@dataclass(frozen=True)
class DrawnLine:
    """One product line: every picture that some draw needs, and the test pictures.

    Raises ValueError unless good and anomalous test pictures are there, with a mask each.
    """

    pool: ImageFeatures  # of every drawn picture
    draws: Mapping[tuple[int, int], tuple[int, ...]]  # places in the pool by (shots, seed)
    test: ImageFeatures
    labels: Int[np.ndarray, " n"]  # 0 good, 1 anomalous
    masks: Bool[np.ndarray, "n s s"]
    pictures: tuple[Any, ...]  # of the test set, to be shown

    def __post_init__(self) -> None:
        sizes = {len(self.test), len(self.labels), len(self.masks), len(self.pictures)}
        if len(sizes) != 1 or set(self.labels.tolist()) != {0, 1} or not self.draws:
            raise ValueError(
                "expected draws of shots, and a label, a mask and a picture for each test picture, "
                f"good and anomalous ones, found {len(self.draws)} draws, {sorted(sizes)} and "
                f"labels {sorted(set(self.labels.tolist()))}"
            )

    @property
    def examples(self) -> tuple[int, int]:
        """An anomalous test picture whose defect is of middle size, and the first good one."""
        areas = self.masks.sum(axis=(1, 2)) * (self.labels == 1)
        order = np.argsort(areas, kind="stable")[(self.labels == 0).sum() :]
        return int(order[len(order) // 2]), int(np.flatnonzero(self.labels == 0)[0])


def encode_test(backbone: Any, line: ProductLine) -> LabelledFeatures:
    """The test pictures of a product line. ValueError for pictures without label, or one class."""
    if any(sample.label is None for sample in line.test):
        raise ValueError(f"expected labels for the test pictures of {line.name!r}, found none")
    features = backbone.encode_images([sample.image for sample in line.test], blocks=())
    return LabelledFeatures(features.cls, np.array([sample.label for sample in line.test]))


def encode_shots(backbone: Any, line: ProductLine, shots: int = 4, seeds: int = 3) -> ShotFeatures:
    """The image embeddings of `seeds` draws of `shots` pictures, and of the test pictures.

    Raises what `draw_shots` and `encode_test` raise.
    """
    pictures, places = _drawn(line, (shots,), seeds)
    z = backbone.encode_images(pictures, blocks=()).cls
    return ShotFeatures(
        tuple(z[list(each)] for each in places.values()), encode_test(backbone, line)
    )


def encode_draws(
    backbone: Any,
    line: ProductLine,
    shots: tuple[int, ...] = SHOTS,
    seeds: int = 5,
    test: ImageFeatures | None = None,
    map_size: int = MAP_SIZE,
) -> DrawnLine:
    """Every picture of `seeds` draws of each number of shots that the line has pictures for.

    Draws of one seed are nested. `test`: features of `line.test`, if they are there already. Raises
    ValueError for a line with fewer pictures than the smallest k.
    """
    possible = tuple(k for k in shots if k <= len(line.train))
    if not possible:
        raise ValueError(
            f"expected at least {min(shots)} training pictures of {line.name!r}, found "
            f"{len(line.train)}"
        )
    pictures, places = _drawn(line, possible, seeds)
    return DrawnLine(
        backbone.encode_images(pictures),
        places,
        backbone.encode_images([one.image for one in line.test]) if test is None else test,
        np.array([one.label for one in line.test]),
        np.stack([mask_at(one, (map_size, map_size)) for one in line.test]),
        tuple(one.image for one in line.test),
    )


def _drawn(
    line: ProductLine, shots: tuple[int, ...], seeds: int
) -> tuple[list[Any], dict[tuple[int, int], tuple[int, ...]]]:
    """Every picture that a draw has, once, and the places of each draw's by (shots, seed)."""
    drawn = {(k, s): draw_shots(line.train, k, s) for k in shots for s in range(seeds)}
    pictures = list(dict.fromkeys(sample.image for draw in drawn.values() for sample in draw))
    places = {key: tuple(pictures.index(one.image) for one in draw) for key, draw in drawn.items()}
    return pictures, places
