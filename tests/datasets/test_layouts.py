from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from promptad_tutorial.benchmark.committed import committed_table
from promptad_tutorial.datasets import (
    GOOD,
    UNLABELLED,
    Dataset,
    Sample,
    dataset_from_environment,
    load_folder,
    open_dataset,
    read_mask,
)
from promptad_tutorial.files import carried


def write(path: Path, value: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (4, 3), value).save(path)
    return path


def make_mvtec(root: Path, category: str = "bottle") -> Path:
    line = root / category
    # Written in an order that is not the sorted one.
    for name in ("10.png", "2.PNG", "1.png"):
        write(line / "train" / GOOD / name)
    for name in ("001.png", "000.png"):
        write(line / "test" / "scratch" / name)
        mask_name = name.replace(".png", "_mask.png")
        write(line / "ground_truth" / "scratch" / mask_name, 255)
    write(line / "test" / "bent rim" / "a b.jpg")
    write(line / "ground_truth" / "bent rim" / "a b.png", 1)  # the same stem, no _mask
    write(line / "test" / GOOD / "000.png")
    for extra in ("Thumbs.db", ".DS_Store", "train/good/license.txt", "test/scratch/._001.png"):
        (line / extra).touch()
    (line / "test" / ".ipynb_checkpoints").mkdir()
    (root / "readme.txt").touch()
    (root / "docs").mkdir(exist_ok=True)
    return root


def make_visa(root: Path, table: list[list[str]] | None = None, encoding: str = "utf-8") -> Path:
    rows = [["candle", "train", "normal", f"candle/Normal/{i}.JPG", ""] for i in (10, 9, 0)]
    rows += [["candle", "test", "normal", "candle/Normal/11.JPG", ""]]
    rows += [["candle", "test", "anomaly", "candle/Anomaly/0.JPG", "candle/Masks/0.png"]]
    rows += [["pcb1", "train", "normal", "pcb1/Normal/0.JPG", ""]]
    rows = rows if table is None else table
    for _, _, _, image, mask in rows:
        write(root / image.replace("\\", "/"))
        if mask:
            write(root / mask.replace("\\", "/"), 7)
    write_table(root, ["object", "split", "label", "image", "mask"], rows, encoding)
    return root


def write_table(root: Path, columns: list[str], rows: list[list[str]], encoding="utf-8") -> None:
    path = root / "split_csv" / "1cls.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file).writerows([columns, *rows])


# --- MVTec AD ---


def test_mvtec_reads_a_real_folder(tmp_path):
    root = make_mvtec(tmp_path)
    line = open_dataset(root).load("bottle")
    folder = root / "bottle"
    assert (line.name, line.root) == ("bottle", folder)
    assert line.train == tuple(
        Sample(folder / "train/good" / n, 0, "good") for n in ("1.png", "2.PNG", "10.png")
    )
    truth = folder / "ground_truth"
    assert line.test == (
        Sample(folder / "test/bent rim/a b.jpg", 1, "bent rim", truth / "bent rim/a b.png"),
        Sample(folder / "test/good/000.png", 0, "good"),
        Sample(folder / "test/scratch/000.png", 1, "scratch", truth / "scratch/000_mask.png"),
        Sample(folder / "test/scratch/001.png", 1, "scratch", truth / "scratch/001_mask.png"),
    )
    assert [read_mask(s).mean() for s in line.test] == [1, 0, 1, 1]


def test_categories_are_folders_with_a_training_part(tmp_path):
    for name in ("item10", "item2", "Apple"):
        make_mvtec(tmp_path, name)
    assert open_dataset(str(tmp_path)).product_lines == ("Apple", "item2", "item10")
    with pytest.raises(ValueError, match=r"Apple, item2, item10\. Did you mean 'Apple'\?"):
        open_dataset(tmp_path).load("aple")


def test_a_category_behind_a_link_keeps_its_name(tmp_path):
    make_mvtec(tmp_path / "disk")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "flask").symlink_to(tmp_path / "disk" / "bottle")
    line = open_dataset(tmp_path / "data").load("flask")
    assert line.name == "flask"
    assert len(line.test) == 4


