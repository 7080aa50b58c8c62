from __future__ import annotations

import itertools
import unicodedata
from pathlib import Path

import pytest

from promptad_tutorial.files.listing import (
    check_known,
    existing_folder,
    files_below,
    list_images,
    natural_key,
    path_key,
)


def test_natural_order_counts_and_does_not_depend_on_the_order_given():
    expected = ["1.png", "02.png", "10.png", "a 2.png", "a 10.png", "B.png", "b.png", "c.png"]
    for names in itertools.islice(itertools.permutations(expected), 0, None, 997):
        assert sorted(names, key=natural_key) == expected


def test_natural_order_tells_apart_names_of_equal_value():
    assert natural_key("1.png") != natural_key("01.png")
    assert natural_key("A.png") != natural_key("a.png")


def test_both_ways_to_write_an_accent_are_one_name():
    composed = "pi\u00e8ce.png"
    assert natural_key(unicodedata.normalize("NFD", composed)) == natural_key(composed)


def test_the_root_folder_never_changes_the_order():
    names = ["10.png", "9.png", "a.png", "sub/1.png"]
    orders = []
    for root in ("/data", "/z9", "/1/2"):
        paths = sorted((Path(root) / n for n in names), key=path_key)
        orders.append([p.relative_to(root).as_posix() for p in paths])
    assert orders[0] == orders[1] == orders[2] == ["9.png", "10.png", "a.png", "sub/1.png"]


def test_only_visible_image_files_are_listed(tmp_path):
    images = ["1.PNG", "2.jpg", "3.JpEg", "4.bmp", "5.tif", "6.TIFF", "7.webp", "a b c.png"]
    others = ["Thumbs.db", ".DS_Store", "license.txt", "._1.png", ".hidden.png", "png", "x.npy"]
    for name in images + others:
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert [p.name for p in list_images(tmp_path)] == images


def test_links_are_followed_and_a_link_to_nowhere_is_named(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "0.png").touch()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "1.png").symlink_to(tmp_path / "real" / "0.png")
    assert [p.name for p in list_images(tmp_path / "link")] == ["0.png", "1.png"]
    (tmp_path / "real" / "2.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(FileNotFoundError, match=r"2\.png is a link to .*gone\.png"):
        list_images(tmp_path / "link")


def test_a_picture_that_nobody_can_read_is_no_picture_to_pass_over(tmp_path):
    for name in ("a.png", "b.svg", "c.CR2"):
        (tmp_path / name).touch()
    with pytest.raises(
        ValueError, match=r"has 2 pictures of a kind.*\(b\.svg, c\.CR2\): save them"
    ):
        list_images(tmp_path)
    told = []
    found = list_images(tmp_path, lambda *words: told.append(words))
    assert [p.name for p in found] == ["a.png"] and told[0][3] is ValueError


def test_files_below_a_folder_without_the_systems_own(tmp_path):
    for name in ("b/1.png", "a.txt", "@eaDir/1.png", "__MACOSX/2.png", "b/._1.png", "b/Thumbs.db"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "b" / "up").symlink_to(tmp_path)
    (tmp_path / "b" / "gone.png").symlink_to(tmp_path / "nowhere")
    found = [p.relative_to(tmp_path).as_posix() for p in files_below(tmp_path)]
    assert found == ["a.txt", "b/1.png", "b/gone.png"]
    assert [p.name for p in files_below(tmp_path, leave_out=tmp_path / "b")] == ["a.txt"]


def test_a_folder_that_is_not_there_or_is_a_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"expected a dataset at .*nowhere"):
        existing_folder(tmp_path / "nowhere", "a dataset")
    (tmp_path / "archive.zip").touch()
    with pytest.raises(NotADirectoryError, match="found a file"):
        existing_folder(tmp_path / "archive.zip", "a dataset")


def test_home_and_parent_folders_are_resolved(tmp_path, monkeypatch):
    (tmp_path / "bottle" / "train").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path / "bottle" / "train")
    assert existing_folder("~/bottle", "a folder") == tmp_path / "bottle"
    assert existing_folder("..", "a folder").name == "bottle"


def test_an_unknown_name_lists_the_known_ones_and_suggests_the_closest():
    known = ("bottle", "metal_nut", "screw")
    check_known("screw", known, "category", Path("/data"))
    with pytest.raises(ValueError, match=r"bottle, metal_nut, screw\. Did you mean 'metal_nut'"):
        check_known("Metal-Nut", known, "category", Path("/data"))
    with pytest.raises(ValueError, match=r"there are: bottle, metal_nut, screw\.$"):
        check_known("zzz", known, "category", Path("/data"))
    with pytest.raises(ValueError, match=r"there are: none\.$"):
        check_known("zzz", (), "category", Path("/data"))
