"""One look at each picture and mask: does it open, how large is it, what is in it?"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from joblib import Parallel, delayed
from PIL import Image
from tqdm.auto import tqdm

from promptad_tutorial.files.pictures import ImageError, read_image

MOST_VALUES = 8  # that a mask may hold and still be labels; above, it has grey edges

Look = TypeVar("Look")


@dataclass(frozen=True)
class PictureLook:
    """A picture: its size as it is shown and a digest of its pixels, or why it does not open."""

    size: tuple[int, int] | None = None  # (height, width)
    digest: str = ""  # equal for equal pixels, whatever the file's format and name
    error: str = ""


@dataclass(frozen=True)
class MaskLook:
    """A mask: its size, the values in it and the share that is marked, or why it does not open."""

    size: tuple[int, int] | None = None  # (height, width)
    values: tuple[int, ...] = ()  # the first MOST_VALUES + 1 of them, ascending
    marked: float = 0.0  # share of the pixels that `datasets.read_mask` calls anomalous
    lossy: bool = False  # a JPEG
    error: str = ""


def look_at_picture(path: Path) -> PictureLook:
    """Decode the whole picture, as scoring it would: a header may be right and the rest cut off."""
    try:
        with warnings.catch_warnings():  # Pillow warns of odd files that it can read all the same
            warnings.simplefilter("ignore")
            image = read_image(path)
    except (ImageError, OSError) as error:
        return PictureLook(error=_reason(error))
    digest = hashlib.sha256(f"{image.size}".encode())
    digest.update(image.tobytes())
    return PictureLook((image.height, image.width), digest.hexdigest())


def look_at_mask(path: Path) -> MaskLook:
    """Decode the mask; its values are counted as `datasets.read_mask` counts them."""
    try:
        with Image.open(path) as image:
            lossy = image.format == "JPEG"
            if image.mode in ("P", "PA", "RGBA", "CMYK", "YCbCr", "HSV", "LAB"):
                values = np.asarray(image.convert("RGB"))
            else:
                values = np.asarray(image)
            if image.mode == "LA":
                values = values[..., 0]
    except Exception as error:  # Pillow's decoders raise many classes for broken files
        return MaskLook(error=_reason(error))
    if values.ndim == 3:
        values = values.max(axis=2)
    found = np.unique(values)[: MOST_VALUES + 1]
    marked = float((values > (127 if lossy else 0)).mean())
    return MaskLook(values.shape, tuple(int(v) for v in found), marked, lossy)


def look_at_all(
    look: Callable[[Path], Look], paths: Sequence[Path], what: str, jobs: int = -1
) -> dict[Path, Look]:
    """`look` at every path, in threads: decoding and digests leave Python's lock free."""
    unique = list(dict.fromkeys(paths))
    run = Parallel(n_jobs=jobs, prefer="threads", return_as="generator")
    results = run(delayed(look)(path) for path in unique)
    shown = tqdm(results, what, total=len(unique), leave=False)
    return dict(zip(unique, shown, strict=True))


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