def test_missing_masks_are_named_unless_they_are_not_required(tmp_path):
    root = make_mvtec(tmp_path)
    (root / "bottle/ground_truth/scratch/001_mask.png").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"1 of 3 anomalous images of 'bottle'.*: scratch/001\.png\. "
    ):
        open_dataset(root).load("bottle")
    line = open_dataset(root).load("bottle", require_masks=False)
    assert [s.image.name for s in line.test if s.label == 1 and s.mask is None] == ["001.png"]


def test_many_missing_masks_make_a_short_message(tmp_path):
    root = make_mvtec(tmp_path)
    for i in range(20):
        write(root / f"bottle/test/hole/{i}.png")
    with pytest.raises(FileNotFoundError, match=r"20 of 23 .*hole/5\.png and 14 more\."):
        open_dataset(root).load("bottle")


def remove(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()


@pytest.mark.parametrize(
    "gone, refill, error, message",
    [
        ("train", False, FileNotFoundError, "bottle: no folder train: add train/good"),
        ("train/good", False, FileNotFoundError, "bottle/train: no folder good: add it"),
        (
            "train/good",
            True,
            ValueError,
            "train/good: an empty folder.*the normal training images of 'bottle'",
        ),
        ("test", False, FileNotFoundError, "bottle: no folder test: add test/good"),
        (
            "test",
            True,
            ValueError,
            "test: no test pictures in good or <defect>, found an empty folder",
        ),
        ("ground_truth", False, FileNotFoundError, "3 of 3 anomalous images"),
    ],
)
def test_a_damaged_category_says_what_is_missing(tmp_path, gone, refill, error, message):
    root = make_mvtec(tmp_path)
    remove(root / "bottle" / gone)
    if refill:
        (root / "bottle" / gone).mkdir()
    with pytest.raises(error, match=message):
        open_dataset(root).load("bottle", require_masks=True)
    # Damaged, but still listed: it must not go missing from a benchmark silently.
    assert open_dataset(root).product_lines == ("bottle",)


def test_an_empty_defect_folder_is_no_defect(tmp_path):
    root = make_mvtec(tmp_path)
    (root / "bottle/test/crack").mkdir()
    assert open_dataset(root).load("bottle").defects == ("bent rim", "scratch")


# --- VisA ---


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_visa_follows_its_table(tmp_path, encoding):
    root = make_visa(tmp_path, encoding=encoding)
    write(root / "candle/Normal/99.JPG")  # not in the table
    assert open_dataset(root).product_lines == ("candle", "pcb1")
    line = open_dataset(root).load("candle")
    assert [s.image.name for s in line.train] == ["0.JPG", "9.JPG", "10.JPG"]
    assert line.test == (
        Sample(root / "candle/Anomaly/0.JPG", 1, "anomaly", root / "candle/Masks/0.png"),
        Sample(root / "candle/Normal/11.JPG", 0, "good"),
    )
    assert read_mask(line.test[0]).all()


def test_a_table_written_on_windows(tmp_path):
    rows = [
        ["candle", "train", "normal", "candle\\0.JPG", ""],
        ["candle", "test", "anomaly", "candle\\1.JPG", "candle\\m.png"],
    ]
    line = open_dataset(make_visa(tmp_path, rows)).load("candle")
    assert line.test[0].mask == tmp_path / "candle" / "m.png"


def test_visa_errors(tmp_path):
    (tmp_path / "split_csv").mkdir()
    with pytest.raises(FileNotFoundError, match=r"1cls\.csv: VisA's table is not there"):
        open_dataset(tmp_path)
    root = make_visa(tmp_path)
    with pytest.raises(ValueError, match=r"candle, pcb1\. Did you mean 'candle'"):
        open_dataset(root).load("candles")
    with pytest.raises(ValueError, match="no rows of 'pcb1' with split 'test'"):
        open_dataset(root).load("pcb1")
    (root / "candle/Masks/0.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of 1 anomalous .*anomaly/0\.JPG"):
        open_dataset(root).load("candle")
    assert open_dataset(root).load("candle", require_masks=False).test[0].mask is None
    (root / "candle/Normal/9.JPG").unlink()
    with pytest.raises(FileNotFoundError, match=r"candle/Normal/9\.JPG: the picture of line 3"):
        open_dataset(root).load("candle", require_masks=False)


@pytest.mark.parametrize(
    "row, message",
    [
        (["a", "val", "normal", "0.png", ""], "line 2: split is 'val', expected train or test"),
        (["a", "train", "bad", "0.png", ""], "line 2: label is 'bad', expected normal or anomaly"),
        (["", "train", "normal", "0.png", ""], "line 2: no object"),
        (["a"], "line 2: split is '', expected train or test"),
    ],
)
def test_a_malformed_row_is_found_by_its_line(tmp_path, row, message):
    write_table(tmp_path, ["object", "split", "label", "image", "mask"], [row])
    with pytest.raises(ValueError, match=message):
        open_dataset(tmp_path)


def test_missing_columns_are_an_error(tmp_path):
    write_table(tmp_path, ["object", "image"], [])
    with pytest.raises(
        ValueError, match=r"columns object, split, label, image, mask, found object, image:"
    ):
        open_dataset(tmp_path)


def test_rows_longer_than_the_header_and_an_empty_table(tmp_path):
    columns = ["object", "split", "label", "image", "mask"]
    write_table(tmp_path, columns, [["a", "train", "normal", "0.png", "", "more"]])
    assert open_dataset(tmp_path).product_lines == ("a",)
    (tmp_path / "split_csv" / "1cls.csv").write_text("")
    with pytest.raises(ValueError, match=r"found none:"):
        open_dataset(tmp_path)


def test_a_table_that_is_not_utf_8_is_an_error(tmp_path):
    write_table(
        tmp_path,
        ["object", "split", "label", "image", "mask"],
        [["pi\u00e8ce", "train", "normal", "0.png", ""]],
        encoding="latin-1",
    )
    with pytest.raises(ValueError, match=r"PROMPTAD_DATA=.*1cls\.csv: expected UTF-8 text"):
        dataset_from_environment({"PROMPTAD_DATA": str(tmp_path)})


# --- plain folder ---


def test_a_folder_of_good_images_is_enough(tmp_path):
    for name in ("b.jpg", "A 1.PNG"):
        write(tmp_path / "mug" / name)
    line = load_folder(tmp_path / "mug")
    assert (line.name, line.test) == ("mug", ())
    assert [s.image.name for s in line.train] == ["A 1.PNG", "b.jpg"]
    assert load_folder(tmp_path / "mug", name="coffee mug").name == "coffee mug"


def test_a_flat_folder_to_score_is_unlabelled(tmp_path):
    write(tmp_path / "mug" / "good" / "0.png")
    write(tmp_path / "new" / "1.png")
    line = load_folder(tmp_path / "mug" / "good", tmp_path / "new")
    assert line.name == "mug"
    assert line.test == (Sample(tmp_path / "new" / "1.png", None, UNLABELLED),)


def test_sub_folders_are_labels_and_masks_lie_beside_their_image(tmp_path):
    write(tmp_path / "mug" / "0.png")
    test = tmp_path / "test"
    write(test / "Good" / "0.png")
    write(test / "crack" / "0.jpg")
    write(test / "crack" / "0_mask.png", 255)
    write(test / "crack" / "face_mask.png")  # an image: there is no face.png beside it
    (test / "empty").mkdir()
    line = load_folder(tmp_path / "mug", test)
    assert line.test == (
        Sample(test / "crack/0.jpg", 1, "crack", test / "crack/0_mask.png"),
        Sample(test / "crack/face_mask.png", 1, "crack"),
        Sample(test / "Good/0.png", 0, "good"),
    )
    with pytest.raises(FileNotFoundError, match=r"1 of 2 .*crack/face_mask\.png"):
        load_folder(tmp_path / "mug", test, require_masks=True)


def test_plain_folder_errors(tmp_path):
    (tmp_path / "mug").mkdir()
    with pytest.raises(FileNotFoundError, match="a folder of good images at"):
        load_folder(tmp_path / "cup")
    with pytest.raises(ValueError, match=r"an empty folder: no picture in it, good images"):
        load_folder(tmp_path / "mug")
    write(tmp_path / "mug" / "0.png")
    with pytest.raises(FileNotFoundError, match="a folder to score at"):
        load_folder(tmp_path / "mug", tmp_path / "test")
    (tmp_path / "test" / "crack").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"no test pictures in .*found crack/"):
        load_folder(tmp_path / "mug", tmp_path / "test")
    write(tmp_path / "test" / "1.png")
    write(tmp_path / "test" / "crack" / "2.png")
    with pytest.raises(ValueError, match=r"found both .*\(1\.png beside crack/\)"):
        load_folder(tmp_path / "mug", tmp_path / "test")


