"""Pixels of any kind as 8-bit RGB, and what a mask's values mean."""

from __future__ import annotations

import warnings

import numpy as np
from jaxtyping import Bool, Num
from PIL import Image, ImageCms

from promptad_tutorial.files.decoding import BITS_VARIABLE, ImageError, Reading

BACKGROUND = (255, 255, 255)  # seen through transparent pixels, as a page shows them
MOST_VALUES = 8  # that a mask may hold and still be labels; above, it has soft edges
LABELS_BELOW = 64  # a mask whose values stay below, without a gap, numbers its regions
LOSSY = ("JPEG", "MPO", "WEBP", "AVIF", "HEIF", "JPEG2000")


def rgb_of(image: Image.Image, name: str, reading: Reading, deep: bool = False) -> Image.Image:
    """8-bit RGB out of a decoded image of any mode; `name` is for messages.

    Transparency is composited on BACKGROUND. `deep`: Pillow took the upper 8 of 16 bits.
    Raises ImageError for values out of range.
    """
    if 0 in image.size:
        raise ImageError(f"expected an image with pixels, found {name} of size {image.size}.")
    if image.mode.startswith("I"):
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise ImageError(
                f"expected integers in 0..65535 in {name} (mode {image.mode}), found "
                f"{values.min()}..{values.max()}. Scale them to 8 or 16 bits first."
            )
        clear = image.info.get("transparency")
        grey = _from_16_bits(values.astype(np.uint16), name, reading, image.info.get("peak"))
        if isinstance(clear, int):
            grey = np.where(values == clear, np.uint8(BACKGROUND[0]), grey)
        return Image.fromarray(grey).convert("RGB")
    if image.mode == "F":
        return image_from_array(np.asarray(image), reading)
    found = _over(image, BACKGROUND)
    if deep and reading.bits is not None and reading.bits < 16:
        raise ImageError(
            f"expected grey pictures with {BITS_VARIABLE}={reading.bits}, found 16-bit colour in "
            f"{name}: of these the lower bits cannot be read; save it with 8 bits a channel."
        )
    if deep:
        _warn_of_depth(deep_peak(found))
    return found


def deep_peak(upper: Image.Image) -> int:
    """The highest value that a colour picture can have had, by the upper 8 of its 16 bits."""
    return 256 * max(high for _, high in upper.getextrema()) + 255


def image_from_array(array: np.ndarray, reading: Reading) -> Image.Image:
    """8-bit RGB out of an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4). Raises ImageError."""
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
        array = _from_16_bits(array, "the array", reading)
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
    return _over(Image.fromarray(np.ascontiguousarray(array)), BACKGROUND)


def mask_values(image: Image.Image) -> Num[np.ndarray, "h w"]:
    """One value per pixel of a decoded mask: the largest of its channels; transparent is 0."""
    if image.mode in ("1", "L") and "transparency" not in image.info:
        return np.asarray(image).astype(np.uint8)
    if image.mode.startswith("I") or image.mode == "F":
        return np.asarray(image)
    return np.asarray(_over(image, (0, 0, 0))).max(axis=2)


def marked(values: Num[np.ndarray, "h w"], lossy: bool = False) -> Bool[np.ndarray, "h w"]:
    """Which pixels a mask calls anomalous, by its values.

    Few values are labels (0 and 255; VisA's 0..n; LOCO's 236..255), and each above 0 counts; so do
    many that number their regions 1, 2, 3, ... Anything else has soft edges, from resizing or from
    lossy compression, and is cut at half of its maximum. `lossy`: a format that blurs.

    >>> marked(np.array([[0, 1, 2], [0, 0, 3]])).sum()
    np.int64(3)
    """
    found = np.unique(values[values > 0])
    if found.size == 0:
        return np.zeros(values.shape, dtype=bool)
    peak = float(found[-1])
    bright = peak >= LABELS_BELOW
    numbered = not bright and bool((np.diff(found) == 1).all())
    # a handful of values close to 0 below a bright one: what compression leaves around an edge
    noisy = peak >= 2 * LABELS_BELOW and found[0] <= 16 and found.size >= 4
    if (lossy and bright) or (not numbered and (found.size >= MOST_VALUES or noisy)):
        return values > peak / 2
    if numbered or found.size == 1 or not bright:
        return values > 0
    soft = [v for v in found if v <= peak / 2 and _has_no_inside(values == v)]
    return (values > 0) & ~np.isin(values, soft)


def used_bits(peak: int) -> int:
    """The bits that values up to `peak` fill, of those that cameras have: 8, 10, 12, 14 or 16."""
    return next(bits for bits in (8, 10, 12, 14, 16) if peak < 2**bits)


def _has_no_inside(region: Bool[np.ndarray, "h w"]) -> bool:
    """No 2 x 2 block: an edge that was blurred, where a label would have an inside."""
    inside = region[:-1, :-1] & region[1:, :-1] & region[:-1, 1:] & region[1:, 1:]
    return not inside.any()


def _over(image: Image.Image, colour: tuple[int, int, int]) -> Image.Image:
    """RGB of an 8-bit image of any mode, on `colour` where it is transparent."""
    if image.mode == "LAB":
        srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        return ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    if "transparency" not in image.info and image.mode not in ("LA", "La", "PA", "RGBA", "RGBa"):
        return image.convert("RGB")
    image = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
    if image.getchannel("A").getextrema() == (255, 255):
        return image.convert("RGB")
    ground = Image.new("RGBA", image.size, (*colour, 255))
    return Image.alpha_composite(ground, image).convert("RGB")


def _from_16_bits(
    values: np.ndarray, name: str, reading: Reading, tag: int | None = None
) -> np.ndarray:
    """uint16 to uint8: 2^bits - 1 becomes 255. The bits are those of the setting or the file."""
    peak = int(values.max())
    bits = reading.bits
    if bits is None and tag is not None and peak <= tag:
        bits = next((b for b in (8, 10, 12, 14) if tag == 2**b - 1), None)
    if bits is None:
        _warn_of_depth(peak)
        bits = 16
    if peak >= 2**bits:
        raise ImageError(
            f"expected values of {bits} bits ({BITS_VARIABLE}) in {name}, found {peak}: set "
            f"{BITS_VARIABLE}={used_bits(peak)}, the same for all pictures."
        )
    return np.rint(values / ((2**bits - 1) / 255)).astype(np.uint8)


def _warn_of_depth(peak: int) -> None:
    bits = used_bits(peak)
    if peak and bits < 16:
        # without the file's name, so that it is said once and not for each of 10,000 pictures
        warnings.warn(
            f"16-bit pictures whose values fill {bits} bits only: they are read as nearly black. "
            f"If the camera gives {bits} bits, set {BITS_VARIABLE}={bits} when learning and "
            "scoring",
            stacklevel=2,
        )
