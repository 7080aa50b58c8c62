"""Ground-truth masks: read as booleans, and brought to evaluation size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Bool
from PIL import Image

from promptad_tutorial.datasets.samples import Sample
from promptad_tutorial.files import pictures
from promptad_tutorial.files.decoding import size_of
from promptad_tutorial.files.listing import list_images


def read_mask(sample: Sample, size: tuple[int, int] | None = None) -> Bool[np.ndarray, "h w"]:
    """The ground truth of a sample, True on anomalous pixels and all False for a good sample.

    `size` is (height, width) of the sample's image, read from the file if not given. What a mask's
    values mean is said in `files.pixels.marked`: labels all count, soft edges are cut at half. Of
    several masks (MVTec LOCO: a folder for each picture) every marked pixel counts.

    A mask of another size but of the image's shape (to half a pixel) is brought to the image's
    size by nearest neighbour: some tools draw masks on smaller copies.

    Raises `ValueError` for an anomalous sample without a mask, an unlabelled sample, a mask that
    cannot be read, and a mask whose shape differs from its image's: it cannot lie on it.
    """
    if size is None:
        size = size_of(sample.image)
    if sample.label == 0:
        return np.zeros(size, dtype=bool)
    if sample.mask is None:
        raise ValueError(
            f"no mask is known for {sample.image} (defect {sample.defect!r}): leave it out of the "
            "pixel-level figures"
        )
    one, *others = (pictures.read_mask(file) for file in mask_files(sample.mask))
    if any(other.shape != one.shape for other in others):
        raise ValueError(f"expected masks of one size in {sample.mask}, found several")
    mask = np.logical_or.reduce([one, *others])
    if not same_shape(mask.shape, size):
        raise ValueError(
            f"mask {sample.mask} is {mask.shape[0]} x {mask.shape[1]} pixels (height x width) but "
            f"its image {sample.image} is {size[0]} x {size[1]}: a mask must lie on its image "
            "pixel by pixel; export it again at the image's size"
        )
    return _nearest(mask, size)


def mask_at(sample: Sample, size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """`read_mask`, brought to the evaluation `size` (height, width) by nearest neighbour.

    Row i of the result is row floor((i + 1/2) * H / h) of the mask. Nearest neighbour keeps the
    mask boolean, but a region thinner than H / h pixels can vanish.

    Raises `ValueError` as `read_mask` does and for a size below 1 x 1.
    """
    if min(size) < 1:
        raise ValueError(f"size must be (height, width) of at least 1 x 1, got {size}")
    if sample.label == 0:
        return np.zeros(size, dtype=bool)
    return _nearest(read_mask(sample), size)


def same_shape(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether two sizes (height, width) are one shape at two scales, to half a pixel.

    The smaller one's sides are the larger one's, divided by one number and rounded.
    """
    (h, w), (height, width) = sorted((tuple(one), tuple(other)), key=lambda s: s[0] * s[1])
    return abs(h * width - w * height) <= max(height, width) / 2


def mask_files(mask: Path) -> tuple[Path, ...]:
    """The files of a sample's `mask`: itself, or those in it where it is a folder (LOCO)."""
    return list_images(mask) if mask.is_dir() else (mask,)


def _nearest(mask: Bool[np.ndarray, "H W"], size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    if mask.shape == tuple(size):
        return mask
    scaled = Image.fromarray(mask.astype(np.uint8)).resize(size[::-1], Image.Resampling.NEAREST)
    return np.asarray(scaled) > 0
