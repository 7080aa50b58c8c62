"""Light against closed forms: flat sheets, domes, backdrops, and the camera's steps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from workshop.minifactory.canvas import Canvas, inside
from workshop.minifactory.lighting import Station, develop, shade
from workshop.minifactory.shapes import circle
from workshop.minifactory.surface import plain

BARE = Station(
    lamp=(-0.9, 0.5, 2.0),
    ambient=0.4,
    backdrop=(0.1, 0.2, 0.3),
    blur=0.0,
    grain=0.0,
    vignette=0.0,
    exposure=1.0,
)
CANVAS = Canvas(96)
COLOUR = np.float32([0.6, 0.4, 0.2])


def test_a_matt_flat_sheet_is_as_bright_as_lamberts_law_says():
    picture = shade(plain(COLOUR, CANVAS.u, gloss=0.0), BARE, CANVAS, 0)
    lamp = np.array(BARE.lamp)
    to_lamp = lamp - np.stack([CANVAS.u, CANVAS.v, np.zeros_like(CANVAS.u)], axis=-1)
    cosine = to_lamp[..., 2] / np.linalg.norm(to_lamp, axis=-1)
    relative = cosine / (lamp[2] / np.linalg.norm(lamp))  # 1 in the middle of the picture
    expected = COLOUR * (0.4 + 0.6 * relative)[..., None]
    np.testing.assert_allclose(picture, expected, atol=1e-5)
    assert picture.dtype == np.float32


def test_exposure_and_vignette_scale_the_picture():
    sheet = plain(COLOUR, CANVAS.u, gloss=0.0)
    plainly = shade(sheet, BARE, CANVAS, 0)
    np.testing.assert_allclose(
        shade(sheet, replace(BARE, exposure=0.8), CANVAS, 0), 0.8 * plainly, atol=1e-6
    )
    corner = 1 - 0.2 * (CANVAS.u**2 + CANVAS.v**2) / 2
    np.testing.assert_allclose(
        shade(sheet, replace(BARE, vignette=0.2), CANVAS, 0), plainly * corner[..., None], atol=1e-6
    )


@pytest.mark.parametrize("towards", [(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)])
def test_the_bright_side_of_a_dome_faces_the_lamp(towards):
    dome = plain(COLOUR, CANVAS.u, gloss=0.0)
    dome.height = np.sqrt(np.maximum(0.36 - CANVAS.u**2 - CANVAS.v**2, 0)).astype(np.float32)
    station = replace(BARE, lamp=(1.5 * towards[0], 1.5 * towards[1], 2.0))
    picture = shade(dome, station, CANVAS, 0).mean(axis=-1)
    side = CANVAS.u * towards[0] + CANVAS.v * towards[1]
    on_dome = np.hypot(CANVAS.u, CANVAS.v) < 0.5
    bright, dark = picture[on_dome & (side > 0.2)], picture[on_dome & (side < -0.2)]
    assert bright.mean() > 1.2 * dark.mean()


def test_gloss_adds_a_highlight_where_the_lamp_is_mirrored():
    matt = shade(plain(COLOUR, CANVAS.u, gloss=0.0), BARE, CANVAS, 0)
    shiny = shade(plain(COLOUR, CANVAS.u, gloss=0.7), BARE, CANVAS, 0)
    added = (shiny - matt).mean(axis=-1)
    assert added.min() >= -1e-6
    row, column = np.unravel_index(added.argmax(), added.shape)
    # a flat mirror shows the lamp where the camera, which looks straight down, is reflected to it
    assert CANVAS.u[row, column] == pytest.approx(BARE.lamp[0], abs=0.05)
    assert CANVAS.v[row, column] == pytest.approx(BARE.lamp[1], abs=0.05)


def test_hollows_are_darker():
    sheet = plain(COLOUR, CANVAS.u, gloss=0.0)
    pit = plain(COLOUR, CANVAS.u, gloss=0.0)
    pit.height -= np.float32(0.1) * inside(circle(CANVAS.u, CANVAS.v, 0.1), CANVAS.pixel)
    centre = (slice(47, 49), slice(47, 49))
    flat, hollow = (shade(one, BARE, CANVAS, 0)[centre].mean() for one in (sheet, pit))
    # A Gaussian of width 0.05 leaves exp(-2) of a pit of radius 0.1 in its middle.
    assert hollow / flat == pytest.approx(1 - 4 * 0.1 * np.exp(-2), abs=0.01)


def test_the_backdrop_shows_where_there_is_no_product_and_its_shadow_falls_away_from_the_lamp():
    disc = plain(COLOUR, CANVAS.u, gloss=0.0)
    disc.cover = inside(circle(CANVAS.u, CANVAS.v, 0.5), CANVAS.pixel)
    whole = shade(plain(COLOUR, CANVAS.u, gloss=0.0), BARE, CANVAS, 3)
    picture = shade(disc, BARE, CANVAS, 3)
    np.testing.assert_array_equal(picture[disc.cover == 1], whole[disc.cover == 1])
    corner = picture[:8, :8].reshape(-1, 3).mean(axis=0)
    np.testing.assert_allclose(corner, BARE.backdrop, rtol=0.1)
    floor = picture[..., 2]
    near = (np.hypot(CANVAS.u, CANVAS.v) > 0.53) & (np.hypot(CANVAS.u, CANVAS.v) < 0.6)
    side = (CANVAS.u * BARE.lamp[0] + CANVAS.v * BARE.lamp[1]) / np.hypot(*BARE.lamp[:2])
    assert floor[near & (side < -0.4)].mean() < floor[near & (side > 0.4)].mean() - 0.02
    np.testing.assert_array_equal(picture, shade(disc, BARE, CANVAS, 3))
    assert (picture != shade(disc, BARE, CANVAS, 4)).any()


def test_the_lens_keeps_the_brightness_and_softens_edges():
    sheet = plain(COLOUR, CANVAS.u, gloss=0.0)
    sheet.albedo[:, :48] = 0.1
    sharp, soft = (shade(sheet, replace(BARE, blur=b), CANVAS, 0) for b in (0.0, 0.03))
    assert soft.mean() == pytest.approx(sharp.mean(), rel=1e-3)
    assert np.abs(np.diff(soft, axis=1)).max() < 0.5 * np.abs(np.diff(sharp, axis=1)).max()


def test_development_adds_the_sensors_noise_and_rounds():
    flat = np.full((96, 96, 3), 0.5, dtype=np.float32)
    np.testing.assert_array_equal(develop(flat, BARE, 0), np.full((96, 96, 3), 128))
    noisy = develop(flat, replace(BARE, grain=0.02), 0)
    assert noisy.dtype == np.uint8
    assert noisy.std() == pytest.approx(0.02 * 255, rel=0.05)
    assert (noisy != develop(flat, replace(BARE, grain=0.02), 1)).mean() > 0.5


def test_a_station_sets_dark_and_light_products_off():
    for seed in range(30):
        for grey, on_dark in ((0.9, True), (0.1, False)):
            drawn = Station.draw(np.random.default_rng(seed), np.float32([grey] * 3))
            assert (np.mean(drawn.backdrop) < 0.4) == on_dark
            assert drawn.lamp[2] > 1 and 0 < drawn.ambient < 1


def test_the_same_station_at_another_moment_is_nearly_the_same():
    moment = BARE.jitter(np.random.default_rng(0))
    assert moment != BARE
    np.testing.assert_allclose(moment.lamp, BARE.lamp, atol=0.3)
    assert moment.exposure == pytest.approx(1, abs=0.15)
    assert replace(moment, lamp=BARE.lamp, exposure=1.0) == BARE