# --- recognising a layout ---


def test_each_layout_is_recognised_and_loads(tmp_path):
    mvtec = make_mvtec(make_mvtec(tmp_path / "mvtec"), "cable")
    visa = make_visa(tmp_path / "visa")
    write(tmp_path / "mug" / "good" / "0.png")
    write(tmp_path / "mug" / "test" / "crack" / "1.png")
    write(tmp_path / "plate" / "0.png")
    opened = [open_dataset(p) for p in (mvtec, visa, tmp_path / "mug", tmp_path / "plate")]
    assert [(d.layout, d.product_lines) for d in opened] == [
        ("mvtec", ("bottle", "cable")),
        ("visa", ("candle", "pcb1")),
        ("folder", ("mug",)),
        ("folder", ("plate",)),
    ]
    assert [len(opened[0].load("cable").test), len(opened[1].load("candle").test)] == [4, 2]
    assert opened[2].load("mug") == load_folder(tmp_path / "mug/good", tmp_path / "mug/test")
    assert opened[3].load("plate") == load_folder(tmp_path / "plate")
    with pytest.raises(ValueError, match=r"no product line 'cabel'.*Did you mean 'cable'"):
        opened[0].load("cabel")


def test_masks_are_required_where_a_category_has_some(tmp_path):
    root = make_mvtec(tmp_path / "mvtec")
    (root / "bottle/ground_truth/scratch/001_mask.png").unlink()
    with pytest.raises(FileNotFoundError, match="1 of 3 .* have no mask"):
        open_dataset(root).load("bottle")
    assert len(open_dataset(root).load("bottle", require_masks=False).test) == 4


