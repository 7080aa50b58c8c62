"""Surface defects: copies, on the product only, the same at every size, stronger with strength."""

from __future__ import annotations

import numpy as np
import pytest

from workshop.minifactory.canvas import Canvas, inside
from workshop.minifactory.defects import DEFECTS, PART_FAULTS
from workshop.minifactory.defects.breaks import chipped_edge
from workshop.minifactory.defects.contrast import brighter, local_colour, pigment
from workshop.minifactory.defects.placing import blob, rim, spot, stroke, window
from workshop.minifactory.kinds import Defect, Kind
from workshop.minifactory.lighting import Station, shade
from workshop.minifactory.palette import COLOURS
from workshop.minifactory.render import SMALLEST, changed, render
from workshop.minifactory.shapes import box, circle, path
from workshop.minifactory.surface import Surface, plain

STATION = Station(
    lamp=(-0.9, -0.7, 2.0),
    ambient=0.4,
    backdrop=(0.1, 0.12, 0.1),
    blur=0.004,
    grain=0.0,
    vignette=0.05,
    exposure=1.0,
)
LAYERS = ("albedo", "height", "gloss", "cover")
SEEDS = (1, 2, 3)

every_defect = pytest.mark.parametrize("defect", DEFECTS, ids=lambda d: d.name)


def sheet(canvas: Canvas, colour: str = "grey", gloss: float = 0.3, disc: bool = False) -> Surface:
    """A flat sheet of one colour that fills the picture, or a flat disc in the middle of it."""
    surface = plain(np.float32(COLOURS[colour]), canvas.u, gloss=gloss)
    if disc:
        surface.cover = inside(circle(canvas.u, canvas.v, 0.65), canvas.pixel)
    return surface


def spoil(defect: Defect, surface: Surface, canvas: Canvas, seed: int, strength: float) -> Surface:
    return defect.apply(surface, canvas, np.random.default_rng(seed), strength)


def flat_kind(family: str, gloss: float) -> Kind:
    def build(canvas, colour, style, instance, fault=None):
        surface = plain(colour, canvas.u, gloss=gloss)
        if family == "object":
            surface.cover = inside(box(canvas.x, canvas.y, 0.6, 0.5, 0.1), canvas.pixel)
        return surface

    return Kind("sheet", family, build, ("sheet",), tuple(COLOURS))


def test_the_catalogue_of_defects():
    assert [d.name for d in DEFECTS] == [
        *("scratch", "stain", "discoloration", "print", "burn", "dent", "fold", "crack", "cut"),
        *("hole", "chipped edge", "bubble", "contamination", "thread", "glue", "rust"),
    ]
    assert not {d.name for d in DEFECTS} & set(PART_FAULTS)


@every_defect
@pytest.mark.parametrize("disc", [False, True], ids=["sheet", "disc"])
def test_a_defect_is_a_copy_that_differs_on_the_product_only(defect, disc):
    canvas = Canvas(96)
    for seed in SEEDS:
        surface, before = sheet(canvas, disc=disc), sheet(canvas, disc=disc)
        after = spoil(defect, surface, canvas, seed, 1.0)
        differs = np.zeros((96, 96), dtype=bool)
        for name in LAYERS:
            old, new = getattr(surface, name), getattr(after, name)
            np.testing.assert_array_equal(old, getattr(before, name), err_msg=name)
            assert not np.shares_memory(old, new) and new.dtype == np.float32, name
            assert np.isfinite(new).all() and new.shape == old.shape, name
            layer = new != old
            differs |= layer.any(axis=-1) if layer.ndim == 3 else layer
        assert differs.any()
        assert not differs[surface.cover == 0].any()
        for layer in (after.albedo, after.gloss, after.cover):
            assert layer.min() >= 0 and layer.max() <= 1


