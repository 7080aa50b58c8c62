from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from promptad_tutorial.datasets import Sample, mask_at, read_mask
from promptad_tutorial.datasets.folders import find_masks
from promptad_tutorial.datasets.masks import same_shape
from promptad_tutorial.files.decoding import size_of
from promptad_tutorial.files.listing import list_images

H, W = 5, 7
TRUTH = np.zeros((H, W), dtype=bool)
TRUTH[1:3, 4:6] = TRUTH[4, 0] = True


def sample_with(tmp_path: Path, mask: Image.Image, suffix: str = ".png", **options) -> Sample:
    image, path = tmp_path / "0.png", tmp_path / f"0_mask{suffix}"
    Image.new("RGB", (W, H)).save(image)
    mask.save(path, **options)
    return Sample(image, 1, "scratch", path)


def palette_mask(background: int) -> Image.Image:
    """Black background and red defect; `background` is the index of black."""
    indices = np.where(TRUTH, 1 - background, background).astype(np.uint8)
    mask = Image.frombytes("P", (W, H), indices.tobytes())
    colours = [[0, 0, 0], [200, 0, 0]]
    if background == 1:
        colours.reverse()
    mask.putpalette([v for colour in colours for v in colour])
    return mask


def opaque(mode: str) -> Image.Image:
    return Image.fromarray((TRUTH * 255).astype(np.uint8)).convert(mode)


MASKS = {
    "0 and 255": Image.fromarray((TRUTH * 255).astype(np.uint8)),
    "0 and 1": Image.fromarray(TRUTH.astype(np.uint8)),
    "0 and any number": Image.fromarray(
        (TRUTH * np.arange(1, H * W + 1).reshape(H, W)).astype("u1")
    ),
    "16 bit": Image.fromarray((TRUTH * 256).astype(np.uint16)),
    "one bit": opaque("1"),
    "RGB": opaque("RGB"),
    "one channel of RGB": Image.fromarray(
        np.stack([0 * TRUTH, 0 * TRUTH, 9 * TRUTH], axis=-1).astype(np.uint8)
    ),
    "RGBA, opaque": opaque("RGBA"),
    "grey with opacity": opaque("LA"),
    "palette": palette_mask(0),
    "palette, black is index 1": palette_mask(1),
}


@pytest.mark.parametrize("kind", MASKS)
def test_every_way_to_write_a_mask_is_read_alike(tmp_path, kind):
    sample = sample_with(tmp_path, MASKS[kind])
    mask = read_mask(sample, (H, W))
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask, TRUTH)
    np.testing.assert_array_equal(read_mask(sample), TRUTH)


@pytest.mark.parametrize("suffix", [".bmp", ".tif", ".webp"])
def test_other_file_formats(tmp_path, suffix):
    options = {"lossless": True} if suffix == ".webp" else {}
    sample = sample_with(tmp_path, MASKS["RGB"], suffix, **options)
    np.testing.assert_array_equal(read_mask(sample), TRUTH)


def test_the_noise_of_jpeg_is_not_a_defect(tmp_path):
    truth = np.zeros((32, 32), dtype=bool)
    truth[4:20, 5:23] = True
    path = tmp_path / "m.jpg"
    Image.fromarray((truth * 255).astype(np.uint8)).save(path, quality=70)
    assert ((np.asarray(Image.open(path)) > 0) != truth).any()  # there is noise
    sample = Sample(path, 1, "scratch", path)
    np.testing.assert_array_equal(read_mask(sample), truth)


def test_a_good_sample_has_an_empty_mask(tmp_path):
    good = Sample(tmp_path / "never opened.png", 0, "good")
    assert read_mask(good, (3, 4)).shape == (3, 4)
    assert not read_mask(good, (3, 4)).any()
    assert mask_at(good, (2, 9)).shape == (2, 9)


def test_a_mask_of_another_size_is_an_error_that_names_both_sizes(tmp_path):
    sample = sample_with(tmp_path, Image.new("L", (W + 1, H)))
    for read in (lambda: read_mask(sample), lambda: mask_at(sample, (3, 3))):
        with pytest.raises(ValueError, match=r"0_mask\.png is 5 x 8 .*0\.png is 5 x 7"):
            read()
    with pytest.raises(ValueError, match=r"is 5 x 8 .* is 10 x 2:"):
        read_mask(sample, (10, 2))


