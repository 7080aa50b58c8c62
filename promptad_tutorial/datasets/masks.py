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
        size = image_size(sample.image)
    if sample.label == 0:
        return np.zeros(size, dtype=bool)
    if sample.mask is None:
        raise ValueError(
            f"no mask is known for {sample.image} (defect {sample.defect!r}): leave it out of the "
            "pixel-level figures"
        )
    mask = _read_boolean(sample.mask)
    if mask.shape != tuple(size) and same_shape(mask.shape, size):
        scaled = Image.fromarray(mask.astype(np.uint8))
        return np.asarray(scaled.resize((size[1], size[0]), Image.Resampling.NEAREST)) > 0
    if mask.shape != tuple(size):
        raise ValueError(
            f"mask {sample.mask} is {mask.shape[0]} x {mask.shape[1]} pixels (height x width) but "
            f"its image {sample.image} is {size[0]} x {size[1]}: a mask must lie on its image "
            "pixel by pixel; export it again at the image's size"
        )
    return mask


def same_shape(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether two sizes (height, width) are one shape at two scales, to half a pixel.

    The smaller one's sides are the larger one's, divided by one number and rounded.
    """
    (h, w), (height, width) = sorted((tuple(one), tuple(other)), key=lambda s: s[0] * s[1])
    return abs(h * width - w * height) <= max(height, width) / 2


def mask_at(sample: Sample, size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """`read_mask`, brought to the evaluation `size` (height, width) by nearest neighbour.

    Row i of the result is row floor((i + 1/2) * H / h) of the mask. Nearest neighbour keeps the
    mask boolean, but a region thinner than H / h pixels can vanish.

    Raises `ValueError` as `read_mask` does and for a size below 1 x 1.
    """
    height, width = size
    if height < 1 or width < 1:
        raise ValueError(f"size must be (height, width) of at least 1 x 1, got {size}")
    if sample.label == 0:
        return np.zeros(size, dtype=bool)
    mask = Image.fromarray(read_mask(sample).astype(np.uint8))
    return np.asarray(mask.resize((width, height), Image.Resampling.NEAREST)) > 0


def image_size(path: Path) -> tuple[int, int]:
    """(height, width) in pixels as the image is shown; only the header is read.

    A camera may store a picture lying on its side and say so in EXIF; `read_image` turns it
    upright, and masks are drawn on what people see. Raises `ValueError` for no readable image.
    """
    try:
        return size_of(path)
    except ValueError as error:
        raise ValueError(f"cannot read the image {path}: {error}") from error


def mask_files(mask: Path) -> tuple[Path, ...]:
    """The files of a sample's `mask`: itself, or those in it where it is a folder (LOCO)."""
    return list_images(mask) if mask.is_dir() else (mask,)


def _read_boolean(path: Path) -> Bool[np.ndarray, "h w"]:
    try:
        one, *others = (pictures.read_mask(file) for file in mask_files(path))
    except ValueError as error:
        raise ValueError(f"cannot read the mask {path}: {error}") from error
    for other in others:
        if other.shape != one.shape:
            raise ValueError(f"expected masks of one size in {path}, found {one.shape} and others")
        one = one | other
    return one