def test_a_category_without_any_mask_is_of_own_pictures(tmp_path):
    root = make_mvtec(make_mvtec(tmp_path), "cable")
    remove(root / "bottle" / "ground_truth")
    line = open_dataset(root).load("bottle")
    assert [s.mask for s in line.test if s.label] == [None] * 3
    assert all(s.mask for s in open_dataset(root).load("cable").test if s.label)
    (root / "bottle/ground_truth/scratch").mkdir(parents=True)
    (root / "bottle/ground_truth/scratch/._001_mask.png").touch()  # macOS, and no mask
    (root / "bottle/ground_truth/Thumbs.db").touch()
    assert len(open_dataset(root).load("bottle").test) == 4
    with pytest.raises(FileNotFoundError, match="have no mask"):
        open_dataset(root).load("bottle", require_masks=True)
    write(tmp_path / "mug" / "good" / "0.png")
    write(tmp_path / "mug" / "test" / "crack" / "1.png")
    with pytest.raises(FileNotFoundError, match="have no mask"):
        open_dataset(tmp_path / "mug").load("mug", require_masks=True)


def test_one_category_can_be_opened_alone(tmp_path):
    root = make_mvtec(make_mvtec(tmp_path), "cable")
    dataset = open_dataset(root / "cable")
    assert dataset == Dataset(root / "cable", "mvtec", ("cable",))
    assert dataset.load("cable") == open_dataset(root).load("cable")
    inside = make_mvtec(tmp_path / "screw", "screw")  # an archive that unpacks into its own name
    assert open_dataset(inside).load("screw").root == inside / "screw"


