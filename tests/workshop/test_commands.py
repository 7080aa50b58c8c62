"""The commands of the workshop: what each writes, and one line for every mistake."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import workshop.minifactory.build as build_module
from workshop.__main__ import main
from workshop.minifactory.build import BuildPlan, build_benchmark
from workshop.minifactory.catalogue import KINDS
from workshop.minifactory.contact_sheet import contact_sheet
from workshop.minifactory.product_lines import LINES
from workshop.pretraining import render_set as sets
from workshop.pretraining import train as training


def run(capsys: pytest.CaptureFixture, *words: object) -> tuple[int, str, list[str]]:
    """Exit code, what was written to stdout, and the lines of stderr without progress bars."""
    capsys.readouterr()
    code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    return code, out, [line for line in err.splitlines() if line.startswith("workshop:")]


def failure(capsys: pytest.CaptureFixture, *words: object) -> str:
    """The one line that a mistake is answered with."""
    code, out, lines = run(capsys, *words)
    assert code == 2 and out == "" and len(lines) == 1
    return lines[0]


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["minifactory"],
        *(["minifactory", name] for name in ("build", "sheet", "card")),
        *([name] for name in ("ladder", "thresholds", "zero-shot")),
        ["tinyclip"],
        *(["tinyclip", name] for name in ("render", "train", "export", "evaluate", "card")),
    ],
    ids=" ".join,
)
def test_every_command_explains_itself(capsys, words):
    with pytest.raises(SystemExit) as stopped:
        main([*words, "--help"])
    assert stopped.value.code == 0
    assert "usage: workshop" in capsys.readouterr().out


# --- minifactory ----------------------------------------------------------------------------


@pytest.fixture
def small_benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    """`minifactory build` makes one small line."""
    line = tuple(line for line in LINES if line.name == "wood")

    def build(folder: Path, plan: BuildPlan, jobs: int) -> Path:
        small = BuildPlan(plan.seed, size=32, train_good=1, test_good=1, each_defect=1)
        return build_benchmark(folder, small, line, jobs)

    monkeypatch.setattr(build_module, "build_benchmark", build)


def test_build_writes_the_benchmark_once(capsys, small_benchmark, tmp_path):
    folder = tmp_path / "data"
    words = ("minifactory", "build", "--out", folder, "--seed", 3, "--jobs", 1)
    code, out, lines = run(capsys, *words)
    assert (code, out, lines) == (0, f"6 pictures in {folder}\n", [])
    assert json.loads((folder / "manifest.json").read_text())["plan"]["seed"] == 3
    assert "wood is there already: remove it first" in failure(capsys, *words)
    assert "--seed must be 0 or more" in failure(capsys, "minifactory", "build", "--seed", -1)


def test_a_missing_library_is_one_line(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "skimage", None)
    line = failure(capsys, "minifactory", "build", "--out", tmp_path / "data")
    assert "python -m pip install scikit-image" in line
    assert not (tmp_path / "data").exists()


def test_a_contact_sheet_shows_what_each_kind_can_have():
    kinds = [KINDS["wood"], KINDS["washer"]]
    sheet = np.asarray(contact_sheet(kinds, size=32, style=1))
    step, left = 36, 130
    columns = (sheet.shape[1] - left) // step
    assert sheet.shape == (16 + 2 * step, left + columns * step, 3)
    cells = np.array(
        [
            [
                (sheet[16 + r * step : 48 + r * step, left + c * step : left + 32 + c * step] < 255)
                .any(axis=-1)
                .mean()
                for c in range(columns)
            ]
            for r in range(2)
        ]
    )
    assert columns == 1 + 16 + 2  # good, all surface defects, and the washer's two part faults
    assert (cells[1] > 0.5).sum() >= columns - 2 and (cells[0, :-3] > 0.5).sum() >= 14
    assert (cells[0] == 0).sum() >= 2  # wood has no parts
    with pytest.raises(ValueError, match="at least one kind"):
        contact_sheet([])


def test_sheet_writes_a_picture(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(
        "workshop.minifactory.contact_sheet.KINDS", {"wood": KINDS["wood"]}
    )
    path = tmp_path / "new" / "sheet.png"
    code, out, _ = run(capsys, "minifactory", "sheet", "--out", path)
    with Image.open(path) as image:
        assert (code, out) == (0, f"{image.width} x {image.height} pixels in {path}\n")


# --- tinyclip -------------------------------------------------------------------------------


def test_render_plans_the_two_sets(capsys, monkeypatch):
    planned = []
    monkeypatch.setattr(
        sets, "render_set", lambda plan, folder, jobs: planned.append((plan, folder))
    )
    assert run(capsys, "tinyclip", "render", "--out", "x")[0] == 0
    assert run(capsys, "tinyclip", "render", "--held-out", "--out", "y")[0] == 0
    looks = sets.HELD_OUT_STYLES.start
    held_out = sets.RenderPlan(2800, found=0, size=240, first_style=looks, held_out_defects=True)
    pretraining = sets.RenderPlan(56_000, found=7_000)
    assert planned == [(pretraining, Path("x")), (held_out, Path("y"))]


def test_render_is_not_done_twice_and_overwrites_nothing(capsys, tmp_path):
    words = ("tinyclip", "render", "--out", tmp_path, "--jobs", 1, "--found", 0)
    assert run(capsys, *words, "--pictures", 4) == (0, f"4 pictures in {tmp_path}\n", [])
    before = (tmp_path / "images.npy").stat().st_mtime_ns
    assert run(capsys, *words, "--pictures", 4)[1] == f"4 pictures are in {tmp_path} already\n"
    assert (tmp_path / "images.npy").stat().st_mtime_ns == before
    assert "holds pictures of another plan" in failure(capsys, *words, "--pictures", 5)
    assert "--pictures must be 1 or more" in failure(capsys, *words, "--pictures", -1)


def test_train_takes_steps_and_seed(capsys, monkeypatch, tmp_path):
    recipes = []
    monkeypatch.setattr(sets.RenderSet, "open", lambda folder: folder)
    monkeypatch.setattr(training, "train", lambda run, data, recipe: recipes.append(recipe) or run)
    for steps in ([], ["--steps", 320, "--seed", 4]):
        code, out, _ = run(capsys, "tinyclip", "train", "--run", tmp_path, *steps)
        assert (code, out) == (0, f"checkpoint {tmp_path}\n")
    own = training.Recipe()
    assert recipes == [own, replace(own.scaled(320), seed=4)]
    assert "--steps must be 1" in failure(capsys, "tinyclip", "train", "--steps", 0)


def test_what_is_missing_is_said_in_one_line(capsys, tmp_path):
    nowhere = tmp_path / "nowhere"
    for words, expected in (
        (("tinyclip", "train", "--data", nowhere), "tinyclip render"),
        (("tinyclip", "evaluate", "--data", nowhere), "tinyclip render"),
        (("tinyclip", "export", "--run", nowhere), "tinyclip train"),
        (("tinyclip", "card", "--results", nowhere), "recipe.json"),
        (("minifactory", "sheet", "--out", "sheet.gif"), "--out must be a .png file"),
    ):
        assert expected in failure(capsys, *words)