@every_defect
@pytest.mark.parametrize("disc", [False, True], ids=["sheet", "disc"])
def test_a_defect_does_not_depend_on_the_number_of_pixels(defect, disc):
    overlaps = []
    for seed in SEEDS:
        masks = []
        for size in (120, 240):
            canvas = Canvas(size)
            surface = sheet(canvas, disc=disc)
            pictures = []
            for shown in (surface, spoil(defect, surface, canvas, seed, 1.0)):
                picture = shade(shown, STATION, canvas, 0)
                pictures.append(picture.reshape(120, size // 120, 120, size // 120, 3).mean((1, 3)))
            masks.append(changed(*pictures))
        overlaps.append((masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum())
    # a stroke two or three pixels wide loses this much to its border pixels alone
    assert np.mean(overlaps) > 0.7 and min(overlaps) > 0.6, overlaps


@every_defect
@pytest.mark.parametrize("colour", ["white", "black"])
def test_stronger_is_more_visible(defect, colour):
    canvas = Canvas(120)
    surface = sheet(canvas, colour)
    good = shade(surface, STATION, canvas, 0)
    for seed in SEEDS:
        change = [
            np.abs(shade(spoil(defect, surface, canvas, seed, s), STATION, canvas, 0) - good).mean()
            for s in (0.3, 0.6, 1.0)
        ]
        assert 0 < change[0] < change[1] < change[2], (seed, change)


@every_defect
@pytest.mark.parametrize("family", ["texture", "object"])
def test_a_render_is_the_good_piece_outside_of_the_mask(defect, family):
    for style, gloss in ((4, 0.1), (5, 0.8)):
        kind = flat_kind(family, gloss)
        good = render(kind, style, 7, size=96)
        bad = render(kind, style, 7, size=96, defect=defect.name, strength=0.6)
        assert bad.mask.mean() >= SMALLEST and not good.mask.any()
        np.testing.assert_array_equal(good.image[~bad.mask], bad.image[~bad.mask])
        assert (good.image[bad.mask] != bad.image[bad.mask]).any(axis=-1).mean() > 0.5


@every_defect
@pytest.mark.parametrize("colour", ["white", "black", "grey", "brown", "copper", "blue"])
def test_a_weak_defect_can_be_seen_on_every_colour(defect, colour):
    for style in range(2):  # `render` raises ValueError where it cannot
        kind = flat_kind("texture", gloss=0.1)
        shown = render(kind, style, 0, 96, defect.name, strength=0.3, colour=colour)
        assert SMALLEST <= shown.mask.mean() < 0.15


def test_a_chip_bites_into_the_outline_and_flakes_off_a_sheet():
    canvas = Canvas(120)
    disc, whole = sheet(canvas, disc=True), sheet(canvas)
    for seed in SEEDS:
        bitten = chipped_edge(disc, canvas, np.random.default_rng(seed), 1.0)
        lost = (disc.cover - bitten.cover) > 0.5
        away = np.hypot(canvas.u, canvas.v)[lost]
        assert lost.sum() > 20 and away.max() > 0.65 - 2 * canvas.pixel
        flaked = chipped_edge(whole, canvas, np.random.default_rng(seed), 1.0)
        np.testing.assert_array_equal(flaked.cover, whole.cover)
        assert flaked.height.min() < -0.02


def test_places_lie_on_the_product_and_are_the_same_at_every_size():
    for seed in range(20):
        spots, rims = set(), set()
        for size in (96, 120, 240):
            canvas = Canvas(size)
            disc = sheet(canvas, disc=True)
            spots.add(spot(disc, canvas, np.random.default_rng(seed)))
            rims.add(rim(disc, canvas, np.random.default_rng(seed)))
        (place,), (edge,) = spots, rims
        assert np.hypot(*place) < 0.65
        assert abs(np.hypot(*edge) - 0.65) < 0.06
    canvas = Canvas(96)
    assert rim(sheet(canvas), canvas, np.random.default_rng(0)) is None


def test_a_thin_wire_has_places_and_nothing_has_none():
    canvas = Canvas(120)
    wire = sheet(canvas)
    wire.cover = inside(box(canvas.u, canvas.v, 0.8, 0.02), canvas.pixel)
    for seed in range(10):
        u, v = spot(wire, canvas, np.random.default_rng(seed))
        assert abs(u) < 0.85 and abs(v) < 0.05
    wire.cover = np.zeros_like(wire.cover)
    with pytest.raises(ValueError, match="no place for a defect"):
        spot(wire, canvas, np.random.default_rng(0))


def test_stroke_is_the_distance_to_a_path_near_it():
    canvas = Canvas(96)
    points = np.array([[-0.5, -0.4], [0.1, 0.3], [0.6, 0.2]])
    near = stroke(canvas, points, 0.03)
    exact = path(canvas.u, canvas.v, points, 0.03)
    close = exact < 0.1
    np.testing.assert_allclose(near[close], exact[close], atol=1e-5)
    assert (near[~close] >= 0.1 - 1e-5).all()


def test_stroke_tapers_along_its_half_widths():
    canvas = Canvas(240)
    wedge = stroke(canvas, np.array([[-0.5, 0.0], [0.5, 0.0]]), np.array([0.1, 0.02])) < 0
    wide = wedge.sum(axis=0) * canvas.pixel  # how wide the stroke is in every column
    columns = np.abs(canvas.u[0]) < 0.45
    expected = 2 * (0.06 - 0.08 * canvas.u[0])
    np.testing.assert_allclose(wide[columns], expected[columns], atol=1.01 * canvas.pixel)


def test_blob_without_unevenness_is_a_circle():
    canvas = Canvas(96)
    distance = blob(
        canvas.u, canvas.v, np.random.default_rng(0), (0.1, -0.2), 0.3, irregular=0.0, stretch=1.0
    )
    np.testing.assert_allclose(distance, np.hypot(canvas.u - 0.1, canvas.v + 0.2) - 0.3, atol=1e-5)


def test_window_covers_its_corners_and_stays_on_the_canvas():
    canvas = Canvas(100)
    rows, columns = window(canvas, np.array([-0.5, 0.9]), np.array([0.0, 1.4]))
    assert (columns.start, columns.stop) == (25, 50)
    assert (rows.start, rows.stop) == (95, 100)


def test_local_colour_is_of_the_product_near_the_place():
    canvas = Canvas(96)
    surface = sheet(canvas, "white", disc=True)
    surface.albedo[:, canvas.u[0] < 0] = (0.2, 0.1, 0.0)
    surface.albedo[surface.cover == 0] = (0.0, 1.0, 0.0)  # what is not product must not count
    left = local_colour(surface, canvas, (-0.5, 0.0), reach=0.1)
    right = local_colour(surface, canvas, (0.5, 0.0), reach=0.1)
    np.testing.assert_allclose(left, (0.2, 0.1, 0.0), atol=1e-3)
    np.testing.assert_allclose(right, COLOURS["white"], atol=1e-3)


@pytest.mark.parametrize("colour", COLOURS)
def test_contrasting_colours_differ_enough(colour):
    local = np.float32(COLOURS[colour])
    for change in (0.3, -0.3):
        assert abs(brighter(local, change).mean() - local.mean()) == pytest.approx(0.3, abs=1e-4)
    choices = [(0.05, 0.05, 0.05), (0.9, 0.9, 0.9), COLOURS[colour]]
    chosen = pigment(np.random.default_rng(0), choices, local, least=0.3)
    assert np.abs(chosen - local).max() > 0.25
