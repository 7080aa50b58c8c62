"""Names: what is hidden, a picture, good; what can be printed and written whatever it is."""

from __future__ import annotations

import io
import os

import pandas as pd
import pytest
from PIL import Image

from promptad_tutorial.files.names import (
    bad_name,
    cell,
    good_name,
    is_hidden,
    is_picture,
    kind_of,
    printable,
    readable_formats,
    same_name,
    say,
)
from promptad_tutorial.files.writing import write_table

SYSTEM = (
    ".DS_Store", "._1.png", "Thumbs.db", "ehthumbs.db", "desktop.ini", "Desktop.INI", "~$a.xlsx",
    "@eaDir", "__MACOSX", ".ipynb_checkpoints", "$RECYCLE.BIN", "System Volume Information",
    "#recycle", ".Trash-1000", ".AppleDouble", "Icon\r",
)  # fmt: skip


@pytest.mark.parametrize("name", SYSTEM)
def test_the_systems_own_files_are_hidden(name, tmp_path):
    assert is_hidden(name) and is_hidden(tmp_path / name) and not is_picture(tmp_path / name)


def test_a_hidden_folder_above_does_not_hide_what_is_in_it(tmp_path):
    assert not is_hidden(tmp_path / ".cache" / "a.png") and is_picture(".cache/a.png")


OTHER = "CR2 dng jxl svg exr dcm eps xcf jxr nef raw"
READ = "png JPE jfif jpg gif bmp dib tif TIFF webp jp2 avif ppm pgm tga qoi ico psd"


@pytest.mark.parametrize("suffix", READ.split())
def test_what_pillow_reads_is_a_picture(suffix):
    assert is_picture(f"a.{suffix}")


@pytest.mark.parametrize("suffix", OTHER.split())
def test_other_pictures_are_named_and_not_passed_over(suffix):
    assert kind_of(f"a.{suffix}") == "unreadable"


def test_heic_depends_on_what_is_installed():
    expected = "picture" if "HEIF" in readable_formats() else "unreadable"
    assert kind_of("a.HEIC") == kind_of("a.heif") == expected


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.mp4", "a.pdf", "a.h5", "a", "png", "a.npy"])
def test_what_is_no_picture(name, tmp_path):
    (tmp_path / name).write_bytes(b"something else")
    assert kind_of(tmp_path / name) == "other"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "AVIF"])
def test_a_picture_under_a_name_that_says_nothing_is_known_by_its_content(tmp_path, kind):
    for name in ("photo", "photo.jpg_large", "photo.png.download"):
        Image.new("RGB", (20, 20)).save(tmp_path / name, kind)
        assert is_picture(tmp_path / name)


def test_names_that_are_good_in_any_case():
    for name in ("good", "Good", "GOOD", "ok", "OK", "normal", "Normal", "no defect"):
        assert good_name(name) and not bad_name(name)
    for name in ("ng", "NG", "ko", "NOK", "Bad", "Anomaly", "defects"):
        assert bad_name(name) and not good_name(name)
    for name in ("scratch", "goods train", "broken"):
        assert not bad_name(name) and not good_name(name)


def test_accents_are_one_name_however_they_are_written():
    assert same_name("pi\u00e8ce", "pie\u0300ce") and not same_name("a", "A")


NAMES = ["划痕.jpg", os.fsdecode(b"caf\xe9.jpg"), "a\nb\x1b[31m.png", "x\u202egnp.exe", "naïve.png"]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii", "cp932", None, "no such"])
@pytest.mark.parametrize("name", NAMES)
def test_any_name_can_be_printed_in_any_encoding(name, encoding):
    shown = printable(name, encoding)
    assert len(shown.splitlines()) == 1 and "\x1b" not in shown and "\u202e" not in shown
    shown.encode(encoding if encoding not in (None, "no such") else "ascii")
    stream = io.TextIOWrapper(io.BytesIO(), encoding="cp1252", newline="")
    say(f"two\nlines of {printable(name)}", stream)
    stream.flush()
    assert stream.buffer.getvalue().count(b"\n") == 2


def test_what_is_printable_stays_and_bytes_are_shown():
    assert printable("划痕 naïve.png") == "划痕 naïve.png"
    assert printable(os.fsdecode(b"caf\xe9.jpg")) == r"caf\xe9.jpg"


def test_a_table_opens_in_a_spreadsheet_and_runs_nothing(tmp_path):
    names = ["=1+1.png", "-2+3.png", "@a", "+a", "-1.5", "划痕.jpg", os.fsdecode(b"\xe9.jpg")]
    frame = pd.DataFrame({"=image": names, "score": [-0.25] * len(names)})
    path = write_table(tmp_path / "new" / "t.csv", frame)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    table = pd.read_csv(path, dtype={"'=image": str})
    expected = ["'=1+1.png", "'-2+3.png", "'@a", "'+a", "-1.5", "划痕.jpg", r"\xe9.jpg"]
    assert table["'=image"].tolist() == expected and set(table["score"]) == {-0.25}
    assert cell("\t=1") == r"\t=1"
