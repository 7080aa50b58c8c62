"""From a file to a decoded picture that stands upright, whatever the format: the one door.

Pillow decodes; here is what it leaves to its callers: which formats, how many pixels, orientation,
damaged metadata around sound pixels, and one error in one line for whatever goes wrong.
"""

from __future__ import annotations

import io
import os
import struct
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from promptad_tutorial.files.names import is_raw, kind_of, printable, readable_formats

MAX_PIXELS = 178_956_970  # Pillow's own limit: 0.5 GB as RGB
PIXELS_VARIABLE, BITS_VARIABLE = "PROMPTAD_MAX_PIXELS", "PROMPTAD_BITS"
Found = TypeVar("Found")
_limit = threading.Lock()  # Pillow's limit is one for the whole process


class ImageError(ValueError):
    """An image that cannot be used: what was expected, what was found, what to do."""


@dataclass(frozen=True)
class Reading:
    """How files are read. Raises ValueError for settings out of their range."""

    max_pixels: int = MAX_PIXELS  # more are read smaller where the format can, else refused
    bits: int | None = None  # of 16 that the values of 16-bit files use; None: all, with a warning

    def __post_init__(self) -> None:
        if self.max_pixels < 1:
            raise ValueError(f"{PIXELS_VARIABLE} must be 1 or more, got {self.max_pixels}")
        if self.bits is not None and not 8 <= self.bits <= 16:
            raise ValueError(f"{BITS_VARIABLE} must be between 8 and 16, got {self.bits}")


def reading_from_environment(environment: Mapping[str, str] | None = None) -> Reading:
    """The settings in PROMPTAD_MAX_PIXELS and PROMPTAD_BITS. ValueError for what is no number."""
    known = os.environ if environment is None else environment
    found = {}
    for field, name in (("max_pixels", PIXELS_VARIABLE), ("bits", BITS_VARIABLE)):
        text = known.get(name, "").strip()
        try:
            found |= {field: int(text)} if text else {}
        except ValueError:
            raise ValueError(f"{name} must be a whole number, got {text!r}") from None
    return Reading(**found)


def decode(path: Path, reading: Reading) -> tuple[Image.Image, bool]:
    """The first picture in a file, decoded and upright, in the file's own mode.

    Also whether a colour picture had 16 bits a channel, of which Pillow keeps the upper 8. A JPEG
    or JPEG 2000 of more than `max_pixels` is decoded at 1/2, 1/4 or 1/8 of its size. `info`
    of the result has "format", and "frames" where there are several.

    Raises ImageError for whatever cannot be read.
    """
    shown = printable(str(path))

    def load(image: Image.Image) -> tuple[Image.Image, bool]:
        if 0 in image.size:
            raise ImageError(f"expected an image with pixels, found {shown} of {image.size}.")
        info = {"format": image.format, "frames": 1, "peak": None}
        with suppress(Exception):
            info["frames"] = int(getattr(image, "n_frames", 1))
        with suppress(Exception):
            info["peak"] = int(image.tag_v2.get(281)[0])  # type: ignore[attr-defined]  # MaxSample
        _fit(image, reading.max_pixels, shown)
        deep = ";16" in str(getattr(image, "tile", ""))
        image.load()
        found = upright(image)
        info["transparency"] = image.info.get("transparency")
        found.info = {k: v for k, v in info.items() if v is not None and (k, v) != ("frames", 1)}
        return found, deep and found.mode in ("RGB", "RGBA", "RGBX")

    return _through(path, shown, load)


def size_of(path: Path) -> tuple[int, int]:
    """(height, width) in pixels as the picture is shown, upright; only the header is read.

    Raises ImageError for a file that is not a readable picture.
    """

    def size(image: Image.Image) -> tuple[int, int]:
        lying = False
        with suppress(Exception):
            lying = image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
        lying &= image.format != "TIFF"  # Pillow has turned the size of these already
        return image.size if lying else image.size[::-1]

    return _through(path, printable(str(path)), size)


def upright(image: Image.Image) -> Image.Image:
    """A copy, turned as its EXIF says; damaged metadata around sound pixels say nothing."""
    with suppress(Exception):
        return ImageOps.exif_transpose(image)
    return image.copy()