@pytest.mark.parametrize("scale", [2, 3])
def test_a_mask_drawn_on_a_smaller_or_larger_copy_is_scaled(tmp_path, scale):
    """The larger one is an exact repetition, so both directions must give the truth."""
    large = np.kron(TRUTH, np.ones((scale, scale), bool))
    sample = sample_with(tmp_path, Image.fromarray(large))
    np.testing.assert_array_equal(read_mask(sample), TRUTH)
    np.testing.assert_array_equal(mask_at(sample, (H, W)), TRUTH)
    assert sample.mask is not None
    Image.fromarray(TRUTH).save(sample.mask)
    np.testing.assert_array_equal(read_mask(sample, large.shape), large)


def test_one_shape_at_two_scales_is_told_from_two_shapes():
    for one, other in (((50, 51), (100, 101)), ((50, 50), (100, 101)), ((333, 500), (1000, 1500))):
        assert same_shape(one, other) and same_shape(other, one)
    for one, other in (((100, 101), (100, 100)), ((20, 40), (40, 20)), ((50, 50), (100, 130))):
        assert not same_shape(one, other) and not same_shape(other, one)


def test_a_mask_turned_on_its_side_is_noticed(tmp_path):
    sample = sample_with(tmp_path, Image.new("L", (H, W)))
    with pytest.raises(ValueError, match=r"is 7 x 5 .* is 5 x 7"):
        read_mask(sample)


@pytest.mark.parametrize("size", [(H, W), (10, 14), (3, 4), (1, 1), (13, 5)])
def test_mask_at_takes_the_nearest_pixel(tmp_path, size):
    sample = sample_with(tmp_path, MASKS["0 and 255"])
    rows = ((np.arange(size[0]) + 0.5) * H / size[0]).astype(int)
    columns = ((np.arange(size[1]) + 0.5) * W / size[1]).astype(int)
    resized = mask_at(sample, size)
    assert resized.dtype == bool
    np.testing.assert_array_equal(resized, TRUTH[np.ix_(rows, columns)])


def test_mask_at_does_not_blend_pixels(tmp_path):
    truth = np.random.default_rng(0).random((40, 60)) < 0.3
    path = tmp_path / "m.png"
    Image.fromarray(truth.astype(np.uint8)).save(path)
    resized = mask_at(Sample(path, 1, "scratch", path), (8, 12))
    np.testing.assert_array_equal(resized, truth[2::5, 2::5])


def test_no_mask_no_label_and_no_size_are_errors(tmp_path):
    with pytest.raises(ValueError, match=r"no mask is known for 0\.png \(defect 'scratch'\)"):
        read_mask(Sample(Path("0.png"), 1, "scratch"), (2, 2))
    with pytest.raises(ValueError, match="defect 'unlabelled'"):
        read_mask(Sample(Path("0.png"), None, "unlabelled"), (2, 2))
    with pytest.raises(ValueError, match=r"at least 1 x 1, got \(0, 4\)"):
        mask_at(sample_with(tmp_path, MASKS["RGB"]), (0, 4))


def test_files_that_are_no_images_are_named(tmp_path):
    sample = sample_with(tmp_path, MASKS["RGB"])
    assert sample.mask is not None
    sample.mask.write_bytes(b"not a picture")
    with pytest.raises(ValueError, match=r"could not read .*0_mask\.png as an image"):
        read_mask(sample)
    whole = (tmp_path / "0.png").read_bytes()
    sample.mask.write_bytes(whole[: len(whole) // 2])  # a download that broke off
    with pytest.raises(ValueError, match=r"could not read .*0_mask\.png as an image"):
        read_mask(sample)
    sample.image.write_bytes(b"")
    with pytest.raises(ValueError, match=r"image file is empty .*0\.png"):
        size_of(sample.image)


def test_masks_are_found_by_the_name_of_their_image(tmp_path):
    for name in ("0_mask.png", "1.PNG", "2.png", "2_mask.bmp", "notes.txt"):
        (tmp_path / name).touch()
    found = find_masks(list_images(tmp_path))
    assert {k: found[k].name for k in "012"} == {"0": "0_mask.png", "1": "1.PNG", "2": "2_mask.bmp"}


def test_a_picture_stored_on_its_side_has_the_size_that_is_shown(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    Image.new("RGB", (30, 20)).save(tmp_path / "lying.jpg", exif=exif)
    assert size_of(tmp_path / "lying.jpg") == (30, 20)
