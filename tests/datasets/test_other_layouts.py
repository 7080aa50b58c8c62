"""Data sets as they come, each tiny and in its real layout; and folders as people name them."""

from __future__ import annotations

import json
import unicodedata
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from promptad_tutorial.datasets import load_folder, open_dataset, read_mask
from promptad_tutorial.datasets.checks import check_dataset

SIZE = (80, 64)  # width, height


def picture(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (SIZE[1], SIZE[0], 3)
    seed += zlib.crc32(path.as_posix().encode())
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)).save(path)
    return path


def mask(path: Path, rows: slice, value: int = 255) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    values[rows] = value
    Image.fromarray(values).save(path)
    return path


def told(root: Path) -> list[str]:
    return [str(one) for one in check_dataset(root, jobs=1)[0].all]


def shares(root: Path, name: str) -> dict[str, float]:
    line = open_dataset(root).load(name)
    return {f"{s.defect}/{s.image.stem}": float(read_mask(s).mean()) for s in line.test}


def test_mvtec_loco_has_several_masks_of_one_picture(tmp_path):
    line = tmp_path / "breakfast_box"
    for part in ("train/good", "validation/good", "test/good"):
        picture(line / part / "000.png")
    for kind in ("logical_anomalies", "structural_anomalies"):
        picture(line / "test" / kind / "000.png")
        mask(line / "ground_truth" / kind / "000" / "000.png", np.s_[:8], 255)
        mask(line / "ground_truth" / kind / "000" / "001.png", np.s_[8:16], 236)
    (line / "defects_config.json").write_text("[]")
    assert shares(tmp_path, "breakfast_box") == {
        "good/000": 0,
        "logical_anomalies/000": 0.25,
        "structural_anomalies/000": 0.25,
    }
    lines = told(tmp_path)
    assert not [one for one in lines if one.startswith("[fix]")]
    assert any("validation/good: 1 pictures that nothing reads" in one for one in lines)
    mask(line / "ground_truth/logical_anomalies/001/000.png", np.s_[:8])
    assert any("001/000.png: a mask without a picture" in one for one in told(tmp_path))


def test_mvtec_ad_2_has_its_public_test_set(tmp_path):
    line = tmp_path / "can"
    for part in ("train/good", "validation/good", "test_public/good", "test_public/bad"):
        picture(line / part / "000_regular.png")
    for part in ("test_private", "test_private_mixed"):
        picture(line / part / "000.png")
    mask(line / "test_public/ground_truth/bad/000_regular_mask.png", np.s_[:16])
    assert shares(tmp_path, "can") == {"good/000_regular": 0, "bad/000_regular": 0.25}
    assert not [one for one in told(tmp_path) if one.startswith("[fix]")]


def test_btad_says_ok_and_ko(tmp_path):
    line = tmp_path / "01"
    for part in ("train/ok", "test/ok", "test/ko"):
        picture(line / part / "0000.bmp")
    mask(line / "ground_truth/ko/0000.png", np.s_[:16])
    assert shares(tmp_path, "01") == {"good/0000": 0, "ko/0000": 0.25}
    assert not [one for one in told(tmp_path) if one.startswith("[fix]")]


def test_kolektor_sdd2_says_by_its_masks_what_is_good(tmp_path):
    for i, part in ((10000, "train"), (10001, "train"), (20000, "test"), (20001, "test")):
        picture(tmp_path / f"ksdd2/{part}/{i}.png")
        mask(tmp_path / f"ksdd2/{part}/{i}_GT.png", np.s_[: 16 * (i % 2)])
    line = open_dataset(tmp_path / "ksdd2").load("ksdd2")
    assert [s.image.name for s in line.train] == ["10000.png"]
    assert shares(tmp_path / "ksdd2", "ksdd2") == {"good/20000": 0, "defect/20001": 0.25}
    (tmp_path / "ksdd2/test/20001_GT.png").unlink()
    with pytest.raises(ValueError, match=r"20001\.png: no mask says whether it is good"):
        open_dataset(tmp_path / "ksdd2").load("ksdd2")


@pytest.mark.parametrize("pictures", ["realiad_1024/audiojack", "audiojack"])
def test_real_iad_is_told_by_its_json(tmp_path, pictures):
    def row(kind: str, name: str, masked: str | None = None) -> dict[str, str | None]:
        picture(tmp_path / pictures / kind / "S0001" / name)
        path = f"{kind}/S0001/{masked}" if masked else None
        return {
            "category": "audiojack",
            "anomaly_class": kind,
            "image_path": f"{kind}/S0001/{name}",
            "mask_path": path,
        }

    mask(tmp_path / pictures / "AK/S0001/a.png", np.s_[:16])
    table = {
        "meta": {"normal_class": "OK", "prefix": "audiojack/"},
        "train": [row("OK", "0.jpg")],
        "test": [row("OK", "1.jpg"), row("AK", "a.jpg", "a.png")],
    }
    (tmp_path / "realiad_jsons/realiad_jsons").mkdir(parents=True)
    path = tmp_path / "realiad_jsons/realiad_jsons/audiojack.json"
    path.write_text(json.dumps(table))
    assert open_dataset(tmp_path).product_lines == ("audiojack",)
    assert shares(tmp_path, "audiojack") == {"good/1": 0, "AK/a": 0.25}
    assert not [one for one in told(tmp_path) if one.startswith("[fix]")]
    (tmp_path / pictures / "OK/S0001/0.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of 3 pictures are not there \(0\.jpg\)"):
        open_dataset(tmp_path).load("audiojack")
    path.write_text('{"meta": {"normal_class": "OK", "prefix": ""}}')
    with pytest.raises(ValueError, match="not as Real-IAD writes it"):
        open_dataset(tmp_path).load("audiojack")


