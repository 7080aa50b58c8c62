"""Reading images: from whatever people have to 8-bit RGB, and from there to CLIP's pixels."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageOps
from torch import Tensor

# A path, a PIL image or an array. Written as Any so that a wrong thing meets ImageError below.
ImageSource: TypeAlias = Any

RESIZE_MODES = ("squash", "crop")


class ImageError(ValueError):
    """An image that cannot be used: what was expected, what was found, what to do."""


def read_image(source: ImageSource) -> Image.Image:
    """An 8-bit RGB copy of ``source``, turned upright by its EXIF orientation.

    ``source`` is a path, a PIL image or an array of shape (H, W), (H, W, 1), (H, W, 3) or
    (H, W, 4). Grey is repeated over the channels, palettes are looked up, transparency is
    dropped, and of several frames the first is taken. Ranges:

    - uint8 stays as it is; bool becomes 0 and 255;
    - 16 bit (uint16 arrays, PIL modes "I;16" and "I") is divided by 257: 65535 becomes 255. A
      camera that fills only 12 of the 16 bits looks dark: multiply by 16 first;
    - floats (arrays, PIL mode "F") must lie in [0, 1] and are multiplied by 255.

    Raises ImageError for a missing, empty or broken file, a folder, a wrong shape, type or range.
    """
    if isinstance(source, np.ndarray):
        return _image_from_array(source)
    if isinstance(source, Image.Image):
        return _decode(source, "the PIL image")
    if not isinstance(source, (str, os.PathLike)):
        raise ImageError(
            "expected an image as a path, a PIL image or a NumPy array, "
            f"found {type(source).__name__}."
        )
    path = Path(source)
    if os.path.isdir(path):
        raise ImageError(f"expected an image file, found a folder: {path}. Name a file inside it.")
    if not os.path.exists(path):
        raise ImageError(f"image file not found: {path}. Check the path and the working folder.")
    if os.path.getsize(path) == 0:
        raise ImageError(f"image file is empty (0 bytes): {path}. Copy it again.")
    try:
        with Image.open(path) as image:
            return _decode(image, str(path))
    except ImageError:
        raise
    except Exception as error:  # Pillow's decoders raise many classes for broken files
        raise ImageError(
            f"could not read {path} as an image ({type(error).__name__}: {error}). "
            "The file is broken, incomplete or of a kind that Pillow cannot open: copy it again, "
            "or save it as PNG."
        ) from error


def preprocess(
    source: ImageSource,
    image_size: int,
    mean: Sequence[int | float],
    std: Sequence[int | float],
    resize: str = "squash",
    interpolation: str = "bicubic",
) -> Float[Tensor, "3 image_size image_size"]:
    """An image, read by ``read_image``, as the tower wants it: ``(pixels / 255 - mean) / std``.

    ``resize="squash"`` (the default) maps the whole image onto the square, so that a defect at
    the border stays in sight and every map lies over the whole image. ``resize="crop"`` is
    CLIP's own preprocessing: shorter side to S, then the central square; of an image that is
    not square it throws the ends away. Equal to open_clip's transforms of both names
    ("squash" and "shortest"), anti-aliased by Pillow.

    Raises ImageError for the image, ValueError for an unknown ``resize`` or ``interpolation``.
    """
    image = read_image(source)
    if resize not in RESIZE_MODES:
        raise ValueError(f"resize must be one of {', '.join(RESIZE_MODES)}; found {resize!r}.")
    filters = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
    if interpolation not in filters:
        raise ValueError(
            f"interpolation must be one of {', '.join(filters)}; found {interpolation!r}."
        )
    width = height = image_size
    if resize == "crop":
        short = min(image.size)
        width, height = (int(image_size * side / short) for side in image.size)
    if image.size != (width, height):
        image = image.resize((width, height), filters[interpolation])
    left, top = round((width - image_size) / 2), round((height - image_size) / 2)
    image = image.crop((left, top, left + image_size, top + image_size))
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255
    return (pixels - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)


def seen_part(image: Image.Image, resize: str = "squash") -> Image.Image:
    """What ``preprocess`` shows the tower of a picture: all of it, or the central square.

    A map of a cropped picture lies over this part, not over the whole picture.
    """
    if resize == "squash":
        return image
    width, height = image.size
    short = min(width, height)
    left, top = round((width - short) / 2), round((height - short) / 2)
    return image.crop((left, top, left + short, top + short))


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


def _decode(image: Image.Image, name: str) -> Image.Image:
    """Upright 8-bit RGB out of an opened PIL image; ``name`` is for the message."""
    if 0 in image.size:
        raise ImageError(f"expected an image with pixels, found {name} of size {image.size}.")
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise ImageError(
                f"expected integers in 0..65535 in {name} (mode {image.mode}), found "
                f"{values.min()}..{values.max()}. Scale them to 8 or 16 bits first."
            )
        return _image_from_array(values.astype(np.uint16))
    if image.mode == "F":
        return _image_from_array(np.asarray(image))
    if "transparency" in image.info or image.mode in ("PA", "La", "RGBa"):
        image = image.convert("LA" if image.mode == "La" else "RGBA")
    return image.convert("RGB")


def _image_from_array(array: np.ndarray) -> Image.Image:
    shaped = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
    if not shaped or array.size == 0:
        hint = ""
        if array.ndim == 3 and array.shape[0] in (1, 3, 4):
            hint = " The channels seem to come first: use array.transpose(1, 2, 0)."
        raise ImageError(
            "expected an image array of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), found "
            f"{array.shape}.{hint}"
        )
    if array.dtype == np.bool_:
        array = array * np.uint8(255)
    elif array.dtype == np.uint16:
        array = np.rint(array / 257).astype(np.uint8)
    elif array.dtype.kind == "f":
        low, high = float(array.min()), float(array.max())
        if not (low >= -1e-6 and high <= 1 + 1e-6):  # also true for NaN
            raise ImageError(
                f"expected a float image in [0, 1], found {low:g}..{high:g}. Divide 8-bit values "
                "by 255, or pass them as uint8."
            )
        array = np.rint(np.clip(array.astype(np.float64), 0, 1) * 255).astype(np.uint8)
    elif array.dtype != np.uint8:
        raise ImageError(
            f"expected an image array of uint8, uint16, bool or float, found {array.dtype}. "
            "Convert it first: array.astype('uint8') for values in 0..255."
        )
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    return Image.fromarray(np.ascontiguousarray(array)).convert("RGB")
