"""Reading images: from whatever people have to 8-bit RGB, and from there to CLIP's pixels."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor

from promptad_tutorial.files.decoding import (
    ImageError,
    Reading,
    decode,
    reading_from_environment,
    upright,
)
from promptad_tutorial.files.names import printable
from promptad_tutorial.files.pixels import LOSSY, image_from_array, marked, mask_values, rgb_of

ImageSource: TypeAlias = Any  # a path, PIL image or array; a wrong thing meets ImageError below
RESIZE_MODES = ("squash", "crop")


def read_image(source: ImageSource, reading: Reading | None = None) -> Image.Image:
    """An 8-bit RGB copy of ``source``, turned upright by its EXIF orientation.

    ``source`` is a path, a PIL image or an array of shape (H, W), (H, W, 1), (H, W, 3) or
    (H, W, 4). Every format that Pillow decodes is read (HEIF where pillow-heif is installed), and
    the pixels of a file whose metadata are damaged. Transparency is composited on white, CMYK and
    Lab are converted without a profile, and of several frames the first is taken
    (``info["frames"]`` says how many). Ranges:

    - uint8 stays as it is; bool becomes 0 and 255;
    - 16 bit (uint16 arrays, PIL modes "I;16" and "I") is divided by 257: 65535 becomes 255. Where
      a camera fills 12 of the 16 bits, set ``PROMPTAD_BITS=12``, else there is a warning;
    - floats (arrays, PIL mode "F") must lie in [0, 1] and are multiplied by 255.

    ``reading`` is by default that of the environment. Pictures of more than
    ``PROMPTAD_MAX_PIXELS`` are decoded at a smaller scale where the format can (JPEG).

    Raises ImageError for a missing, empty or broken file, a folder, a wrong shape, type or range,
    and for more pixels than the limit.
    """
    reading = reading_from_environment() if reading is None else reading
    if isinstance(source, np.ndarray):
        return image_from_array(source, reading)
    if isinstance(source, Image.Image):
        return rgb_of(_loaded(source), "the PIL image", reading)
    image, deep = decode(_path(source), reading)
    found = rgb_of(image, printable(str(source)), reading, deep)
    found.info = {k: v for k, v in image.info.items() if k == "frames"}
    return found


def read_mask(
    path: str | os.PathLike[str], reading: Reading | None = None
) -> Bool[np.ndarray, "h w"]:
    """Which pixels a mask's file marks, upright by its own EXIF orientation; see ``marked``.

    It may be written as 0/1, 0/255, labels, grey, 16 bit, float, palette (the colour counts, not
    the index) or RGB; what is transparent is not marked. Raises ImageError as ``read_image`` does.
    """
    reading = reading_from_environment() if reading is None else reading
    image, _ = decode(_path(path), reading)
    return marked(mask_values(image), image.info["format"] in LOSSY)


def _path(source: ImageSource) -> Path:
    if not isinstance(source, (str, os.PathLike)):
        what = type(source).__name__
        raise ImageError(
            f"expected an image as a path, a PIL image or a NumPy array, found {what}."
        )
    if "\0" in os.fspath(source):
        raise ImageError(f"image file not found: {os.fspath(source)!r}. Check the path.")
    return Path(source)


def _loaded(image: Image.Image) -> Image.Image:
    try:
        image.load()  # a picture that was opened only now meets its broken file
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise ImageError(f"could not read the PIL image ({why}).") from error
    return upright(image)


def preprocess(
    source: ImageSource,
    image_size: int,
    mean: Sequence[int | float],
    std: Sequence[int | float],
    resize: str = "squash",
    interpolation: str = "bicubic",
) -> Float[Tensor, "3 image_size image_size"]:
    """An image, read by ``read_image``, as the tower wants it: ``(pixels / 255 - mean) / std``.

    ``resize="squash"`` maps the whole image onto the square, so that a defect at the border stays
    in sight and every map lies over the whole image. ``resize="crop"`` is CLIP's own: shorter side
    to S, then the central square, without the ends of an image that is not square. Equal to
    open_clip's transforms "squash" and "shortest", anti-aliased by Pillow.

    Raises ImageError for the image, ValueError for an unknown ``resize`` or ``interpolation``.
    """
    image = read_image(source)
    if resize not in RESIZE_MODES:
        raise ValueError(f"resize must be one of {', '.join(RESIZE_MODES)}; found {resize!r}.")
    if interpolation not in ("bicubic", "bilinear"):
        raise ValueError(f"interpolation must be bicubic or bilinear; found {interpolation!r}.")
    size = (image_size, image_size)
    if resize == "crop":
        width, height = (int(image_size * side / min(image.size)) for side in image.size)
        size = (width, height)
    if image.size != size:
        image = image.resize(size, Image.Resampling[interpolation.upper()])
    pixels = torch.from_numpy(np.array(_centre(image, image_size))).permute(2, 0, 1).float() / 255
    return (pixels - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)


def seen_part(image: Image.Image, resize: str = "squash") -> Image.Image:
    """What ``preprocess`` shows the tower of a picture: all of it, or the central square.

    A map of a cropped picture lies over this part, not over the whole picture.
    """
    return image if resize == "squash" else _centre(image, min(image.size))


def _centre(image: Image.Image, side: int) -> Image.Image:
    left, top = round((image.width - side) / 2), round((image.height - side) / 2)
    return image.crop((left, top, left + side, top + side))


def check_ready(pixels: Tensor, image_size: int) -> Tensor:
    """``pixels`` if it is a float tensor (3, S, S) of finite numbers; else ImageError.

    Warns where all of them lie in [0, 1]: that is a picture which nobody normalised.
    """
    shape = (3, image_size, image_size)
    if pixels.shape != shape or not pixels.is_floating_point():
        raise ImageError(
            f"expected a tensor to be ready for the image tower: float, {shape}, normalised; "
            f"found {pixels.dtype} {tuple(pixels.shape)}. Pass raw images as paths, PIL images or "
            "arrays (H, W, 3)."
        )
    if not torch.isfinite(pixels).all():
        raise ImageError("expected finite numbers in an image tensor, found NaN or infinity.")
    if pixels.min() >= 0 and 0 < pixels.max() <= 1:
        warnings.warn(
            "a tensor must be ready for the image tower, and all numbers of this one lie in "
            "[0, 1], as in a picture that was never normalised: its scores would be wrong. Pass "
            "backbone.preprocess(picture), or the picture as an array (H, W, 3)",
            stacklevel=2,
        )
    return pixels


def list_images(images: Any) -> list[Any]:
    """One image, or many, as a list with one entry per image; nothing is read yet.

    Many are a list or another iterable, an array (B, H, W, C) or a tensor (B, 3, S, S). Raises
    ImageError for an empty collection and for what is neither.
    """
    if isinstance(images, (str, os.PathLike, Image.Image)):
        return [images]
    if isinstance(images, (np.ndarray, Tensor)):
        paths = isinstance(images, np.ndarray) and images.dtype.kind in "UO"
        if images.ndim in (2, 3) and not paths:
            return [images]
        if images.ndim != (1 if paths else 4):
            raise ImageError(
                "expected one array (H, W) or (H, W, 3), a batch (B, H, W, 3) or ready tensors "
                f"(B, 3, S, S); found shape {tuple(images.shape)}."
            )
    try:
        found = list(images)
    except TypeError:
        raise ImageError(
            "expected images as paths, PIL images, arrays or ready tensors, one or a list of "
            f"them; found {type(images).__name__}."
        ) from None
    if not found:
        raise ImageError("expected at least one image, found an empty collection.")
    return found