def test_visa_prepared_and_raw(tmp_path):
    line = tmp_path / "visa_pytorch/1cls/candle"
    for part in ("train/good", "test/good", "test/bad"):
        picture(line / part / "000.JPG")
    mask(line / "ground_truth/bad/000.png", np.s_[:16], 3)
    found = shares(tmp_path / "visa_pytorch/1cls", "candle")
    assert found == {"good/000": 0, "bad/000": 0.25}
    with pytest.raises(ValueError, match="Did you mean .*1cls"):
        open_dataset(tmp_path / "visa_pytorch")
    picture(tmp_path / "VisA/candle/Data/Images/Normal/0000.JPG")
    for root in (tmp_path / "VisA", tmp_path / "VisA" / "candle"):
        with pytest.raises(ValueError, match=r"VisA without its table: take split_csv/1cls\.csv"):
            open_dataset(root)


# --- names ----------------------------------------------------------------------------------


@pytest.mark.parametrize("good", ["good", "Good", "GOOD", "ok", "OK", "normal", "Normal"])
def test_good_is_good_whatever_it_is_called(tmp_path, good):
    for part in (f"nut/train/{good}", f"nut/test/{good}", "nut/test/NG"):
        picture(tmp_path / part / "0.png")
    line = open_dataset(tmp_path).load("nut")
    assert [(s.defect, s.label) for s in line.test] == [
        *([("NG", 1)] if good.casefold() > "ng" else []),
        ("good", 0),
        *([("NG", 1)] if good.casefold() < "ng" else []),
    ]
    noted = any(f"{good} counts as good" in one for one in told(tmp_path))
    assert noted == (good.casefold() != "good")
    picture(tmp_path / "own" / good / "0.png")
    picture(tmp_path / "own/test" / good / "1.png")
    picture(tmp_path / "own/test/scratch/2.png")
    own = open_dataset(tmp_path / "own").load("own")
    assert sorted(s.label for s in own.test) == [0, 1]
    assert load_folder(tmp_path / "own" / good, tmp_path / "own/test").name == "own"


def test_two_words_for_good_are_asked_about(tmp_path):
    for part in ("train/good", "test/good", "test/ok", "test/scratch"):
        picture(tmp_path / "nut" / part / "0.png")
    with pytest.raises(ValueError, match=r"may both hold good pictures \(good, ok\).*all good\?"):
        open_dataset(tmp_path).load("nut")
    assert any(one.startswith("[fix] nut/test: two folders that may") for one in told(tmp_path))


def test_good_beside_bad_is_told_the_command(tmp_path):
    picture(tmp_path / "nut/OK/0.png")
    picture(tmp_path / "nut/NG/0.png")
    with pytest.raises(ValueError, match=r"found images in NG too, beside OK.*init-data --good"):
        open_dataset(tmp_path / "nut")


