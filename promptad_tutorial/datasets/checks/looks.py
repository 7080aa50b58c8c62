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
from tqdm.auto import tqdm

from promptad_tutorial.files.decoding import decode, reading_from_environment
from promptad_tutorial.files.names import printable
from promptad_tutorial.files.pixels import (
    LOSSY,
    MOST_VALUES,
    deep_peak,
    marked,
    mask_values,
    rgb_of,
    used_bits,
)

Look = TypeVar("Look")


@dataclass(frozen=True)
class PictureLook:
    """A picture: its size as it is shown and a digest of its pixels, or why it does not open."""

    size: tuple[int, int] | None = None  # (height, width)
    digest: str = ""  # equal for equal pixels, whatever the file's format and name
    bits: int | None = None  # of 16 that its values fill; None for 8-bit pictures
    frames: int = 1
    error: str = ""


@dataclass(frozen=True)
class MaskLook:
    """A mask: its size, the values in it and the share that is marked, or why it does not open."""

    size: tuple[int, int] | None = None  # (height, width)
    values: tuple[int | float, ...] = ()  # the first MOST_VALUES + 1 of them, ascending
    marked: float = 0.0  # share of the pixels that `datasets.read_mask` calls anomalous
    lossy: bool = False  # a JPEG or another format that blurs
    soft: bool = False  # there are values above 0 that do not count
    error: str = ""


def look_at_picture(path: Path) -> PictureLook:
    """Decode the whole picture, as scoring it would: a header may be right and the rest cut off."""
    reading = reading_from_environment()
    try:
        image, deep = decode(path, reading)
        with warnings.catch_warnings():  # of depth, which is told of all the pictures together
            warnings.simplefilter("ignore")
            rgb = rgb_of(image, printable(path.name), reading, deep)
    except (ValueError, OSError) as error:
        return PictureLook(error=" ".join(str(error).split()))
    bits = None
    if deep:
        bits = used_bits(deep_peak(rgb))
    elif image.mode.startswith("I") and "peak" not in image.info and reading.bits is None:
        bits = used_bits(int(np.asarray(image).max()))
    digest = hashlib.sha256(f"{rgb.size}".encode() + rgb.tobytes()).hexdigest()
    return PictureLook((rgb.height, rgb.width), digest, bits, image.info.get("frames", 1))


def look_at_mask(path: Path) -> MaskLook:
    """Decode the mask; its values are counted as `datasets.read_mask` counts them."""
    try:
        image, _ = decode(path, reading_from_environment())
        values, lossy = mask_values(image), image.info["format"] in LOSSY
    except (ValueError, OSError) as error:
        return MaskLook(error=" ".join(str(error).split()))
    counted = marked(values, lossy)
    soft = bool((counted != (values > 0)).any())
    found = np.unique(values)[: MOST_VALUES + 1].tolist()
    return MaskLook(values.shape, tuple(found), float(counted.mean()), lossy, soft)


def look_at_all(
    look: Callable[[Path], Look], paths: Sequence[Path], what: str, jobs: int = -1
) -> dict[Path, Look]:
    """`look` at every path, in threads: decoding and digests leave Python's lock free."""
    unique = list(dict.fromkeys(paths))
    run = Parallel(n_jobs=jobs, prefer="threads", return_as="generator")
    results = run(delayed(look)(path) for path in unique)
    return dict(zip(unique, tqdm(results, what, len(unique), leave=False), strict=True))
