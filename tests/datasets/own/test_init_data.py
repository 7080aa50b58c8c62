"""`init-data`: own pictures become a dataset that every command takes, or nothing is written."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from promptad_tutorial.commands.score_folder.score_folder import score_folder
from promptad_tutorial.datasets import mask_at, open_dataset
from promptad_tutorial.datasets.own import writing
from promptad_tutorial.datasets.own.plan import plan_layout
from promptad_tutorial.detectors import VisualMemory
from promptad_tutorial.files.pictures import read_image
from tests.commands.test_cli import failure, run
from tests.workshop.test_commands import run as run_workshop


def noise(seed: int, size: tuple[int, int] = (80, 96)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def save(path: Path, image: Image.Image, **how: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **how)


@pytest.fixture
def own(tmp_path) -> Path:
    """Pictures as people have them: formats and modes mixed, equal names, files of other kinds."""
    root = tmp_path / "mine"
    good = root / "good ones"
    for i in range(4):
        save(good / f"{i}.png", noise(i))
    save(good / "monday" / "0.PNG", noise(10))  # the same name twice
    save(good / "0.jpg", noise(11))
    save(good / "grey.TIFF", noise(12).convert("L"))
    save(good / "ink.tif", noise(13).convert("CMYK"))
    save(good / "palette.bmp", noise(14).convert("P"))
    save(good / "clear.png", noise(15).convert("RGBA"))
    sixteen = np.random.default_rng(16).integers(0, 65536, (80, 96)).astype(np.uint16)
    save(good / "deep.png", Image.fromarray(sixteen))
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    save(good / "lying.jpg", noise(17), exif=exif)
    save(good / "large.jpg", noise(18, (1100, 1300)))
    save(good / "copy of 1.bmp", noise(1))
    for name in ("Thumbs.db", ".DS_Store", "._0.png", "notes.txt"):
        (good / name).write_bytes(b"no picture")
    for i in range(2):
        save(root / "bad" / "long scratch" / f"{i}.png", noise(20 + i))
    save(root / "bad" / "dent" / "0.JPEG", noise(30))
    save(root / "bad" / "odd.webp", noise(31))
    return root


def add_masks(root: Path) -> Path:
    """Masks of 1, of 128 and 255, of half the size, and one called as its picture."""
    values = np.zeros((80, 96), np.uint8)
    for path, mask in (
        ("long scratch/0_mask.png", np.where(np.arange(80)[:, None] < 9, 1, values)),
        ("long scratch/1_mask.png", np.where(np.arange(96) < 9, 128, values)),
        ("dent/0.bmp", np.where(np.arange(40)[:, None] < 9, 255, values[::2, ::2])),
        ("odd_mask.png", np.where(np.arange(80)[:, None] < 30, 255, values)),
    ):
        save(root / "masks" / path, Image.fromarray(mask.astype(np.uint8)))
    return root / "masks"


def words(root: Path, *more: object) -> list[object]:
    found = ["init-data", "--good", root / "good ones", "--bad", root / "bad"]
    return [*found, "--name", "metal nut", "--out", root / "data", "--jobs", 1, *more]


def contents(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def test_own_pictures_become_a_dataset_and_stay_where_they_are(capsys, own):
    before = contents(own)
    code, said, _ = run(capsys, *words(own, "--test-good", 3, "--seed", 4))
    assert code == 0 and "10 good pictures to learn from; to test 3 good" in said
    assert "2 long scratch" in said and "no masks" in said and "1 copies" in said
    assert "1 files left out that are no pictures by their suffix (notes.txt)" in said
    data = open_dataset(own / "data")
    line = data.load("metal nut")
    assert data.product_lines == ("metal nut",)
    assert (len(line.train), len(line.test)) == (10, 7)
    assert sorted(line.defects) == ["defect", "dent", "long scratch"]
    after = contents(own)
    assert {k: v for k, v in after.items() if not k.startswith("data/")} == before
    # every picture of the sources is there once, byte by byte
    note = json.loads((own / "data/metal nut/init_data.json").read_text())
    for place, source in note["files"].items():
        assert (own / "data/metal nut" / place).read_bytes() == Path(source).read_bytes()
    good = {p for p in map(Path, note["files"].values()) if "good ones" in p.parts}
    assert len(good) == 13 and (note["seed"], len(note["left_out_copies"])) == (4, 1)
    for sample in (*line.train, *line.test):
        assert read_image(sample.image).mode == "RGB"
    assert not [p for p in (own / "data").iterdir() if p.name.startswith(".")]
    code, told, _ = run(capsys, "check-data", "--root", own / "data", "--jobs", 1)
    assert code == 0 and "no masks at all" in told


def test_the_split_depends_on_the_seed_alone(capsys, own):
    def tested(out: str, *more: object) -> list[str]:
        assert run(capsys, *words(own, "--out", own / out, *more))[0] == 0
        return sorted(p.name for p in (own / out / "metal nut/test/good").iterdir())

    first = tested("a", "--seed", 1)
    assert len(first) == round(0.2 * 13)
    assert tested("b", "--seed", 1) == first != tested("c", "--seed", 2)


def test_masks_of_other_values_and_sizes_are_matched(capsys, own):
    code, said, _ = run(capsys, *words(own, "--masks", add_masks(own)))
    assert code == 0 and "4 masks" in said
    line = open_dataset(own / "data").load("metal nut")
    shares = {
        f"{s.defect}/{s.image.stem}": mask_at(s, (80, 96)).mean() for s in line.test if s.label
    }
    assert shares == {
        "long scratch/0": 9 / 80,
        "long scratch/1": 9 / 96,
        "dent/0": 18 / 80,  # drawn at half the size
        "defect/odd": 30 / 80,
    }
    code, told, _ = run(capsys, "check-data", "--root", own / "data", "--jobs", 1)
    assert code == 0 and "has the same shape and is scaled" in told


def test_links_are_links(capsys, own):
    assert run(capsys, *words(own, "--link"))[0] == 0
    line = open_dataset(own / "data").load("metal nut")
    assert all(s.image.is_symlink() and s.image.exists() for s in (*line.train, *line.test))


def test_everything_that_is_wrong_is_told_at_once_and_nothing_is_written(capsys, own):
    (own / "good ones" / "half.png").write_bytes((own / "good ones/0.png").read_bytes()[:3000])
    (own / "bad" / "dent" / "text.jpg").write_text("no picture")
    (own / "good ones" / "empty.bmp").touch()
    (own / "good ones" / "gone.png").symlink_to("/nowhere.png")
    save(own / "bad" / "dent" / "good too.png", noise(2))
    line = failure(capsys, *words(own))
    for name in ("half.png", "text.jpg", "empty.bmp", "gone.png", "good too.png"):
        assert name in line
    assert "5 things are wrong, and nothing was written" in line
    assert not (own / "data").exists()


def test_masks_that_do_not_belong_are_told(capsys, own):
    masks = add_masks(own)
    (masks / "dent/0.bmp").unlink()
    save(masks / "long scratch" / "9_mask.png", Image.new("L", (96, 80), 255))
    save(masks / "odd_mask.png", Image.new("L", (96, 70)))
    line = failure(capsys, *words(own, "--masks", masks))
    assert "0.JPEG: no mask" in line and "9_mask.png: a mask without a picture" in line
    assert "odd_mask.png: the mask is 96 x 70 pixels, its picture 96 x 80" in line
    save(masks / "odd_mask.png", Image.new("L", (96, 80)))
    assert "odd_mask.png: the mask marks nothing" in failure(capsys, *words(own, "--masks", masks))


def test_nothing_is_replaced_and_nothing_half_done_stays(capsys, own, monkeypatch):
    assert run(capsys, *words(own))[0] == 0
    before = contents(own / "data")
    assert "is there already" in failure(capsys, *words(own))
    copied = []

    def full(source: Path, target: Path) -> None:
        copied.append(target)
        if len(copied) == 5:
            raise OSError(28, "No space left on device")
        target.write_bytes(source.read_bytes())

    monkeypatch.setattr(writing.shutil, "copyfile", full)
    again = ["--name", "other nut"]
    assert "No space left" in failure(capsys, *words(own, *again))
    assert contents(own / "data") == before and os.listdir(own / "data") == ["metal nut"]
    copied.clear()
    assert "No space left" in failure(capsys, *words(own, *again, "--out", own / "new"))
    assert not (own / "new").exists()


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (("--name", "a/b"), "--name cannot be 'a/b'"),
        (("--name", "train"), "--name cannot be 'train'"),
        (("--name", ".."), "the name of a product"),
        (("--test-good", 13), "between 0 and 12"),
        (("--test-good", -1), "between 0 and 12"),
        (("--seed", -1), "--seed must be 0 or more"),
        (("--good", "nowhere"), "folder of good pictures (--good)"),
        (("--masks", "nowhere"), "folder of masks (--masks)"),
    ],
)
def test_a_mistake_in_the_call_is_one_line(capsys, own, more, expected):
    assert expected in failure(capsys, *words(own, *more))
    assert not (own / "data").exists()


def test_a_place_that_cannot_hold_categories_is_refused(capsys, own):
    (own / "data" / "train").mkdir(parents=True)
    assert "is a category or a dataset" in failure(capsys, *words(own))
    (own / "file").touch()
    assert "found a file" in failure(capsys, *words(own, "--out", own / "file"))
    (own / "bad" / "Good").mkdir()
    save(own / "bad" / "Good" / "x.png", noise(50))
    line = failure(capsys, *words(own, "--out", own / "new"))
    assert "cannot hold one called 'Good'" in line


def test_good_pictures_alone_are_enough_and_one_is_not(capsys, own, tmp_path):
    call = ["init-data", "--name", "nut", "--out", tmp_path / "d", "--jobs", 1, "--good"]
    assert run(capsys, *call, own / "good ones")[0] == 0
    assert {s.defect for s in open_dataset(tmp_path / "d").load("nut").test} == {"good"}
    save(tmp_path / "one" / "0.png", noise(0))
    call[2] = "other"
    assert "1 of 1 good pictures" in failure(capsys, *call, tmp_path / "one")
    line = failure(capsys, *call, own / "good ones", "--test-good", 0)
    assert "nothing to test" in line


def test_equal_names_get_numbers_and_keep_their_masks(own):
    bad = own / "bad/dent"
    save(bad / "0.png", noise(60))
    truth = Image.fromarray((np.arange(80 * 96).reshape(80, 96) < 300).astype(np.uint8))
    save(bad / "0_mask.png", truth)
    with pytest.raises(ValueError, match=r"more than one picture or mask is called 0"):
        plan_layout(own / "good ones", bad, jobs=1)
    (bad / "0.JPEG").unlink()
    plan = plan_layout(own / "good ones", bad, jobs=1)
    assert (plan.masks, plan.tested["defect"]) == (1, 1)
    stems = [(p.parent.as_posix(), p.stem.casefold()) for p, _ in plan.files]
    assert len(set(stems)) == len(stems)
    zeros = [p for p, source in plan.files if source.stem == "0" and "good ones" in source.parts]
    assert len(zeros) == 3 and any(p.stem == "0_2" for p in zeros)
    assert ("ground_truth/defect", "0_mask") in stems


def test_masks_in_the_same_sub_folders_belong_to_pictures_of_equal_names(own):
    truth = Image.fromarray((np.arange(80 * 96).reshape(80, 96) < 300).astype(np.uint8))
    for i, day in enumerate(("monday", "tuesday")):
        save(own / "spots" / "spot" / day / "0.png", noise(70 + i))
        save(own / "spots" / "masks" / "spot" / day / "0.png", truth)
    plan = plan_layout(own / "good ones", own / "spots", own / "spots" / "masks", jobs=1)
    assert (plan.masks, plan.tested["spot"]) == (2, 2)
    days = {place.as_posix(): source.parent.name for place, source in plan.files}
    assert days["test/spot/0.png"] == days["ground_truth/spot/0_mask.png"] == "monday"
    assert days["test/spot/0_2.png"] == days["ground_truth/spot/0_2_mask.png"] == "tuesday"


def test_pictures_of_all_kinds_are_scored_as_they_are_seen(own, small_backbone, tmp_path):
    detector = VisualMemory(small_backbone(), "nut", 24).fit([noise(0), noise(1)])
    rows = score_folder(detector, own / "good ones", tmp_path / "out", 0.5)
    assert [row.verdict for row in rows] == 14 * ["good"]
    table = pd.read_csv(tmp_path / "out" / "scores.csv", index_col="image")
    assert table["error"].isna().all() and table.loc["0.png", "score"] < 1e-5  # a shot
    assert table.loc["copy of 1.bmp", "score"] == pytest.approx(table.loc["1.png", "score"])
    (upright,) = (tmp_path / "out" / "overlays").glob("lying*")
    with Image.open(upright) as drawn:
        assert drawn.size == (80, 96)  # turned as its EXIF says
    (large,) = (tmp_path / "out" / "overlays").glob("large*")
    with Image.open(large) as drawn:
        assert max(drawn.size) == 1024


def test_data_without_masks_work_where_image_scores_are_enough(capsys, own, small_configs):
    assert run(capsys, *words(own))[0] == 0
    data, out = own / "data", own / "out"
    one = ("--backbone", "small-plain:random")
    code, said, _ = run_workshop(
        capsys, "zero-shot", "--data", data, *one, "--out", out / "zero.csv"
    )
    table = pd.read_csv(out / "zero.csv")
    assert code == 0 and "pixel AUROC not available (no masks)" in said
    assert table["image_auroc"].notna().all() and table["pixel_auroc"].isna().all()
    code, said, _ = run_workshop(
        capsys, "ladder", "--data", data, *one, "--methods", "zero-shot", "memory", "--shots", 1,
        "--seeds", 0, "--jobs", 1, "--map-size", 24, "--runs", out / "runs", "--out", out / "l",
    )  # fmt: skip
    assert code == 0 and "pixel level not available" in said
    summary = pd.read_csv(out / "l" / "ladder_summary.csv")
    assert summary["image_auroc_mean"].notna().all() and summary["pixel_auroc_mean"].isna().all()
    code, _, _ = run(
        capsys, "benchmark", "--dataset", "mvtec", "--root", data, *one, "--methods", "memory",
        "--shots", 1, "--seeds", 1, "--jobs", 1, "--map-size", 24, "--out", out / "b", "--cache",
        out / "cache",
    )  # fmt: skip
    (row,) = [json.loads(p.read_text()) for p in (out / "b/rows").iterdir()]
    assert code == 0 and row["image_auroc"] is not None and row["pixel_auroc"] is None
