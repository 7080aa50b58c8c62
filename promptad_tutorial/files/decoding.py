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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from promptad_tutorial.files.names import RAW, kind_of, printable, readable_formats

MAX_PIXELS = 178_956_970  # Pillow's own limit: 0.5 GB as RGB
DEPTHS = range(8, 17)  # bits of a 16-bit file that a camera may fill
PIXELS_VARIABLE, BITS_VARIABLE = "PROMPTAD_MAX_PIXELS", "PROMPTAD_BITS"
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
        if self.bits is not None and self.bits not in DEPTHS:
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
    of the result has "frames" where there are several, and "format".

    Raises ImageError for whatever cannot be read.
    """
    shown = printable(str(path))
    with _one_error(path, shown):
        try:
            with path.open("rb") as file:  # by its name, Pillow maps it and turns TIFFs wrongly
                return _load(file, reading, shown)
        except ImageError:
            raise
        except Exception:  # Pillow's decoders raise many classes; perhaps metadata alone is broken
            for plain in _without_metadata(path):
                try:
                    return _load(io.BytesIO(plain), reading, shown)
                except ImageError:
                    raise
                except Exception:
                    continue
            raise


def size_of(path: Path) -> tuple[int, int]:
    """(height, width) in pixels as the picture is shown; only the header is read.

    Raises ImageError for a file that is not a readable picture.
    """
    shown = printable(str(path))
    with _one_error(path, shown):
        try:
            with path.open("rb") as file, _opened(file) as image:
                return _upright_size(image)
        except Exception:
            for plain in _without_metadata(path):
                with _opened(io.BytesIO(plain)) as image:
                    return _upright_size(image)
            raise


def _load(file: io.BufferedIOBase, reading: Reading, shown: str) -> tuple[Image.Image, bool]:
    with _opened(file) as image:
        if 0 in image.size:
            raise ImageError(f"expected an image with pixels, found {shown} of {image.size}.")
        name, frames = image.format, _frames(image)
        _fit(image, reading.max_pixels, shown)
        deep = ";16" in str(getattr(image, "tile", ""))
        image.load()
        upright = _upright(image)
        if upright is image:
            upright = image.copy()
    info = {"transparency": image.info.get("transparency"), "format": name, "peak": _peak(image)}
    upright.info = {k: v for k, v in info.items() if v is not None}
    if frames > 1:
        upright.info["frames"] = frames
    return upright, deep and upright.mode in ("RGB", "RGBA", "RGBX")


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


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged metadata: the pixels are sound
        return image


def _upright_size(image: Image.Image) -> tuple[int, int]:
    try:
        lying = image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
    except Exception:
        lying = False
    if image.format == "TIFF":
        lying = False  # Pillow has turned the size of these already
    return (image.width, image.height) if lying else (image.height, image.width)


def _frames(image: Image.Image) -> int:
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:
        return 1


def _peak(image: Image.Image) -> int | None:
    try:
        return int(image.tag_v2.get(281)[0])  # type: ignore[attr-defined]  # MaxSampleValue
    except Exception:
        return None


@contextmanager
def _one_error(path: Path, shown: str) -> Iterator[None]:
    """Whatever happens inside is an ImageError that names the file."""
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
        suffix = path.suffix.casefold()
        if suffix in RAW:
            raise ImageError(
                f"{shown} is a raw photograph: develop it, and save it as PNG or TIFF."
            )
        with warnings.catch_warnings():  # Pillow warns of odd files that it can read all the same
            warnings.simplefilter("ignore")
            yield
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


def _without_metadata(path: Path) -> Iterator[bytes]:
    """A PNG or JPEG with what decides its pixels only, first with its EXIF and then without."""
    whole = path.read_bytes()
    for keep_exif in (True, False):
        if whole.startswith(b"\x89PNG\r\n\x1a\n"):
            yield _plain_png(whole, keep_exif)
        elif whole.startswith(b"\xff\xd8"):
            yield _plain_jpeg(whole, keep_exif)


def _plain_png(whole: bytes, keep_exif: bool) -> bytes:
    kept, at = [whole[:8]], 8
    while at + 12 <= len(whole):
        length, kind = struct.unpack(">I4s", whole[at : at + 8])
        end = at + 12 + length
        chunk = whole[at:end]
        sound = len(chunk) >= 12 and zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")
        needed = kind in (b"IHDR", b"PLTE", b"IDAT", b"IEND")  # damage in these stays an error
        if needed or (sound and (kind == b"tRNS" or (kind == b"eXIf" and keep_exif))):
            kept.append(chunk)
        at = end
    return b"".join(kept)


def _plain_jpeg(whole: bytes, keep_exif: bool) -> bytes:
    kept, at = [whole[:2]], 2
    while at + 4 <= len(whole) and whole[at] == 0xFF:
        marker = whole[at + 1]
        if marker == 0xDA:  # the scan: pixels to the end
            break
        end = at + 2 + int.from_bytes(whole[at + 2 : at + 4], "big")
        start = whole[at + 4 : at + 10]
        colours = marker in (0xE0, 0xEE)  # JFIF and Adobe say what the channels are
        exif = marker == 0xE1 and start.startswith(b"Exif") and keep_exif
        if colours or exif or not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            kept.append(whole[at:end])
        at = end
    return b"".join([*kept, whole[at:]])