def _through(path: Path, shown: str, do: Callable[[Image.Image], Found]) -> Found:
    """`do` with the opened picture, without its metadata where these are what breaks it.

    Whatever else happens is an ImageError that names the file.
    """
    try:
        if os.path.isdir(path):
            raise ImageError(
                f"expected an image file, found a folder: {shown}. Name a file inside it."
            )
        if not os.path.exists(path):
            raise ImageError(
                f"image file not found: {shown}. Check the path and the working folder."
            )
        if os.path.getsize(path) == 0:
            raise ImageError(f"image file is empty (0 bytes): {shown}. Copy it again.")
        if is_raw(path):
            raise ImageError(
                f"{shown} is a raw photograph: develop it, and save it as PNG or TIFF."
            )
        with warnings.catch_warnings():  # Pillow warns of odd files that it can read all the same
            warnings.simplefilter("ignore")
            try:
                with path.open("rb") as file, _opened(file) as image:
                    return do(image)  # by its name, Pillow maps the file and turns TIFFs wrongly
            except ImageError:
                raise
            except Exception:  # Pillow's decoders raise many classes
                for plain in _without_metadata(path):
                    try:
                        with _opened(io.BytesIO(plain)) as image:
                            return do(image)
                    except ImageError:
                        raise
                    except Exception:
                        continue
                raise
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError(
            f"no memory for the pixels of {shown}: make the picture smaller."
        ) from error
    except Exception as error:
        if isinstance(error, UnidentifiedImageError) and kind_of(path) == "unreadable":
            heif = path.suffix.casefold() in (".heic", ".heif", ".hif", ".heics", ".heifs")
            first = "install pillow-heif, or " if heif else ""
            raise ImageError(
                f"{shown} is a picture of a kind that Pillow cannot read here: {first}save it as "
                "PNG."
            ) from error
        reason = printable(f"{type(error).__name__}: {error}")
        raise ImageError(
            f"could not read {shown} as an image ({reason}). The file is broken, incomplete or of "
            "a kind that Pillow cannot open: copy it again, or save it as PNG."
        ) from error


def _opened(file: io.BufferedIOBase) -> Image.Image:
    with _limit:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # `_fit` looks at the size
        try:
            return Image.open(file, formats=readable_formats())
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _fit(image: Image.Image, most: int, shown: str) -> None:
    """Have a picture of too many pixels decoded smaller, or refuse it."""
    width, height = image.size
    if width * height <= most:
        return
    for scale in (2, 4, 8):
        if width * height / scale**2 <= most and min(width, height) >= scale:
            if image.format in ("JPEG", "MPO"):
                image.draft(None, (width // scale, height // scale))
            elif image.format == "JPEG2000":
                image.reduce = scale.bit_length() - 1
                return
            if image.width * image.height <= most:
                return
    raise ImageError(
        f"expected at most {most:,} pixels, found {width} x {height} in {shown}: set "
        f"{PIXELS_VARIABLE}={width * height} if there is memory for it, or make it smaller."
    )


def _without_metadata(path: Path) -> Iterator[bytes]:
    """A PNG or JPEG with what decides its pixels only, first with its EXIF and then without."""
    whole = path.read_bytes()
    for keep_exif in (True, False):
        if whole.startswith(b"\x89PNG\r\n\x1a\n"):
            yield _plain_png(whole, keep_exif)
        elif whole.startswith(b"\xff\xd8"):
            yield _plain_jpeg(whole, keep_exif)


def _plain_png(whole: bytes, keep_exif: bool) -> bytes:
    kept, at = whole[:8], 8
    extra = (b"tRNS", b"eXIf") if keep_exif else (b"tRNS",)
    while at + 12 <= len(whole):
        length, kind = struct.unpack(">I4s", whole[at : at + 8])
        chunk = whole[at : at + 12 + length]
        sound = len(chunk) >= 12 and zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")
        # damage in what decides the pixels stays an error
        if kind in (b"IHDR", b"PLTE", b"IDAT", b"IEND") or (sound and kind in extra):
            kept += chunk
        at += 12 + length
    return kept


def _plain_jpeg(whole: bytes, keep_exif: bool) -> bytes:
    kept, at = whole[:2], 2
    while at + 4 <= len(whole) and whole[at] == 0xFF and whole[at + 1] != 0xDA:  # until the scan
        marker, end = whole[at + 1], at + 2 + int.from_bytes(whole[at + 2 : at + 4], "big")
        segment = whole[at:end]
        exif = marker == 0xE1 and segment[4:8] == b"Exif" and keep_exif
        # of the application's data 0xE0 (JFIF) and 0xEE (Adobe) say what the channels are
        if exif or marker in (0xE0, 0xEE) or not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            kept += segment
        at = end
    return kept + whole[at:]
