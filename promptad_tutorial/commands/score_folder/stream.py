"""A stream of pictures through a detector: batch by batch, so that memory does not grow."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from promptad_tutorial.clip.out_of_memory import HalvingBatches
from promptad_tutorial.detectors import Detector
from promptad_tutorial.files.pictures import ImageError, read_image, seen_part
from promptad_tutorial.scoring import Scores

LARGEST_SHOWN = 1024  # pixels: the longer side of a picture that is kept to be drawn on


@dataclass(frozen=True)
class Inspected:
    """What was found for one picture: a score with its map, or an error."""

    path: Path
    score: float | None = None
    anomaly_map: Float[np.ndarray, "s s"] | None = None
    picture: Image.Image | None = None  # 8-bit RGB, at most LARGEST_SHOWN pixels a side
    error: str = ""  # why there is no score
    frames: int = 1  # in the file; the first is scored
    pixels: Float[Tensor, "3 size size"] | None = None  # as the image tower wants them, until then


def inspect(
    detector: Detector,
    paths: Sequence[Path],
    batch_size: int = 16,
    keep_pictures: bool = True,
) -> Iterator[Inspected]:
    """Score every picture, in the order of `paths`; a picture that cannot be read is an error.

    No more than `batch_size` pictures are in memory, in small; when memory runs out, half as many
    from there on (see `out_of_memory`). `keep_pictures`: hand out the picture too, to draw on.

    Raises ValueError for a batch size below 1, RuntimeError if the detector has learnt nothing.
    """
    batches: HalvingBatches[Inspected, Scores] = HalvingBatches(
        lambda ready: detector.score([one.pixels for one in ready]), batch_size
    )
    start = 0
    while start < len(paths):
        some = paths[start : start + batches.size]
        start += len(some)
        read = [_read(detector, path, keep_pictures) for path in some]
        scored = _scored(batches, [one for one in read if one.pixels is not None])
        for one in read:  # in order, errors between the others
            yield one if one.pixels is None else next(scored)


def _read(detector: Detector, path: Path, keep: bool) -> Inspected:
    try:
        image = read_image(path)
        frames = image.info.get("frames", 1)
        pixels = detector.backbone.preprocess(image)
    except (ImageError, OSError) as error:
        return Inspected(path, error=" ".join(str(error).split()))
    if keep:
        image = seen_part(image, detector.backbone.resize)
        image.thumbnail((LARGEST_SHOWN, LARGEST_SHOWN))
    return Inspected(path, picture=image if keep else None, frames=frames, pixels=pixels)


def _scored(
    batches: HalvingBatches[Inspected, Scores], ready: list[Inspected]
) -> Iterator[Inspected]:
    for batch, scores in batches(ready):
        for one, score, height in zip(batch, scores.image_scores, scores.anomaly_maps, strict=True):
            if math.isfinite(score) and np.isfinite(height).all():
                yield replace(one, score=float(score), anomaly_map=height, pixels=None)
            else:  # NaN is above no threshold: without this it would pass as good
                yield Inspected(one.path, error="the score is not finite: try it in float32")
