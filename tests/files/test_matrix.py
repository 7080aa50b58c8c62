"""Every format, mode, orientation, transparency and damage: the right pixels, or one line."""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from promptad_tutorial.files.decoding import ImageError, Reading, reading_from_environment, size_of
from promptad_tutorial.files.pictures import read_image, read_mask

H, W = 24, 40
GREYS = np.add.outer(np.arange(H) * 4, np.arange(W) * 3).astype(np.uint8)  # smooth, no symmetry
RGB = np.dstack([GREYS, 255 - GREYS, np.full_like(GREYS, 90)])
RGB[:6, :8] = (250, 20, 20)
CLEAR = np.zeros((H, W), np.uint8)
CLEAR[:, W // 2 :] = 255

TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}
LOSSLESS = {"webp": {"lossless": True, "exact": True}, "jp2": {}, "jpg": {"quality": 98}}
WITH_EXIF = {
    "png": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "tif": ("1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "F"),
    "jpg": ("L", "RGB", "CMYK"),
    "webp": ("RGB", "RGBA"),
    "avif": ("RGB", "RGBA"),
}
WITHOUT = {
    "bmp": ("1", "L", "P", "RGB"),
    "gif": ("L", "P", "RGB"),
    "jp2": ("L", "LA", "RGB", "RGBA"),
    "ppm": ("L", "RGB"),
    "pgm": ("L", "I;16"),
    "tga": ("L", "RGB", "RGBA"),
    "qoi": ("RGB", "RGBA"),
    "pcx": ("L", "RGB"),
    "sgi": ("L", "RGB"),
    "dib": ("RGB",),
    "jfif": ("L", "RGB"),
    "JPE": ("RGB",),
    "apng": ("RGB",),
    "im": ("RGB",),
    "dds": ("RGBA",),
}
CASES = [(f, m, o) for f, modes in WITH_EXIF.items() for m in modes for o in TURNS]
CASES += [(f, m, 1) for f, modes in WITHOUT.items() for m in modes]


def picture(mode: str) -> tuple[Image.Image, np.ndarray]:
    """A picture of one mode, and what it looks like: 8-bit RGB on white."""
    grey = np.dstack([GREYS] * 3)
    if mode == "1":
        bits = GREYS > 90
        return Image.fromarray(bits), np.dstack([bits * np.uint8(255)] * 3)
    if mode == "I;16":
        return Image.fromarray(GREYS.astype(np.uint16) * 257), grey
    if mode == "F":
        return Image.fromarray((GREYS / 255).astype(np.float32)), grey
    if mode == "P":
        made = Image.fromarray(RGB).quantize(32)
        return made, np.asarray(made.convert("RGB"))
    if mode == "CMYK":
        return Image.fromarray(RGB).convert("CMYK"), RGB
    if mode == "L":
        return Image.fromarray(GREYS), grey
    if mode == "RGB":
        return Image.fromarray(RGB), RGB
    seen = np.where(CLEAR[..., None] > 0, RGB if mode == "RGBA" else grey, 255)
    below = [RGB, CLEAR] if mode == "RGBA" else [GREYS, CLEAR]
    return Image.fromarray(np.dstack(below), mode if mode == "LA" else None), seen


def exif_of(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def save(path: Path, image: Image.Image, orientation: int = 1) -> Path:
    how = LOSSLESS.get(path.suffix[1:], {})
    if orientation > 1:
        how = how | {"exif": exif_of(orientation)}
    kind = {".JPE": "JPEG", ".jfif": "JPEG", ".apng": "PNG", ".dib": "DIB"}.get(path.suffix)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image.save(path, kind, **how)
    return path


@pytest.mark.parametrize(("suffix", "mode", "orientation"), CASES)
def test_every_format_and_mode_is_read_as_it_is_seen(tmp_path, suffix, mode, orientation):
    image, seen = picture(mode)
    path = save(tmp_path / f"a.{suffix}", image, orientation)
    found = read_image(path)
    expected = TURNS[orientation](seen).astype(int)
    assert found.mode == "RGB" and size_of(path) == found.size[::-1] == expected.shape[:2]
    off = np.abs(np.asarray(found).astype(int) - expected)
    if suffix in ("jpg", "jfif", "JPE", "avif"):
        assert off.mean() < 8 and np.quantile(off, 0.8) < 16
    else:
        assert off.max() <= (2 if mode in ("CMYK", "P") or suffix == "gif" else 0)


def test_there_are_more_than_120_combinations():
    assert len(CASES) >= 120


# --- masks ----------------------------------------------------------------------------------

TRUTH = np.zeros((H, W), bool)
TRUTH[2:11, 3:19] = TRUTH[20:, :5] = True


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_a_masks_own_orientation_is_honoured(tmp_path, suffix, orientation):
    path = save(tmp_path / f"m.{suffix}", Image.fromarray(TRUTH * np.uint8(255)), orientation)
    np.testing.assert_array_equal(read_mask(path), TURNS[orientation](TRUTH))
    assert size_of(path) == TURNS[orientation](TRUTH).shape


@pytest.mark.parametrize("values", [(1, 2), (3, 5), (236, 255), (255, 255), (249, 250), (1, 1)])
def test_labels_all_count(tmp_path, values):
    labels = np.where(TRUTH, values[0], 0).astype(np.uint8)
    labels[20:, :5] = values[1]
    np.testing.assert_array_equal(
        read_mask(save(tmp_path / "m.png", Image.fromarray(labels))), TRUTH
    )


def test_many_numbered_regions_all_count(tmp_path):
    regions = np.zeros((H, W), np.uint8)
    for i in range(12):
        regions[2 * i, 3 : 3 + i + 1] = i + 1
    found = read_mask(save(tmp_path / "m.png", Image.fromarray(regions)))
    np.testing.assert_array_equal(found, regions > 0)


SCALE = 12
LARGE = np.kron(TRUTH, np.ones((SCALE, SCALE), bool))


@pytest.mark.parametrize("how", ["lossy webp", "jpeg as png", "jpeg", "avif", "bilinear", "x2"])
def test_soft_edges_are_cut_at_half(tmp_path, how):
    sharp = Image.fromarray(LARGE * np.uint8(255))
    path, truth = tmp_path / "m.png", LARGE
    if how == "lossy webp":
        path = tmp_path / "m.webp"
        sharp.convert("RGB").save(path, quality=60)
    elif how == "avif":
        path = tmp_path / "m.avif"
        sharp.convert("RGB").save(path, quality=50)
    elif how.startswith("jpeg"):
        sharp.save(tmp_path / "m.jpg", quality=60)
        if how == "jpeg":
            path = tmp_path / "m.jpg"
        else:
            Image.open(tmp_path / "m.jpg").save(path)
    elif how == "bilinear":
        sharp.resize((W * 5, H * 5), Image.Resampling.BILINEAR).save(path)
        truth = np.kron(TRUTH, np.ones((5, 5), bool))
    else:
        sharp.resize((W * 24, H * 24), Image.Resampling.BILINEAR).save(path)
        truth = np.kron(TRUTH, np.ones((24, 24), bool))
    found = read_mask(path)
    assert (found != truth).mean() < 0.003
    assert found.mean() == pytest.approx(truth.mean(), rel=0.02)


def test_a_mask_drawn_on_transparency(tmp_path):
    """White strokes on nothing: the colours under alpha 0 do not count."""
    layers = np.dstack([np.full((H, W, 3), 255, np.uint8), TRUTH * np.uint8(255)])
    np.testing.assert_array_equal(
        read_mask(save(tmp_path / "m.png", Image.fromarray(layers))), TRUTH
    )
    grey = np.dstack([np.full((H, W), 255, np.uint8), TRUTH * np.uint8(255)])
    image = Image.fromarray(grey, "LA")
    np.testing.assert_array_equal(read_mask(save(tmp_path / "n.png", image)), TRUTH)


# --- depth ----------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
def test_fewer_bits_than_16_are_warned_of_and_can_be_said(tmp_path, bits):
    deep = np.rint(GREYS / GREYS.max() * (2**bits - 1)).astype(np.uint16)
    path = save(tmp_path / "a.tif", Image.fromarray(deep))
    with pytest.warns(UserWarning, match=rf"fill {bits} bits only.*PROMPTAD_BITS={bits}"):
        dark = read_image(path)
    assert np.asarray(dark).max() <= 64
    found = read_image(path, Reading(bits=bits))
    np.testing.assert_allclose(
        np.asarray(found)[..., 0], GREYS / GREYS.max() * 255, atol=1 if bits == 8 else 0.6
    )
    full = save(tmp_path / "b.png", Image.fromarray(GREYS.astype(np.uint16) * 257))
    with pytest.raises(ImageError, match=f"expected values of {bits} bits"):
        read_image(full, Reading(bits=bits))


def test_colour_of_12_bits_in_16_is_warned_of(tmp_path):
    raw = (np.dstack([GREYS] * 3).astype(np.uint16) * 16).astype(">u2").tobytes()  # up to 4095
    rows = b"".join(b"\0" + raw[i : i + W * 6] for i in range(0, len(raw), W * 6))

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", W, H, 16, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows))
    path = tmp_path / "a.png"
    path.write_bytes(png + chunk(b"IEND", b""))
    with pytest.warns(UserWarning, match="fill 12 bits only"):
        read_image(path)
    with pytest.raises(ImageError, match="16-bit colour"):
        read_image(path, Reading(bits=12))


def test_the_files_own_word_on_its_depth_is_taken(tmp_path):
    from PIL import TiffImagePlugin

    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[281] = 4095
    path = tmp_path / "a.tif"
    Image.fromarray(GREYS.astype(np.uint16) * 16).save(path, tiffinfo=tags)
    np.testing.assert_allclose(np.asarray(read_image(path))[..., 0], GREYS, atol=1)


# --- size -----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "webp", "gif"])
def test_more_pixels_than_the_limit_are_refused_by_name(tmp_path, suffix):
    path = save(tmp_path / f"a.{suffix}", Image.fromarray(RGB))
    with pytest.raises(ImageError, match=rf"at most 900 pixels, found 40 x 24.*PIXELS={H * W}"):
        read_image(path, Reading(max_pixels=900))
    assert read_image(path, Reading(max_pixels=H * W)).size == (W, H)


@pytest.mark.parametrize(("suffix", "most"), [("jpg", 900), ("jpg", 100), ("jp2", 900)])
def test_a_format_that_can_is_decoded_smaller(tmp_path, suffix, most):
    path = save(tmp_path / f"a.{suffix}", Image.fromarray(RGB))
    found = read_image(path, Reading(max_pixels=most))
    assert found.width * found.height <= most and found.width / found.height == pytest.approx(W / H)
    expected = Image.fromarray(RGB).resize(found.size, Image.Resampling.BOX)
    assert np.abs(np.asarray(found).astype(int) - np.asarray(expected)).mean() < 12


def test_pillows_own_limit_does_not_stand_in_the_way(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # the line scan of 200 megapixels, in small
    path = save(tmp_path / "a.png", Image.fromarray(RGB))
    assert size_of(path) == (H, W) and read_image(path).size == (W, H)
    assert read_mask(path).shape == (H, W) and Image.MAX_IMAGE_PIXELS == 100


def test_settings_come_from_the_environment(tmp_path, monkeypatch):
    assert reading_from_environment({"PROMPTAD_MAX_PIXELS": "9", "PROMPTAD_BITS": "12"}) == Reading(
        9, 12
    )
    for name, text in (("BITS", "7"), ("BITS", "x"), ("MAX_PIXELS", "0"), ("MAX_PIXELS", "1e9")):
        with pytest.raises(ValueError, match=f"PROMPTAD_{name} must be"):
            reading_from_environment({f"PROMPTAD_{name}": text})
    monkeypatch.setenv("PROMPTAD_MAX_PIXELS", "10")
    with pytest.raises(ImageError, match="at most 10 pixels"):
        read_image(save(tmp_path / "a.png", Image.fromarray(RGB)))


# --- several frames, other colours ------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["gif", "tif", "webp", "apng", "avif"])
def test_of_several_frames_the_first_is_read_and_they_are_counted(tmp_path, suffix):
    frames = [Image.new("RGB", (W, H), colour) for colour in ((200, 10, 10), (10, 200, 10))]
    path = tmp_path / f"a.{suffix}"
    frames[0].save(
        path, "PNG" if suffix == "apng" else None, save_all=True, append_images=frames[1:]
    )
    found = read_image(path)
    assert found.info == {"frames": 2}
    assert np.abs(np.asarray(found).astype(int) - (200, 10, 10)).max() < 12


def test_lab_and_premultiplied_colours():
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    image = ImageCms.profileToProfile(Image.fromarray(RGB), srgb, lab, outputMode="LAB")
    off = np.abs(np.asarray(read_image(image)).astype(int) - RGB)
    assert off.mean() < 6
    clear = Image.fromarray(np.dstack([RGB, CLEAR]))
    expected = np.where(CLEAR[..., None] > 0, RGB, 255)
    np.testing.assert_array_equal(np.asarray(read_image(clear.convert("RGBa"))), expected)


def test_a_colour_that_is_declared_clear_is_white(tmp_path):
    image = Image.fromarray(RGB)
    path = tmp_path / "a.png"
    image.save(path, transparency=(250, 20, 20))
    expected = RGB.copy()
    expected[:6, :8] = 255
    np.testing.assert_array_equal(np.asarray(read_image(path)), expected)


# --- damage -----------------------------------------------------------------------------------


def whole(tmp_path: Path, suffix: str) -> tuple[Path, bytes]:
    path = tmp_path / f"a.{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    save(path, Image.fromarray(noise))
    return path, path.read_bytes()


SUFFIXES = (
    "png",
    "tif",
    "jpg",
    "webp",
    "avif",
    "bmp",
    "gif",
    "jp2",
    "ppm",
    "tga",
    "qoi",
    "pcx",
    "sgi",
)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("damage", ["cut", "head only", "empty", "zeros", "text"])
def test_a_damaged_file_is_one_line(tmp_path, suffix, damage):
    path, data = whole(tmp_path, suffix)
    made = {
        "cut": data[: len(data) // 2],
        "head only": data[:20],
        "empty": b"",
        "zeros": bytes(len(data)),
        "text": b"<html>404 not found</html>",
    }[damage]
    path.write_bytes(made)
    for read in (read_image, read_mask):
        with pytest.raises(ImageError) as caught:
            read(path)
        assert len(str(caught.value).splitlines()) == 1 and str(path) in str(caught.value)


def damaged_png(chunk_kind: bytes, payload: bytes, sound: bool = False) -> bytes:
    """A PNG of RGB with one more chunk behind its head, with a wrong or a right checksum."""
    import io

    file = io.BytesIO()
    Image.fromarray(RGB).save(file, "PNG", exif=exif_of(6))
    data = file.getvalue()
    body = chunk_kind + payload
    check = zlib.crc32(body) if sound else 12345
    chunk = struct.pack(">I", len(payload)) + body + struct.pack(">I", check)
    return data[:33] + chunk + data[33:]


BOMB = zlib.compress(bytes(200_000_000), 9)
METADATA = {
    "text with a wrong checksum": damaged_png(b"tEXt", b"a\0b"),
    "a text that unpacks to 200 MB": damaged_png(b"zTXt", b"a\0\0" + BOMB, True),
    "a profile that unpacks to 200 MB": damaged_png(b"iCCP", b"a\0\0" + BOMB, True),
    "a profile that is none": damaged_png(b"iCCP", b"a\0\0no zlib", True),
    "resolution with a wrong checksum": damaged_png(b"pHYs", b"12"),
    "short gamma": damaged_png(b"gAMA", b"1", True),
    "short resolution": damaged_png(b"pHYs", b"12", True),
}


@pytest.mark.parametrize("kind", METADATA)
def test_sound_pixels_are_read_whatever_their_metadata(tmp_path, kind):
    path = tmp_path / "a.png"
    path.write_bytes(METADATA[kind])
    np.testing.assert_array_equal(np.asarray(read_image(path)), TURNS[6](RGB))
    assert size_of(path) == (W, H)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0MM\0*\0\0\xff\xff", b"Exif\0\0" + b"\xff" * 40]
)
def test_damaged_exif_is_no_orientation(tmp_path, suffix, exif):
    path = tmp_path / f"a.{suffix}"
    if suffix == "tif":
        Image.fromarray(RGB).save(path, tiffinfo={274: 99})
    else:
        Image.fromarray(RGB).save(path, exif=exif, **LOSSLESS.get(suffix, {}))
    off = np.abs(np.asarray(read_image(path)).astype(int) - RGB)
    assert off.mean() < (8 if suffix == "jpg" else 0.1) and size_of(path) == (H, W)


@pytest.mark.parametrize("marker", [0xE1, 0xE2, 0xED, 0xFE])
def test_a_jpeg_with_damaged_application_data(tmp_path, marker):
    path, data = whole(tmp_path, "jpg")
    expected = np.asarray(read_image(path))
    junk = (
        b"\xff"
        + bytes([marker])
        + struct.pack(">H", 30)
        + b"Photoshop 3.0\x008BIM\x04"
        + b"\xff" * 9
    )
    path.write_bytes(data[:2] + junk + data[2:])
    np.testing.assert_array_equal(np.asarray(read_image(path)), expected)


def test_raw_photographs_and_other_kinds_are_named(tmp_path):
    raw = save(tmp_path / "a.tif", Image.fromarray(RGB)).rename(tmp_path / "a.DNG")
    with pytest.raises(ImageError, match="raw photograph: develop it"):
        read_image(raw)
    for name in ("a.jxl", "a.svg", "a.dcm"):
        (tmp_path / name).write_bytes(b"something")
        with pytest.raises(ImageError, match="cannot read here: save it as"):
            read_image(tmp_path / name)
    with pytest.raises(ImageError, match="not found"):
        read_image("a\0b.png")


def test_a_name_that_is_no_text_is_read_and_can_be_printed(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.png")
    save(path, Image.fromarray(RGB))
    assert read_image(path).size == (W, H)
    path.write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"caf\\xe9\.png") as caught:
        read_image(path)
    str(caught.value).encode("cp1252")
