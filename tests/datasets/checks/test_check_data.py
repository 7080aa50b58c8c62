"""`check-data`: every fault of a folder at once, and none where there is none."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.commands.test_cli import failure, run


def write(path: Path, seed: int, size: tuple[int, int] = (80, 70), mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path)


def write_mask(path: Path, values: tuple[int, ...] = (255,), size: tuple[int, int] = (80, 70)):
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = np.zeros(size, np.uint8)
    mask[: len(values), :9] = np.array(values)[:, None]
    Image.fromarray(mask).save(path)


@pytest.fixture
def mvtec(tmp_path) -> Path:
    """A sound category, as it really comes: mixed formats and modes, spaces, extra files."""
    line = tmp_path / "data" / "metal nut"
    for seed, name in enumerate(("0.png", "1.JPG", "2.jpeg", "3.bmp", "4.tiff")):
        write(line / "train/good" / name, seed, mode="L" if seed % 2 else "RGB")
    write(line / "test/good/0.png", 10, mode="P")
    write(line / "test/bent rim/a b.png", 11, (1100, 1024))
    write_mask(line / "ground_truth/bent rim/a b_mask.png", (1,), (1100, 1024))
    (line / "readme.txt").touch()
    return tmp_path / "data"


def check(capsys, root: Path, *words: object) -> tuple[int, list[str]]:
    code, out, _ = run(capsys, "check-data", "--root", root, "--jobs", 1, *words)
    return code, out.splitlines()


def test_a_sound_dataset_has_no_faults(capsys, mvtec):
    code, lines = check(capsys, mvtec)
    assert code == 0 and lines[-1].startswith("0 faults, 1 notes; 7 pictures of 1 product lines")
    assert lines[0].startswith("[note] metal nut: extra files (readme.txt)")


def test_all_faults_are_reported_at_once_one_line_each(capsys, mvtec):
    line = mvtec / "metal nut"
    truth = line / "ground_truth/bent rim"
    write(line / "test/good/copy.bmp", 0)  # of train/good/0.png, in another format
    (line / "test/good/broken.png").write_bytes(b"no picture")
    (line / "test/good/link.png").symlink_to("/nowhere.png")
    write(line / "test/good/A.png", 20)
    write(line / "test/good/a.png", 21)
    write(line / "test/bent rim/small.png", 22, (20, 20))
    write_mask(truth / "small_mask.png", (255,), (40, 20))
    write(line / "test/bent rim/bare.png", 23)
    write(line / "test/bent rim/soft.png", 24)
    write_mask(truth / "soft_mask.png", tuple(range(1, 40, 3)))
    write(line / "test/bent rim/empty.png", 25)
    write_mask(truth / "empty_mask.png", (0,))
    write_mask(truth / "alone_mask.png")
    (line / "test/dent").mkdir()
    write(line / "train/spare/0.png", 26)
    (mvtec / "screw/Train/Good").mkdir(parents=True)
    code, lines = check(capsys, mvtec)
    faults = [one for one in lines if one.startswith("[fix]")]
    for place, what in (
        ("test/good/copy.bmp", "the same picture as metal nut/train/good/0.png in train: a leak"),
        ("test/good/broken.png", "cannot be read"),
        ("test/good/link.png", "a link to /nowhere.png"),
        ("test/good", "differ in case alone (A.png, a.png)"),
        ("test/bent rim/small.png", "too small (20 x 20"),
        ("ground_truth/bent rim/small_mask.png", "20 x 40 pixels, its picture 20 x 20"),
        ("test/bent rim/bare.png", "the mask is missing"),
        ("ground_truth/bent rim/soft_mask.png", "odd mask values"),
        ("ground_truth/bent rim/empty_mask.png", "marks nothing"),
        ("ground_truth/bent rim/alone_mask.png", "a mask without a picture"),
        ("test/dent", "an empty folder"),
        ("train/spare", "1 pictures that nothing reads"),
    ):
        told = [one for one in faults if one.startswith(f"[fix] metal nut/{place}: ")]
        assert any(what in one.replace("names that ", "") for one in told), (place, lines)
    assert any("screw/Train/Good: an empty folder" in one for one in faults)
    assert code == 1 and len(faults) == 14, faults  # these 12, and no test in screw


def test_every_row_of_visas_table_is_looked_at(capsys, tmp_path):
    rows = [
        ("candle", "train", "normal", "candle/0.JPG", ""),
        ("candle", "test", "normal", "candle/1.JPG", ""),
        ("candle", "test", "anomaly", "candle/2.JPG", "masks/2.png"),
    ]
    for seed in range(3):
        write(tmp_path / f"candle/{seed}.JPG", seed)
    write_mask(tmp_path / "masks/2.png", (1, 3))

    def table(more: list[tuple[str, ...]]) -> None:
        (tmp_path / "split_csv").mkdir(exist_ok=True)
        with (tmp_path / "split_csv/1cls.csv").open("w", newline="") as file:
            csv.writer(file).writerows(
                [("object", "split", "label", "image", "mask"), *rows, *more]
            )

    table([])
    code, lines = check(capsys, tmp_path)
    assert code == 0 and lines[0].startswith("[note] masks/2.png: odd mask values (0, 1, 3)")
    write_mask(tmp_path / "masks/9.png")
    table([("candle", "dev", "normal", "x", ""), ("candle", "test", "normal", "candle/2.jpg", "")])
    code, lines = check(capsys, tmp_path)
    told = "\n".join(lines)
    assert code == 1 and "split is 'dev'" in told and "rename 2.JPG to 2.jpg" in told
    assert "[fix] masks/9.png: a mask without a picture" in told


def test_plain_folders_and_mistakes(capsys, tmp_path):
    for seed in range(3):
        write(tmp_path / f"nut/good/{seed}.png", seed)
    assert check(capsys, tmp_path / "nut")[0] == 0
    write(tmp_path / "nut/test/good/x.png", 1)
    assert check(capsys, tmp_path / "nut", "--layout", "folder")[0] == 1
    assert "found nothing there" in failure(capsys, "check-data", "--root", tmp_path / "x")


def test_no_masks_at_all_is_a_note_unless_other_categories_have_some(capsys, mvtec):
    other = mvtec / "bolt"
    write(other / "train/good/0.png", 40)
    write(other / "test/good/0.png", 41)
    write(other / "test/dent/0.png", 42)
    code, lines = check(capsys, mvtec)
    assert code == 1 and any(
        one.startswith("[fix] bolt/test/dent/0.png: the mask is missing") for one in lines
    )
    code, lines = check(capsys, other)
    assert code == 0 and any("no masks at all, so figures at pixel level" in one for one in lines)


def test_a_mask_that_lacks_and_one_of_half_the_size(capsys, mvtec):
    truth = mvtec / "metal nut/ground_truth/bent rim"
    write_mask(truth / "a b_mask.png", (0, 128, 255), (550, 512))
    code, lines = check(capsys, mvtec)
    assert code == 0 and any("512 x 550 pixels, its picture 1024 x 1100" in one for one in lines)
    write(mvtec / "metal nut/test/bent rim/bare.png", 50)
    code, lines = check(capsys, mvtec)
    assert code == 1
    assert any("bare.png: the mask is missing: add metal nut/ground_truth" in one for one in lines)
