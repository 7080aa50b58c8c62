"""Random bytes and mutated pictures: a picture or an ImageError, and no more memory than the limit.

The examples are the same in every run; HYPOTHESIS_EXAMPLES=5000 tries more.
"""

from __future__ import annotations

import io
import os
import resource
import warnings
from functools import cache

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from promptad_tutorial.files.decoding import ImageError, Reading, size_of
from promptad_tutorial.files.pictures import read_image, read_mask

KINDS = (
    "PNG",
    "JPEG",
    "GIF",
    "BMP",
    "TIFF",
    "WEBP",
    "AVIF",
    "JPEG2000",
    "PPM",
    "TGA",
    "ICO",
    "QOI",
)
READING = Reading(max_pixels=1_000_000)
MOST = 400 * 2**20  # bytes: of the whole process above what it held, most of it Pillow's plug-ins
EXAMPLES = settings(
    max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", "150")),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@cache
def sound(kind: str) -> bytes:
    file = io.BytesIO()
    values = np.random.default_rng(1).integers(0, 256, (40, 32, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    how = {"exif": exif} if kind in ("PNG", "JPEG", "WEBP", "TIFF", "AVIF") else {}
    Image.fromarray(values).save(file, kind, **how)
    return file.getvalue()


def read(path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for door in (lambda: read_image(path, READING), lambda: read_mask(path, READING)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                warnings.filterwarnings("ignore", message="16-bit pictures whose values")
                found = door()
        except ImageError as error:
            assert len(str(error).splitlines()) == 1
        else:
            size = found.size if isinstance(found, Image.Image) else found.shape
            assert size[0] * size[1] <= READING.max_pixels
            assert size_of(path)[0] > 0
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    assert grown < MOST


@EXAMPLES
@given(data=st.binary(max_size=400))
def test_random_bytes(tmp_path, data):
    (tmp_path / "a.png").write_bytes(data)
    read(tmp_path / "a.png")


@EXAMPLES
@given(
    kind=st.sampled_from(KINDS),
    changes=st.lists(st.tuples(st.integers(0, 120), st.integers(0, 255)), min_size=1, max_size=6),
    cut=st.integers(0, 5000),
)
def test_mutated_headers(tmp_path, kind, changes, cut):
    data = bytearray(sound(kind))
    for at, value in changes:
        if at < len(data):
            data[at] = value
    (tmp_path / "a.dat").write_bytes(bytes(data[: len(data) - cut] if cut < 60 else data))
    if len(data):
        read(tmp_path / "a.dat")


@EXAMPLES
@given(
    kind=st.sampled_from(KINDS),
    at=st.integers(0, 4000),
    more=st.binary(max_size=20),
    gone=st.integers(0, 20),
)
def test_bytes_that_were_put_in_or_lost(tmp_path, kind, at, more, gone):
    data = sound(kind)
    at %= len(data)
    (tmp_path / "a.dat").write_bytes(data[:at] + more + data[at + gone :])
    read(tmp_path / "a.dat")