def test_an_unknown_layout_says_what_is_there_and_looks_one_folder_deeper(tmp_path):
    (tmp_path / "notes").mkdir()
    with pytest.raises(ValueError, match=r"is no dataset .*found notes/\.$"):
        open_dataset(tmp_path)
    make_mvtec(tmp_path / "unpacked")
    with pytest.raises(ValueError, match=r"Did you mean .*unpacked"):
        open_dataset(tmp_path)


def test_defects_beside_good_are_not_left_out_silently(tmp_path):
    write(tmp_path / "mug" / "good" / "0.png")
    write(tmp_path / "mug" / "crack" / "0.png")
    with pytest.raises(ValueError, match="found images in crack too"):
        open_dataset(tmp_path / "mug")


# --- the environment ---


def test_the_variable_names_the_dataset(tmp_path):
    root = make_mvtec(tmp_path)
    assert dataset_from_environment({"PROMPTAD_DATA": str(root)}) == open_dataset(root)
    with pytest.raises(FileNotFoundError, match="PROMPTAD_DATA=/no/where: expected a dataset at"):
        dataset_from_environment({"PROMPTAD_DATA": "/no/where"})
    with pytest.raises(ValueError, match=r"PROMPTAD_DATA=.*is no dataset"):
        dataset_from_environment({"PROMPTAD_DATA": str(root / "docs")})


def test_the_real_environment_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("PROMPTAD_DATA", str(make_mvtec(tmp_path)))
    assert dataset_from_environment().root == tmp_path


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The package far from any checkout, and the current directory two folders deep."""
    package = tmp_path / "site" / "promptad_tutorial"
    monkeypatch.setattr(carried, "PACKAGE", package)
    monkeypatch.setattr(carried, "INSIDE", package / "carried")
    (tmp_path / "checkout" / "notebooks").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "checkout" / "notebooks")
    return tmp_path


PLACES = ["site", "checkout/notebooks", "checkout", "site/promptad_tutorial/carried"]


@pytest.mark.parametrize("place", PLACES)
def test_the_minifactory_is_found_beside_the_package_above_here_and_inside(installed, place):
    root = make_mvtec(installed / place / "data" / "minifactory")
    assert dataset_from_environment({"PROMPTAD_DATA": ""}).root == root


def test_what_can_be_seen_wins_over_what_an_installed_package_carries(installed):
    roots = [make_mvtec(installed / place / "data" / "minifactory") for place in PLACES]
    for root in roots:
        assert dataset_from_environment({}).root == root
        shutil.rmtree(root)


def test_a_measured_table_is_found_in_an_installed_package(installed):
    (installed / "checkout" / "results").mkdir()  # a learner's own
    with pytest.raises(FileNotFoundError, match=r"'told/ladder.csv' in results/, found no table"):
        committed_table("told/ladder.csv")
    path = installed / "site" / "promptad_tutorial" / "carried" / "results" / "told"
    path.mkdir(parents=True)
    (path / "ladder.csv").write_text("method,image_auroc\nPromptAD,1.5\n")
    assert committed_table("told/ladder.csv").to_dict("list") == {
        "method": ["PromptAD"],
        "image_auroc": [1.5],
    }


def test_without_a_checkout_the_error_says_what_to_do(installed):
    with pytest.raises(FileNotFoundError, match=r"data/minifactory.*checkout.*set PROMPTAD_DATA"):
        dataset_from_environment({})


def test_a_mask_that_is_all_black_reads_as_empty(tmp_path):
    write(tmp_path / "0.png")
    sample = Sample(tmp_path / "0.png", 1, "scratch", write(tmp_path / "0_mask.png", 0))
    np.testing.assert_array_equal(read_mask(sample), np.zeros((3, 4), dtype=bool))
