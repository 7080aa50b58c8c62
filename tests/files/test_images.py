"""Reading and preprocessing images, against Pillow's and open_clip's own results."""

from __future__ import annotations

import io

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from promptad_tutorial.files.pictures import (
    ImageError,
    check_ready,
    list_images,
    preprocess,
    read_image,
)

GENERATOR = np.random.default_rng(0)
RGB = GENERATOR.integers(0, 256, (9, 12, 3), dtype=np.uint8)
MEAN, STD = open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD


def pixels(source) -> np.ndarray:
    image = read_image(source)
    assert image.mode == "RGB"
    return np.asarray(image)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp"])
def test_paths_pil_and_arrays_agree(tmp_path, suffix):
    path = tmp_path / f"image.{suffix}"
    options = {"lossless": True} if suffix == "webp" else {}
    Image.fromarray(RGB).save(path, **options)
    for source in (path, str(path), Image.fromarray(RGB), RGB):
        np.testing.assert_array_equal(pixels(source), RGB)


def test_the_result_is_a_copy():
    source = Image.fromarray(RGB)
    read_image(source).putpixel((0, 0), (1, 2, 3))
    np.testing.assert_array_equal(np.asarray(source), RGB)


def test_grey_palette_and_transparency(tmp_path):
    grey = RGB[:, :, 0]
    tripled = np.repeat(grey[:, :, None], 3, axis=2)
    for source in (grey, grey[:, :, None], Image.fromarray(grey)):
        np.testing.assert_array_equal(pixels(source), tripled)
    rgba = np.dstack([RGB, grey])
    share = grey[:, :, None] / 255
    on_white = share * RGB + (1 - share) * 255
    for source in (rgba, Image.fromarray(rgba)):
        np.testing.assert_allclose(pixels(source), on_white, atol=1)
    palette = Image.fromarray(RGB).quantize(16)
    np.testing.assert_array_equal(pixels(palette), np.asarray(palette.convert("RGB")))
    path = tmp_path / "palette.png"
    palette.save(path, transparency=bytes([0] + [255] * 15))  # index 0 is clear
    expected = np.asarray(palette.convert("RGB")).copy()
    expected[np.asarray(palette) == 0] = 255
    np.testing.assert_array_equal(pixels(path), expected)


def test_16_bits_are_scaled_to_8(tmp_path):
    deep = np.array([[0, 257, 128], [129, 32896, 65535]], dtype=np.uint16)
    expected = np.array([[0, 1, 0], [1, 128, 255]], dtype=np.uint8)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    Image.fromarray(deep).save(tmp_path / "deep.tiff")
    wide = Image.fromarray(deep.astype(np.int32))
    assert wide.mode == "I"
    for source in (deep, tmp_path / "deep.png", tmp_path / "deep.tiff", wide):
        np.testing.assert_array_equal(pixels(source)[:, :, 0], expected)
    colour = np.dstack([deep] * 3)
    np.testing.assert_array_equal(pixels(colour)[:, :, 1], expected)


def test_floats_and_booleans():
    floats = np.array([[0.0, 0.5, 1.0]])
    for dtype in (np.float16, np.float32, np.float64):
        np.testing.assert_array_equal(pixels(floats.astype(dtype))[:, :, 0], [[0, 128, 255]])
    np.testing.assert_array_equal(
        pixels(Image.fromarray(floats.astype(np.float32)))[:, :, 2], [[0, 128, 255]]
    )
    np.testing.assert_array_equal(pixels(np.array([[True, False]]))[:, :, 0], [[255, 0]])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured(tmp_path, orientation):
    image = Image.fromarray(RGB)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.png"
    image.save(path, exif=exif)
    turns = {
        1: RGB,
        2: RGB[:, ::-1],
        3: RGB[::-1, ::-1],
        4: RGB[::-1],
        5: RGB.swapaxes(0, 1),
        6: np.rot90(RGB, -1),
        7: RGB[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(RGB),
    }
    np.testing.assert_array_equal(pixels(path), turns[orientation])


def test_broken_files_are_one_error(tmp_path):
    buffer = io.BytesIO()
    noise = GENERATOR.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    for kind in ("PNG", "JPEG"):
        buffer = io.BytesIO()
        Image.fromarray(noise).save(buffer, kind)
        cut = tmp_path / f"cut.{kind.lower()}"
        cut.write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
        with pytest.raises(ImageError, match="broken, incomplete"):
            read_image(cut)
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "empty.png").touch()
    for name, message in {
        "text.png": "could not read",
        "empty.png": "empty",
        "missing.png": "not found",
        "": "folder",
    }.items():
        with pytest.raises(ImageError, match=message):
            read_image(tmp_path / name)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.zeros((3, 8, 8), np.uint8), "transpose"),
        (np.zeros((8,), np.uint8), "shape"),
        (np.zeros((8, 8, 2), np.uint8), "shape"),
        (np.zeros((0, 8, 3), np.uint8), "shape"),
        (np.zeros((8, 8), np.int64), "uint8"),
        (np.full((8, 8), 7.0), "0, 1"),
        (np.full((8, 8), -0.5), "0, 1"),
        (np.full((8, 8), np.nan), "0, 1"),
        (Image.fromarray(np.full((4, 4), 70000, np.int32)), "0..65535"),
        (Image.new("RGB", (0, 4)), "pixels"),
        (7, "int"),
        (None, "NoneType"),
    ],
)
def test_wrong_sources_are_one_error(source, message):
    with pytest.raises(ImageError, match=message):
        read_image(source)


