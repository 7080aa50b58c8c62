"""Every kind with every defect: exact masks, seeded pictures, one product at every size."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from workshop.minifactory.catalogue import KINDS, defects_of
from workshop.minifactory.defects import DEFECTS, PART_FAULTS
from workshop.minifactory.kinds import Kind
from workshop.minifactory.palette import COLOURS
from workshop.minifactory.render import SMALLEST, VISIBLE, changed, render

STYLE = 11

every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)


def halved(picture: np.ndarray) -> np.ndarray:
    """Every 2 x 2 pixels averaged into one."""
    half = len(picture) // 2
    return picture.astype(np.float64).reshape(half, 2, half, 2, -1).mean(axis=(1, 3))


@every_kind
def test_every_defect_is_the_good_piece_with_one_thing_wrong(kind):
    good = render(kind, STYLE, 0, 64)
    assert good.image.shape == (64, 64, 3) and good.image.dtype == np.uint8
    assert not good.mask.any() and good.defect is None
    for defect in defects_of(kind):
        bad = render(kind, STYLE, 0, 64, defect)
        assert bad.mask.mean() >= SMALLEST, defect
        np.testing.assert_array_equal(good.image[~bad.mask], bad.image[~bad.mask], defect)
        assert (good.image[bad.mask] != bad.image[bad.mask]).any(axis=-1).mean() > 0.5, defect
        assert (bad.kind, bad.colour, bad.defect) == (kind.name, good.colour, defect)


@every_kind
def test_the_seed_decides_the_picture(kind):
    defect = defects_of(kind)[-1]
    first, again = (render(kind, STYLE, 0, 48, defect) for _ in range(2))
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.mask, again.mask)
    piece, style = render(kind, STYLE, 1, 48, defect), render(kind, STYLE + 1, 0, 48, defect)
    for other in (piece, style):
        assert (first.image != other.image).any(axis=-1).mean() > 0.2
        assert (first.mask != other.mask).any()


@every_kind
def test_the_number_of_pixels_does_not_matter(kind):
    small, large = render(kind, STYLE, 2, 120).image, render(kind, STYLE, 2, 240).image
    other = render(kind, STYLE, 3, 120).image
    difference = halved(large) - small
    # Sensor noise is drawn per pixel, and slopes finer than a pixel of 120 px shade differently.
    assert np.abs(difference).mean() < 16
    # Over 4 x 4 pixels little of that is left, and far less than between two pieces with a pattern.
    assert np.abs(halved(halved(difference))).mean() < 8.5
    if kind.family == "object":
        assert np.abs(difference).mean() < 0.6 * np.abs(small.astype(float) - other).mean()


@every_kind
@pytest.mark.parametrize("defect", ["stain", "hole"])
def test_the_mask_is_the_same_region_at_every_size(kind, defect):
    small, large = (render(kind, STYLE, 2, size, defect).mask for size in (120, 240))
    coarse = halved(large)[..., 0] >= 0.5
    assert (small & coarse).sum() / (small | coarse).sum() > 0.8


@every_kind
def test_a_defect_that_a_kind_cannot_have_is_refused(kind):
    impossible = (set(PART_FAULTS) - set(kind.faults)) | {"unknown"}
    for defect in impossible:
        with pytest.raises(ValueError, match=f"{kind.name} cannot have '{defect}'"):
            render(kind, STYLE, 0, 32, defect)


def test_a_defect_that_cannot_be_seen_is_an_error():
    with pytest.raises(ValueError, match="cannot be seen"):
        render(KINDS["carpet"], STYLE, 0, 32, "stain", strength=1e-4)


def test_the_colour_can_be_chosen():
    red, blue = (render(KINDS["button"], STYLE, 0, 48, colour=c) for c in ("red", "blue"))
    assert (red.colour, blue.colour) == ("red", "blue")
    centre = (slice(18, 30), slice(18, 30))
    assert red.image[centre][..., 0].mean() > red.image[centre][..., 2].mean()
    assert blue.image[centre][..., 2].mean() > blue.image[centre][..., 0].mean()


def test_a_canvas_that_is_too_small_is_refused():
    with pytest.raises(ValueError, match="at least 16 pixels"):
        render(KINDS["carpet"], STYLE, 0, 8)


# --- the mask -------------------------------------------------------------------------------


def difference(size: int, *regions: tuple[slice, slice], by: float = 0.1) -> np.ndarray:
    bad = np.zeros((size, size, 3), dtype=np.float32)
    for region in regions:
        bad[(*region, 1)] = by
    return changed(np.zeros_like(bad), bad)


def test_the_mask_of_a_solid_region_is_that_region():
    region = (slice(20, 40), slice(30, 60))
    expected = np.zeros((120, 120), dtype=bool)
    expected[region] = True
    np.testing.assert_array_equal(difference(120, region), expected)
    np.testing.assert_array_equal(difference(120, region, by=-0.1), expected)


def test_a_change_counts_from_five_grey_levels():
    region = (slice(20, 40), slice(30, 60))
    assert not difference(120, region, by=0.99 * VISIBLE).any()
    assert difference(120, region, by=1.01 * VISIBLE).sum() == 20 * 30
    assert pytest.approx(5 / 255) == VISIBLE


def test_pinholes_are_closed():
    bad = np.zeros((120, 120, 3), dtype=np.float32)
    bad[20:40, 30:60] = 0.1
    bad[30, 45] = 0.0
    assert changed(np.zeros_like(bad), bad)[20:40, 30:60].all()


# --- the catalogue --------------------------------------------------------------------------


def test_the_catalogue_is_large_enough():
    families = Counter(kind.family for kind in KINDS.values())
    assert families["texture"] >= 14 and families["object"] >= 14
    assert len({name for kind in KINDS.values() for name in defects_of(kind)}) >= 14
    assert all(len(defects_of(kind)) >= 10 for kind in KINDS.values())


def test_names_and_words_mean_one_kind_each():
    words = [word for kind in KINDS.values() for word in kind.words]
    assert [word for word, times in Counter(words).items() if times > 1] == []
    assert all(name == kind.name for name, kind in KINDS.items())
    assert all(re.fullmatch(r"[a-z]+( [a-z]+)*", word) for word in words)


def test_the_catalogue_speaks_of_known_colours_and_faults():
    for kind in KINDS.values():
        assert kind.colours and set(kind.colours) <= set(COLOURS), kind.name
        assert set(kind.faults) <= set(PART_FAULTS), kind.name
    names = [defect.name for defect in DEFECTS]
    assert len(set(names)) == len(names)


def test_a_kind_checks_its_family_and_its_words():
    some = KINDS["carpet"]
    with pytest.raises(ValueError, match="family must be 'texture' or 'object', got 'liquid'"):
        Kind("soup", "liquid", some.build, ("soup",), ("red",))
    with pytest.raises(ValueError, match="'soup' must be among its own words"):
        Kind("soup", "object", some.build, ("broth",), ("red",))
