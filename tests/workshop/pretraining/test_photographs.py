"""The list of photographs, and crops of one whose pixels say where they are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workshop.minifactory.found_surfaces import SOURCES
from workshop.minifactory.photographs import PHOTOGRAPHS
from workshop.minifactory.render import render
from workshop.pretraining import photographs
from workshop.pretraining.photographs import (
    SMALLEST_WINDOW,
    Photograph,
    crop,
    crop_set,
    halvings,
    held_out_kinds,
    listed,
    read,
)

FREE = ("CC0", "CC-BY-", "CC-BY-SA", "GPL", "LGPL", "public domain")


def test_every_photograph_is_free_and_has_an_author():
    everything = listed()
    assert len({(one.package, one.path) for one in everything}) == len(everything)
    for one in everything:
        assert one.licence.startswith(FREE) and "NC" not in one.licence, one
        assert one.author and one.use in ("training", "held out"), one


def test_the_benchmark_s_photographs_are_not_among_them():
    names = {one.name for one in listed()} | {one.path for one in listed()}
    assert not names & set(PHOTOGRAPHS)
    assert {one.name for one in listed() if one.package == "scikit-image"} == set(SOURCES)


def test_two_are_held_out():
    assert len(listed("held out")) == 2
    assert not set(listed("held out")) & set(listed("training"))
    assert len(listed("training")) + 2 == len(listed())


def test_a_missing_package_is_said_with_what_to_do(tmp_path: Path):
    one = next(one for one in listed() if one.package == "mate-backgrounds")
    with pytest.raises(FileNotFoundError, match="apt-get download mate-backgrounds.*dpkg-deb -x"):
        read(one, tmp_path)


def test_libraries_bring_their_own(tmp_path: Path):
    chosen = [one for one in listed() if one.name in ("chelsea", "china")]
    shapes = [read(one, tmp_path).shape for one in chosen]
    assert shapes == [(300, 451, 3), (427, 640, 3)]


def ramps(height: int, width: int) -> np.ndarray:
    """Red says the row, green the column, each from 50 to 200."""
    rows, columns = np.mgrid[0:height, 0:width]
    red, green = 50 + 150 * rows / (height - 1), 50 + 150 * columns / (width - 1)
    return np.stack([red, green, np.full_like(red, 120)], axis=-1).round().astype(np.uint8)


def test_a_crop_is_a_turned_square_of_the_photograph(monkeypatch):
    monkeypatch.setattr(photographs, "_recoloured", lambda picture, draw: picture)
    height, width = 600, 900
    sizes, scales = halvings(ramps(height, width)), []
    assert [one.shape[:2] for one in sizes] == [(600, 900), (300, 450)]
    draw = np.random.default_rng(0)
    for _ in range(20):
        one = crop(sizes, 30, draw)
        rows = (one[..., 0] - 50) / 150 * (height - 1)
        columns = (one[..., 1] - 50) / 150 * (width - 1)
        down = np.array([np.diff(rows, axis=0).mean(), np.diff(columns, axis=0).mean()])
        right = np.array([np.diff(rows, axis=1).mean(), np.diff(columns, axis=1).mean()])
        side = 30 * np.linalg.norm(down)
        scales.append(side)
        assert 30 * np.linalg.norm(right) == pytest.approx(side, rel=0.05)
        assert abs(down @ right) / (down @ down) < 0.05  # a right angle
        assert rows.min() > -1 and rows.max() < height and columns.max() < width
    assert min(scales) > 0.9 * SMALLEST_WINDOW and max(scales) > 2 * min(scales)


def test_crops_come_from_the_training_photographs_only(tmp_path: Path, monkeypatch):
    seen = []

    def red(one: Photograph, folder: Path) -> np.ndarray:
        seen.append(one.use)
        return ramps(200, 260)

    monkeypatch.setattr(photographs, "read", red)
    crop_set(tmp_path, tmp_path, count=4, size=24)
    assert set(seen) == {"training"}
    images = np.load(tmp_path / "images.npy")
    assert images.shape == (4, 24, 24, 3) and len({one.tobytes() for one in images}) == 4
    note = json.loads((tmp_path / "crops.json").read_text())
    assert note["crops"] == 4 and len(note["of"]) == len(listed("training"))
    crop_set(tmp_path / "again", tmp_path, count=4, size=24)
    np.testing.assert_array_equal(images, np.load(tmp_path / "again/images.npy"))


def test_held_out_photographs_are_products_that_can_have_defects(tmp_path: Path):
    for one in listed("held out"):
        (tmp_path / one.path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(ramps(240, 300)).save(tmp_path / one.path)
    kinds = held_out_kinds(tmp_path, each=1)
    assert [kind.name for kind in kinds] == [one.name for one in listed("held out")]
    good = render(kinds[0], 1_500_000, 0, 60)
    bad = render(kinds[0], 1_500_000, 0, 60, "stain")
    assert bad.mask.any() and not good.mask.any()
    near = render(kinds[0], 1_500_000, 1, 60)  # another piece of the same place
    other = render(kinds[0], 1_500_001, 0, 60)
    assert not np.array_equal(near.image, good.image)
    assert not np.array_equal(other.image, good.image)
