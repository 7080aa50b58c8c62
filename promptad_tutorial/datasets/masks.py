"""Ground-truth masks: finding them, reading them as booleans, bringing them to evaluation size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool
from PIL import ExifTags, Image, UnidentifiedImageError

from promptad_tutorial.datasets.samples import Sample
from promptad_tutorial.files.listing import list_images, shorten


def find_masks(folder: Path) -> dict[str, Path]:
    """Masks in a folder by the stem of their image: `000_mask.png` or `000.png` for `000`.

    Where both are there, the one that says `_mask` wins. A folder that is not there has none.
    """
    if not folder.is_dir():
        return {}
    files = list_images(folder)
    masks = {path.stem: path for path in files}
    named = {p.stem.removesuffix("_mask"): p for p in files if p.stem.endswith("_mask")}
    return masks | named


def check_masks_present(samples: Sequence[Sample], name: str, expected: str) -> None:
    """Raise a `FileNotFoundError` that names the anomalous samples of line `name` without a mask.

    `expected` says where the masks were looked for.
    """
    anomalous = [s for s in samples if s.label == 1]
    missing = [s for s in anomalous if s.mask is None]
    if missing:
        which = shorten([f"{s.defect}/{s.image.name}" for s in missing])
        raise FileNotFoundError(
            f"{len(missing)} of {len(anomalous)} anomalous images of {name!r} have no mask: "
            f"{which}. Expected {expected}. Add the masks, or pass require_masks=False to go "
            "without pixel-level figures"
        )


def read_mask(sample: Sample, size: tuple[int, int] | None = None) -> Bool[np.ndarray, "h w"]:
    """The ground truth of a sample, True on anomalous pixels and all False for a good sample.

    `size` is (height, width) of the sample's image, read from the file if not given. Any value
    above 0 is anomalous, be the mask written as 0/1, 0/255, grey, 16 bit, palette (the colour
    counts, not the index) or RGB; only JPEG, whose compression leaves noise around 0, is cut at
    128.

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
    upright, and masks are drawn on what people see.

    Raises `ValueError` for a file that is not a readable image.
    """
    try:
        with Image.open(path) as image:
            lying = image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
            return (image.width, image.height) if lying else (image.height, image.width)
    except (UnidentifiedImageError, OSError) as error:
        raise ValueError(f"cannot read the image {path}: {error}") from error


def _read_boolean(path: Path) -> Bool[np.ndarray, "h w"]:
    try:
        with Image.open(path) as image:
            threshold = 127 if image.format == "JPEG" else 0
            if image.mode in ("P", "PA", "RGBA", "CMYK", "YCbCr", "HSV", "LAB"):
                values = np.asarray(image.convert("RGB"))
            elif image.mode == "LA":
                values = np.asarray(image)[..., :1]  # the second channel is opacity
            else:
                values = np.asarray(image)
    except (UnidentifiedImageError, OSError) as error:
        raise ValueError(f"cannot read the mask {path}: {error}") from error
    marked = values > threshold
    return marked.any(axis=-1) if marked.ndim == 3 else marked
