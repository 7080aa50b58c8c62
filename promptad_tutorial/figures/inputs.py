"""What a figure may be made of: pictures, masks, maps, numbers and names, each checked once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from PIL import Image

from promptad_tutorial.files.pictures import list_images, read_image

# Arrays, tensors or nested lists. Written as Any so that a wrong thing meets the ValueErrors below.
ArrayLike: TypeAlias = Any

SHOWN_SIDE = 224  # pixels: pictures are shrunk to it, which keeps notebooks small


def as_pictures(images: Any) -> list[UInt8[np.ndarray, "_ _ 3"]]:
    """One picture or many, of any kind that `images.read_image` takes, at most 224 px a side.

    Raises ImageError (a ValueError) for what is no picture, and for none at all.
    """
    pictures = []
    for source in list_images(images):
        picture = read_image(source)
        picture.thumbnail((SHOWN_SIDE, SHOWN_SIDE), Image.Resampling.LANCZOS)
        pictures.append(np.asarray(picture))
    return pictures


def as_array(values: ArrayLike, name: str) -> np.ndarray:
    """An array, tensor or nested list as a NumPy array of numbers or booleans; else ValueError."""
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        values = values.float() if values.is_floating_point() else values
    try:
        array = np.asarray(values)
    except ValueError:  # a list of lists of different lengths
        array = np.empty(0, dtype=object)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"expected {name} to be numbers in an array, found {_describe(values)}")
    return array


def as_numbers(values: ArrayLike, name: str, ndim: int = 1) -> Float[np.ndarray, ...]:
    """Finite numbers in an array of `ndim` dimensions, none of them empty; else ValueError."""
    array = as_array(values, name)
    if array.ndim != ndim or array.size == 0:
        raise ValueError(
            f"expected {name} to be {'a list' if ndim == 1 else f'an array of {ndim} dimensions'} "
            f"of numbers, found shape {array.shape}"
        )
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"expected {name} to be finite, found NaN or infinity")
    return array


def as_maps(maps: ArrayLike, count: int) -> list[Float[np.ndarray, "_ _"]]:
    """`count` anomaly maps of two dimensions and finite numbers; else ValueError."""
    return [as_numbers(one, "each anomaly map", ndim=2) for one in _each(maps, count, "maps")]


def as_masks(masks: ArrayLike, count: int) -> list[Bool[np.ndarray, "_ _"]]:
    """`count` masks as booleans: above 0 is anomalous. None stands for a picture without defect.

    Raises ValueError for another number of masks or of dimensions.
    """
    given = (np.zeros((2, 2)) if one is None else one for one in _each(masks, count, "masks"))
    return [as_numbers(one, "each mask", ndim=2) > 0 for one in given]


def as_names(names: Any, count: int, role: str) -> list[str]:
    """`count` texts; ValueError, naming their `role`, for another number."""
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise ValueError(f"expected {role} as a list of texts, found {_describe(names)}")
    if len(names) != count:
        raise ValueError(f"expected {count} {role}, found {len(names)}")
    return [str(name) for name in names]


def check_limits(limits: tuple[float, float] | None) -> None:
    """Raise ValueError for limits (low, high) that are turned; None is none."""
    if limits is not None and not limits[0] < limits[1]:
        raise ValueError(f"expected limits (low, high) with low below high, found {limits}")


def _each(items: ArrayLike, count: int, name: str) -> list[Any]:
    if isinstance(items, (np.ndarray, torch.Tensor)) and items.ndim == 2:
        items = [items]  # one mask or map for one picture
    if not isinstance(items, (Sequence, np.ndarray, torch.Tensor)) or len(items) != count:
        number = len(items) if hasattr(items, "__len__") else _describe(items)
        raise ValueError(f"expected {count} {name}, one for each picture, found {number}")
    return list(items)


def _describe(value: Any) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) < 60 else text[:57] + '...'}"
