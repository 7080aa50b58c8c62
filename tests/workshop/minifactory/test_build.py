"""The benchmark on disk: its product lines, its layout, its seeds, and the committed pictures."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from promptad_tutorial.datasets import open_dataset
from workshop.minifactory import photographs
from workshop.minifactory.build import BuildPlan, build_benchmark, make, orders
from workshop.minifactory.canvas import Canvas
from workshop.minifactory.catalogue import KINDS, defects_of
from workshop.minifactory.photographs import PHOTOGRAPHS, kind_of, photograph
from workshop.minifactory.product_lines import BENCHMARK_STYLES, LINES, ProductLine
from workshop.minifactory.render import SMALLEST, render
from workshop.pretraining.render_set import HELD_OUT_STYLES, PRETRAINING_STYLES

DATA = Path(__file__).parents[3] / "data" / "minifactory"
SMALL = BuildPlan(size=48, train_good=2, test_good=2, each_defect=1)
TWO_LINES = tuple(line for line in LINES if line.name in ("wood", "capsule"))

photograph_lines = pytest.mark.parametrize(
    "line", [line for line in LINES if line.kind in PHOTOGRAPHS], ids=lambda line: line.name
)


def files(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


# --- product lines --------------------------------------------------------------------------


def test_the_benchmark_has_enough_of_everything():
    assert len(LINES) >= 8
    families = [line.build("test").family for line in LINES if line.kind in KINDS]
    assert families.count("texture") >= 3 and families.count("object") >= 3
    assert sum(line.kind in PHOTOGRAPHS for line in LINES) >= 2
    assert len({line.name for line in LINES}) == len(LINES)


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)
def test_a_line_has_four_possible_defects_and_a_possible_colour(line):
    kind = line.build("test")
    assert len(set(line.defects)) >= 4
    assert set(line.defects) <= set(defects_of(kind))
    assert line.colour in kind.colours
    assert 0 < line.strengths[0] < line.strengths[1] <= 1


def test_looks_of_the_benchmark_are_its_own():
    styles = [line.style for line in LINES]
    assert len(set(styles)) == len(styles)
    for style in styles:
        assert style in BENCHMARK_STYLES
        assert style not in PRETRAINING_STYLES and style not in HELD_OUT_STYLES
    ranges = sorted((r.start, r.stop) for r in (PRETRAINING_STYLES, HELD_OUT_STYLES))
    assert ranges[0][1] <= ranges[1][0] and ranges[1][1] <= BENCHMARK_STYLES.start
    with pytest.raises(ValueError, match="style 7 is not reserved for the benchmark"):
        ProductLine("wood", "wood", 7, "brown", ("stain",))


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)
def test_no_two_pictures_show_the_same_piece(line):
    plan = BuildPlan()
    planned = orders(line, plan)
    assert len(planned) == plan.train_good + plan.test_good + len(line.defects) * plan.each_defect
    pieces = {order.piece for order in planned}
    assert len(pieces) == len(planned)
    assert not pieces & {order.piece for order in orders(line, BuildPlan(seed=1))}
    assert all(order.defect is None for order in planned if order.split == "train")


# --- photographs ----------------------------------------------------------------------------


@photograph_lines
def test_test_pieces_show_no_pixel_of_a_training_piece(line, monkeypatch):
    # A picture whose grey is its own column number: what is shown tells where it was cut.
    columns = np.tile(np.arange(512, dtype=np.float32), (512, 1))
    monkeypatch.setattr(photographs, "photograph", lambda name: columns)
    canvas = Canvas(BuildPlan().size)
    seen: dict[str, list[float]] = {"train": [], "test": []}
    for order in orders(line, BuildPlan()):
        instance = np.random.default_rng([line.style, order.piece, 4])  # as `render` draws it
        surface = line.build(order.split).build(canvas, np.ones(3), instance, instance, None)
        seen[order.split] += [float(surface.albedo.min()), float(surface.albedo.max())]
    # Between two columns the picture is interpolated: both of them are read.
    assert np.ceil(max(seen["train"])) < np.floor(min(seen["test"]))
    assert min(seen["train"]) >= 0 and max(seen["test"]) <= 511


@photograph_lines
def test_crops_are_the_photograph_itself(line):
    picture = photograph(line.kind)
    assert picture.shape == (512, 512) and picture.min() >= 0 and picture.max() <= 1
    shown = render(kind_of(line.kind, "left"), line.style, 0, 240).image
    np.testing.assert_allclose(shown.mean(axis=(0, 1)) / 255, picture.mean(), atol=0.12)
    assert shown.std() > 10


def test_photographs_refuse_other_names_and_sides():
    with pytest.raises(ValueError, match="expected one of .*brick.*, got 'moon'"):
        photograph("moon")
    with pytest.raises(ValueError, match="side must be 'left' or 'right', got 'top'"):
        kind_of("brick", "top")


def test_without_scikit_image_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "skimage", None)
    with pytest.raises(ImportError, match="pip install scikit-image"):
        photograph("brick")


# --- building -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    return build_benchmark(folder, SMALL, TWO_LINES, jobs=1)


def test_a_build_is_a_dataset_in_mvtecs_layout(built):
    dataset = open_dataset(built)
    assert dataset.layout == "mvtec"
    assert set(dataset.product_lines) == {"wood", "capsule"}
    for line in TWO_LINES:
        loaded = dataset.load(line.name)
        assert len(loaded.train) == 2
        assert [s.defect for s in loaded.test].count("good") == 2
        folders = {defect.replace(" ", "_") for defect in line.defects}
        assert set(loaded.defects) == folders
    manifest = json.loads((built / "manifest.json").read_text())
    assert manifest["plan"] == asdict(SMALL)
    assert [line["name"] for line in manifest["lines"]] == [line.name for line in TWO_LINES]


def test_files_are_the_renders_of_their_orders(built):
    for line in TWO_LINES:
        for order in orders(line, SMALL):
            shot = make(order, SMALL)
            folder = (order.defect or "good").replace(" ", "_")
            path = built / line.name / order.split / folder / f"{order.number:03}.jpg"
            with Image.open(path) as image:
                assert image.size == (48, 48) and image.mode == "RGB"
                difference = np.asarray(image).astype(float) - shot.image
            assert np.abs(difference).mean() < 4  # what JPEG costs
            if order.defect is not None:
                truth = built / line.name / "ground_truth" / folder / f"{order.number:03}_mask.png"
                with Image.open(truth) as image:
                    np.testing.assert_array_equal(np.asarray(image) > 0, shot.mask)
                assert shot.mask.mean() >= SMALLEST


def test_an_existing_line_is_never_overwritten(built):
    before = files(built)
    with pytest.raises(FileExistsError, match="capsule is there already: remove it first"):
        build_benchmark(built, SMALL, TWO_LINES[1:], jobs=1)
    assert files(built) == before


def test_the_seed_decides_the_files(built, tmp_path):
    again = build_benchmark(tmp_path / "again", SMALL, TWO_LINES, jobs=1)
    assert files(again) == files(built)
    plan = BuildPlan(seed=1, size=48, train_good=2, test_good=2, each_defect=1)
    other = files(build_benchmark(tmp_path / "other", plan, TWO_LINES, jobs=1))
    assert other.keys() == files(built).keys()
    pictures = [name for name in other if name.endswith(".jpg")]
    assert pictures and all(other[name] != files(built)[name] for name in pictures)


# --- the committed pictures -----------------------------------------------------------------


def test_the_committed_benchmark_is_what_the_code_makes_today():
    manifest = json.loads((DATA / "manifest.json").read_text())
    plan = BuildPlan(**manifest["plan"])
    assert manifest["lines"] == json.loads(json.dumps([asdict(line) for line in LINES]))
    for line in LINES:
        planned = orders(line, plan)
        for order in (planned[0], planned[-1], planned[plan.train_good + plan.test_good]):
            shot = make(order, plan)
            folder = (order.defect or "good").replace(" ", "_")
            path = DATA / line.name / order.split / folder / f"{order.number:03}.jpg"
            with Image.open(path) as image:
                decoded = np.asarray(image).astype(float)
            fresh = as_jpeg(shot.image)
            assert np.abs(decoded - fresh).mean() < 1.5, path
            if order.defect is not None:
                truth = DATA / line.name / "ground_truth" / folder / f"{order.number:03}_mask.png"
                with Image.open(truth) as image:
                    assert ((np.asarray(image) > 0) == shot.mask).mean() >= 0.999, truth


def as_jpeg(picture: np.ndarray) -> np.ndarray:
    """What is left of a picture after the build's compression."""
    from io import BytesIO

    from workshop.minifactory.build import QUALITY

    file = BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=QUALITY, subsampling=0, optimize=True)
    with Image.open(file) as image:
        return np.asarray(image).astype(float)


def test_the_committed_benchmark_is_complete_and_small():
    manifest = json.loads((DATA / "manifest.json").read_text())
    plan = BuildPlan(**manifest["plan"])
    dataset = open_dataset(DATA)
    assert set(dataset.product_lines) == {line.name for line in LINES}
    for line in LINES:
        loaded = dataset.load(line.name)
        assert len(loaded.train) + len(loaded.test) == len(orders(line, plan))
    assert sum(len(content) for content in files(DATA).values()) <= 30e6