NFC, NFD = (unicodedata.normalize(form, "pièce é") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(("one", "other"), [(NFC, NFD), (NFD, NFC)])
def test_accents_in_either_form_belong_together(tmp_path, one, other):
    line = tmp_path / "data" / one
    picture(line / "train/good/0.png")
    picture(line / "test/good/0.png", 1)
    picture(line / "test" / one / f"{one}.png")
    mask(line / "ground_truth" / other / f"{other}_mask.png", np.s_[:16])
    loaded = open_dataset(tmp_path / "data").load(other)
    assert [s.mask is not None for s in loaded.test if s.label] == [True]
    assert not [line for line in told(tmp_path / "data") if line.startswith("[fix]")]
    picture(tmp_path / "nut/good/0.png")
    picture(tmp_path / f"nut/test/x/{one}.png")
    mask(tmp_path / f"nut/test/x/{other}_mask.png", np.s_[:16])
    assert len(open_dataset(tmp_path / "nut").load("nut").test) == 1
    visa = tmp_path / "visa"
    for name in ("0.png", "1.png", "2.png"):
        picture(visa / one / name)
    mask(visa / one / "m.png", np.s_[:16])
    (visa / "split_csv").mkdir()
    rows = [f"a,train,normal,{other}/0.png,", f"a,test,normal,{other}/1.png,"]
    rows += ["object,split,label,image,mask", f"a,test,anomaly,{other}/2.png,{other}/m.png"]
    (visa / "split_csv/1cls.csv").write_text("\n".join(sorted(rows, reverse=True)), "utf-8")
    assert len(open_dataset(visa).load("a").test) == 2
    assert not [line for line in told(visa) if line.startswith("[fix]")]


@pytest.mark.parametrize("place", ["train/good", "test/good", "test/scratch"])
@pytest.mark.parametrize("name", ["a.heif2.svg", "b.CR2", "c.jxl"])
def test_a_picture_that_nobody_reads_is_a_fault(tmp_path, place, name):
    for part in ("train/good", "test/good", "test/scratch"):
        picture(tmp_path / "nut" / part / "0.png")
    (tmp_path / "nut" / place / name).write_bytes(b"something")
    with pytest.raises(ValueError, match="1 pictures of a kind that cannot be read here"):
        open_dataset(tmp_path).load("nut")
    faults = [one for one in told(tmp_path) if one.startswith("[fix]")]
    assert len(faults) == 1 and name in faults[0]


def test_other_suffixes_that_pillow_reads_count(tmp_path):
    for i, name in enumerate(("a.jfif", "b.JPE", "c.gif", "d.avif", "e.jp2", "f.ppm", "g.tga")):
        picture(tmp_path / "nut/train/good" / name, i)
        picture(tmp_path / "nut/test/scratch" / name, 9 + i)
    line = open_dataset(tmp_path).load("nut")
    assert len(line.train) == len(line.test) == 7


def test_what_the_system_leaves_behind_is_nobodys_picture(tmp_path):
    for part in ("train/good", "test/good", "test/scratch"):
        picture(tmp_path / "nut" / part / "0.png")
        for junk in ("@eaDir/0.png", "__MACOSX/1.png", ".ipynb_checkpoints/0-checkpoint.png"):
            picture(tmp_path / "nut" / part / junk)
        for junk in ("Thumbs.db", "desktop.ini", "._0.png", "~$0.png"):
            (tmp_path / "nut" / part / junk).write_bytes(b"x")
    picture(tmp_path / "__MACOSX/nut/train/good/0.png")
    assert open_dataset(tmp_path).product_lines == ("nut",)
    assert [s.image.name for s in open_dataset(tmp_path).load("nut").test] == ["0.png", "0.png"]
    assert [one[:6] for one in told(tmp_path)] == ["[note]"]  # no masks


def test_twelve_bits_of_all_pictures_are_a_fault(tmp_path, monkeypatch):
    for i, part in enumerate(("train/good", "test/good", "test/scratch")):
        deep = np.random.default_rng(i).integers(0, 4096, (64, 80)).astype(np.uint16)
        path = tmp_path / "nut" / part / "0.tif"
        path.parent.mkdir(parents=True)
        Image.fromarray(deep).save(path)
    faults = [one for one in told(tmp_path) if one.startswith("[fix]")]
    assert len(faults) == 1 and "fill 12 bits only" in faults[0] and "BITS=12" in faults[0]
    monkeypatch.setenv("PROMPTAD_BITS", "12")
    assert not [one for one in told(tmp_path) if one.startswith("[fix]")]


def test_frames_and_a_mask_that_may_be_inverted_are_noted(tmp_path):
    for part in ("train/good", "test/good", "test/scratch"):
        picture(tmp_path / "nut" / part / "0.png")
    mask(tmp_path / "nut/ground_truth/scratch/0.png", np.s_[:60])
    frames = [Image.new("RGB", SIZE, c) for c in ("red", "blue", "green")]
    frames[0].save(tmp_path / "nut/train/good/1.gif", save_all=True, append_images=frames[1:])
    lines = told(tmp_path)
    assert any("1.gif: 3 frames: nothing to do: the first" in one for one in lines)
    assert any("marks 94 % of the picture: look at it" in one for one in lines)


@pytest.mark.parametrize("name", ["划痕", "傷", "🔩", "naïve é"])
def test_names_in_any_script_are_opened_and_checked(tmp_path, name):
    for part in ("train/good", "test/good", f"test/{name}"):
        picture(tmp_path / name / part / f"{name}.png")
    mask(tmp_path / name / "ground_truth" / name / f"{name}_mask.png", np.s_[:16])
    assert shares(tmp_path, name) == {f"good/{name}": 0, f"{name}/{name}": 0.25}
    assert told(tmp_path) == []


def test_a_folder_of_masks_without_any_is_no_mask(tmp_path):
    for part in ("train/good", "test/good", "test/logical"):
        picture(tmp_path / "box" / part / "000.png")
        picture(tmp_path / "box" / part / "001.png")
    mask(tmp_path / "box/ground_truth/logical/000/000.png", np.s_[:16])
    (tmp_path / "box/ground_truth/logical/001").mkdir()
    with pytest.raises(FileNotFoundError, match=r"1 of 2 .* have no mask: logical/001\.png"):
        open_dataset(tmp_path).load("box")
    assert any("logical/001.png: the mask is missing" in one for one in told(tmp_path))