@pytest.mark.parametrize("size", [(240, 240), (301, 173), (100, 400), (33, 32), (20, 21)])
@pytest.mark.parametrize(("mode", "theirs"), [("squash", "squash"), ("crop", "shortest")])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_preprocess_equals_open_clip(size, mode, theirs, interpolation):
    array = GENERATOR.integers(0, 256, (*size, 3), dtype=np.uint8)
    image = Image.fromarray(array)
    transform = open_clip.image_transform(
        32, is_train=False, mean=MEAN, std=STD, resize_mode=theirs, interpolation=interpolation
    )
    found = preprocess(image, 32, MEAN, STD, mode, interpolation)
    torch.testing.assert_close(found, transform(image), atol=1e-6, rtol=1e-6)


def test_squash_keeps_the_border_and_crop_does_not():
    wide = np.zeros((16, 64, 3), np.uint8)
    wide[:, -4:] = 255
    image = Image.fromarray(wide)
    assert preprocess(image, 16, (0, 0, 0), (1, 1, 1))[:, :, -1].min() > 0.9
    assert preprocess(image, 16, (0, 0, 0), (1, 1, 1), "crop").max() == 0


@pytest.mark.parametrize("wrong", [{"resize": "pad"}, {"interpolation": "nearest"}])
def test_unknown_settings_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong.values()))):
        preprocess(Image.new("RGB", (4, 4)), 4, MEAN, STD, **wrong)


def test_list_images_counts_one_and_many():
    counts = [
        (RGB, 1),
        (RGB[:, :, 0], 1),
        (np.stack([RGB, RGB]), 2),
        ("a.png", 1),
        (np.array(["a.png", "b.png"]), 2),
        (["a.png", RGB], 2),
        ((path for path in ("a", "b", "c")), 3),
        (torch.zeros(3, 8, 8), 1),
        (torch.zeros(4, 3, 8, 8), 4),
        (Image.fromarray(RGB), 1),
    ]
    for images, expected in counts:
        assert len(list_images(images)) == expected
    for empty in ([], np.zeros((0, 8, 8, 3)), torch.zeros(0, 3, 8, 8)):
        with pytest.raises(ImageError, match="empty"):
            list_images(empty)
    for wrong in (7, None, np.zeros(4), torch.zeros(1, 1, 3, 8, 8)):
        with pytest.raises(ImageError, match="found"):
            list_images(wrong)


def test_a_tensor_that_was_never_normalised_is_warned_about():
    picture = torch.linspace(0, 1, 3 * 8 * 8).reshape(3, 8, 8)
    with pytest.warns(UserWarning, match=r"in \[0, 1\].*never normalised.*backbone.preprocess"):
        assert check_ready(picture, 8) is picture
    for normalised in ((picture - 0.48) / 0.27, torch.zeros(3, 8, 8), picture * 255):
        check_ready(normalised, 8)  # warnings are errors


def test_ready_tensors_are_checked():
    good = torch.zeros(3, 8, 8)
    assert check_ready(good, 8) is good
    for wrong in (good[:2], good[:, :7], good.to(torch.uint8), good / 0):
        with pytest.raises(ImageError, match="expected"):
            check_ready(wrong, 8)
