"""One look into the files of a sample: do they open, how large are they, what is in them?"""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from promptad_tutorial.datasets.findings import Findings
from promptad_tutorial.datasets.masks import mask_files, same_shape
from promptad_tutorial.datasets.samples import Sample
from promptad_tutorial.files import pixels
from promptad_tutorial.files.decoding import decode, reading_from_environment
from promptad_tutorial.files.names import printable


@dataclass(frozen=True)
class Look:
    """What was found, and of the picture, where it opens, what is compared with others."""

    found: Findings
    size: tuple[int, int] | None = None  # (height, width) as it is shown
    digest: str = ""  # equal for equal pixels, whatever the file's format and name
    bits: int | None = None  # of 16 that its values fill; None for 8-bit pictures


def look_at(sample: Sample, root: Path, min_side: int) -> Look:
    """Decode the picture and its masks as scoring would: a header may be right, the rest cut off.

    A finding that `stops` is of a file that is of no use.
    """
    look = _look_at_picture(sample.image, Findings(root), min_side)
    for path in mask_files(sample.mask) if sample.mask else ():
        _look_at_mask(path, look.size, look.found)
    return look


def _look_at_picture(path: Path, found: Findings, min_side: int) -> Look:
    reading, bits = reading_from_environment(), None
    try:
        image, deep = decode(path, reading)
        with warnings.catch_warnings():  # of depth, which is told of all the pictures together
            warnings.simplefilter("ignore")
            rgb = pixels.rgb_of(image, printable(path.name), reading, deep)
    except (ValueError, OSError) as error:
        what = f"cannot be read ({' '.join(str(error).split())})"
        found.fix(path, what, "copy it again, or remove it", ValueError)
        return Look(found)
    if min(rgb.size) < min_side:
        what = f"too small ({rgb.width} x {rgb.height} pixels, less than {min_side})"
        found.fix(path, what, "take it from the original, not from a thumbnail")
    if "frames" in image.info:
        what = f"{image.info['frames']} frames"
        found.note(path, what, "nothing to do: the first one is used")
    if deep:
        bits = pixels.used_bits(pixels.deep_peak(rgb))
    elif image.mode.startswith("I") and "peak" not in image.info and reading.bits is None:
        bits = pixels.used_bits(int(np.asarray(image).max()))
    digest = hashlib.sha256(f"{rgb.size}".encode() + rgb.tobytes()).hexdigest()
    return Look(found, (rgb.height, rgb.width), digest, bits)


def _look_at_mask(path: Path, size: tuple[int, int] | None, found: Findings) -> None:
    """Its values are counted as `datasets.read_mask` counts them; `size` is the picture's."""
    try:
        image, _ = decode(path, reading_from_environment())
        values, lossy = pixels.mask_values(image), image.info["format"] in pixels.LOSSY
    except (ValueError, OSError) as error:
        what = f"the mask cannot be read ({' '.join(str(error).split())})"
        found.fix(path, what, "copy it or draw it again", ValueError)
        return
    counted = pixels.marked(values, lossy)
    soft = (counted != (values > 0)).any()
    several = np.unique(values)[: pixels.MOST_VALUES + 1].tolist()
    listed = ", ".join(map(str, several))
    (h, w), (height, width) = values.shape, size or values.shape
    sizes = f"the mask is {w} x {h} pixels, its picture {width} x {height}"
    if not same_shape((h, w), (height, width)):
        found.fix(path, sizes, "export it again at the picture's size", ValueError)
        return
    if not counted.any():
        what = f"the mask marks nothing (values {listed})"
        found.fix(path, what, "mark the defect, or move the picture to good", ValueError)
        return
    if counted.all():
        what = f"the mask marks the whole picture (values {listed})"
        found.fix(path, what, "the background must be 0: it may be inverted", ValueError)
        return
    if (h, w) != (height, width):
        found.note(path, sizes, "nothing to do: it has the same shape and is scaled")
    if counted.mean() > 0.5:
        what = f"the mask marks {100 * counted.mean():.0f} % of the picture"
        found.note(path, what, "look at it: it may be inverted")
    if lossy and soft:
        what = "a mask in a format that blurs, cut at half of its maximum"
        found.note(path, what, "save masks as PNG")
    elif soft:
        what = f"odd mask values ({listed}, ...): it has soft edges, cut at half of the maximum"
        found.fix(path, what, "export it with 0 and 255 only")
    elif len(several) > 2:
        remedy = "nothing to do if they are kinds of defects: every value above 0 counts as defect"
        found.note(path, f"odd mask values ({listed})", remedy)
