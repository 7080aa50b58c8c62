"""The benchmark runner: the comparison's own rows, resumed after a kill, one failure stops none."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from promptad_tutorial.benchmark import runner, settings, tasks
from promptad_tutorial.benchmark.beside_published import CATEGORIES, NOT_RUN, beside_published
from promptad_tutorial.benchmark.comparison import KEY, Plan, measure_line
from promptad_tutorial.benchmark.methods import chosen, ladder
from promptad_tutorial.benchmark.settings import RELEASED, BackboneChoice, Settings
from promptad_tutorial.benchmark.test_set import FIGURES, central_square
from promptad_tutorial.commands import benchmark as command
from promptad_tutorial.config import PromptADConfig
from promptad_tutorial.datasets import Dataset, open_dataset
from tests.test_cli import failure, run

ROOT = Path(__file__).resolve().parents[2]
CHANGES = {"seconds", "memory_mb", "gpu_memory_mb", "versions"}  # from run to run
METHODS = ("zero-shot", "WinCLIP+", "memory", "PromptAD", "SC + EAM + alignment")


@pytest.fixture
def copied(two_lines, tmp_path) -> Dataset:
    return open_dataset(shutil.copytree(two_lines.root, tmp_path / "data"))


def words(root: Path, out: Path, *more: object) -> list[str]:
    """A quick run of the shipped backbone."""
    found = [
        "benchmark", "--dataset", "mvtec", "--root", root, "--out", out, "--cache", out / "cache",
        "--shots", 1, 2, "--seeds", 2, "--steps", 2, "--map-size", 24, "--jobs", 1,
        "--methods", "zero-shot", "memory", "PromptAD", *more,
    ]  # fmt: skip
    return [str(word) for word in found]


def rows_in(out: Path) -> dict[str, dict]:
    """Every row by its file's name, without what differs from run to run."""
    return {
        path.name: {k: v for k, v in json.loads(path.read_text()).items() if k not in CHANGES}
        for path in sorted((out / "rows").iterdir())
    }


# --- rows -----------------------------------------------------------------------------------


def test_rows_are_those_of_the_comparison(small_configs, two_lines, tmp_path):
    choice = BackboneChoice("small-plain", "random", device="cpu")
    wanted = Settings(
        "mvtec", two_lines.root, choice, METHODS, shots=(1, 2), seeds=2, map_size=16, steps=2
    )
    backbone = settings.loaded(choice)
    dataset = wanted.open()
    every = tasks.all_tasks(wanted, dataset, backbone)
    assert len(every) == 2 * (1 + 4 * 2 * 2)
    place = runner.Place(tmp_path / "rows", tmp_path / "cache", jobs=1)
    runner.run(wanted, dataset, every, place)
    found = tasks.table_of([tasks.read_row(place.rows, task) for task in every]).set_index(KEY)
    assert found["error"].isna().all() and not found["test_selected"].any()
    plan = Plan(chosen(ladder(PromptADConfig(steps=2)), METHODS), (1, 2), (0, 1), 16)
    made = [
        row
        for name in dataset.product_lines
        for seed in plan.seeds
        for row in measure_line(plan, backbone, two_lines.load(name), seed)
    ]
    expected = pd.DataFrame(made).drop_duplicates(KEY).set_index(KEY)
    assert set(expected.index) == set(found.index)
    difference = found.loc[expected.index, list(FIGURES)] - expected[list(FIGURES)]
    assert np.abs(difference.to_numpy(dtype=float)).max() < 0.05
    assert (found["checksum"] == backbone.checksum).all()


@pytest.mark.slow
def test_a_killed_run_goes_on_and_its_rows_are_those_of_one_that_was_not(
    capsys, two_lines, tmp_path
):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert run(capsys, *words(two_lines.root, whole))[0] == 0
    # no progress bar: nothing reads the pipe
    child = subprocess.Popen(
        [sys.executable, "-m", "promptad_tutorial", *words(two_lines.root, killed)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 120
    while len(list((killed / "rows").glob("*.json"))) < 3:
        assert child.poll() is None and time.monotonic() < end
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    child.wait()
    before = {p.name: p.stat().st_mtime_ns for p in (killed / "rows").glob("*.json")}
    assert 3 <= len(before) < len(rows_in(whole)) and not (killed / "report.html").exists()
    code, out, _ = run(capsys, *words(two_lines.root, killed))
    assert code == 0 and out.startswith(f"{18 - len(before)} of 18 tasks")
    for path in (killed / "rows").glob("*.part"):  # of the moment of the kill
        path.unlink()
    assert rows_in(killed) == rows_in(whole)
    assert all((killed / "rows" / n).stat().st_mtime_ns == when for n, when in before.items())


def test_the_same_command_does_nothing_the_second_time(capsys, monkeypatch, two_lines, tmp_path):
    assert run(capsys, *words(two_lines.root, tmp_path))[1].startswith("18 of 18 tasks")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "rows").iterdir()}
    monkeypatch.setattr(runner, "run_group", lambda *rest: pytest.fail("something was run"))
    assert "all 18 tasks" in run(capsys, *words(two_lines.root, tmp_path))[1]
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "rows").iterdir()} == before


def test_rows_of_other_settings_pictures_or_weights_are_kept_apart(small_configs, copied, tmp_path):
    base = Settings("mvtec", copied.root, BackboneChoice("small-plain", "random", device="cpu"))
    keys = {}
    for name, other in {
        "base": base,
        "steps": replace(base, steps=3),
        "size": replace(base, map_size=30),
        "crop": replace(base, resize="crop"),
        "weights": replace(base, backbone=replace(base.backbone, name="small-12-blocks")),
        "build": replace(base, backbone=replace(base.backbone, name="small-quickgelu")),
    }.items():
        found = tasks.all_tasks(other, copied, settings.loaded(other.backbone))
        keys[name] = {task.key for task in found}
    image = copied.load("wood").train[0].image
    image.write_bytes(image.read_bytes() + b"x")
    longer = tasks.all_tasks(base, copied, settings.loaded(base.backbone))
    keys["longer"] = {task.key for task in longer if task.product_line == "wood"}
    image.write_bytes(image.read_bytes()[:-1] + b"y")  # as a BMP: another picture, the same size
    found = tasks.all_tasks(base, copied, settings.loaded(base.backbone))
    wood = {task.key for task in found if task.product_line == "wood"}
    assert {task.key for task in found} - wood < keys["base"]
    sets = [*keys.values(), wood]
    assert sum(map(len, sets)) == len(set.union(*sets))
    task = found[0]
    tasks.write_row(tmp_path, task, {"error": None, "aupro": float("nan")})
    assert tasks.read_row(tmp_path, task)["aupro"] is None
    shutil.move(tmp_path / task.file, tmp_path / found[1].file)  # of another task
    assert tasks.read_row(tmp_path, found[1]) is None
    (tmp_path / task.file).write_text('{"key"')
    assert tasks.read_row(tmp_path, task) is None


def test_a_corrupt_picture_fails_its_tasks_alone_and_they_can_be_run_again(
    capsys, copied, tmp_path
):
    picture = copied.load("wood").test[0].image
    good = picture.read_bytes()
    picture.write_bytes(good[: len(good) // 3])
    out = tmp_path / "out"
    code, said, _ = run(capsys, *words(copied.root, out))
    assert code == 1 and "9 failed" in said
    table = pd.DataFrame(rows_in(out).values()).set_index("product_line")
    assert table.loc["capsule", "error"].isna().all()
    assert table.loc["wood", "error"].str.contains(picture.name).all()
    assert table.loc["wood", "image_auroc"].isna().all()
    page = (out / "report.html").read_text()
    assert "9 failed" in page and picture.name in page and "do not compare" in page
    assert pd.read_csv(out / "summary.csv")["lacking"].tolist() == [1, 2, 2, 2, 2]
    assert "all 18 tasks" in run(capsys, *words(copied.root, out))[1]
    assert "9 of 18 tasks" in run(capsys, *words(copied.root, out, "--retry"))[1]
    picture.write_bytes(good)  # other pictures: run without being asked
    code, said, _ = run(capsys, *words(copied.root, out))
    assert code == 0 and said.startswith("9 of 18 tasks")


def test_a_corrupt_training_picture_fails_only_the_draws_that_have_it(capsys, copied, tmp_path):
    from promptad_tutorial.datasets import draw_shots

    train = copied.load("wood").train
    broken = draw_shots(train, 1, 0)[0]
    broken.image.write_bytes(b"nothing")
    assert run(capsys, *words(copied.root, tmp_path / "out"))[0] == 1
    for row in rows_in(tmp_path / "out").values():
        drawn = row["product_line"] == "wood" and row["shots"] > 0
        hit = drawn and broken in draw_shots(train, row["shots"], row["seed"])
        assert bool(row["error"]) == hit, row


# --- options --------------------------------------------------------------------------------


def test_the_command_has_the_defaults_of_the_settings_and_of_the_place(tmp_path):
    assert command.settings_of(command.DEFAULTS) == Settings()
    place = runner.Place(tmp_path)
    assert 1e9 * command.DEFAULTS["cache_gb"] == place.cache_bytes
    for name in ("jobs", "threads", "backend", "cluster"):
        assert command.DEFAULTS[name] == getattr(place, name)


def test_a_yaml_file_says_what_options_say_and_options_win(capsys, two_lines, tmp_path):
    path = tmp_path / "run.yaml"
    values = {
        "dataset": "mvtec", "root": str(two_lines.root), "shots": [1], "seeds": 1, "steps": 2,
        "map-size": 24, "jobs": -1, "methods": ["memory", "SC + EAM"], "out": str(tmp_path / "o"),
        "missing_masks": True,
    }  # fmt: skip
    path.write_text(yaml.safe_dump(values))
    from promptad_tutorial.cli import build_parser

    typed = ["benchmark", "--missing-masks"]
    for name, value in values.items():
        if name != "missing_masks":
            several = value if isinstance(value, list) else [value]
            typed += [f"--{name}", *map(str, several)]
    one = command.chosen_options(build_parser().parse_args(typed))
    other = command.chosen_options(build_parser().parse_args(["benchmark", "--config", str(path)]))
    assert one == other
    assert command.settings_of(one) == command.settings_of(other)
    words = ["benchmark", "--config", str(path), "--shots", "2", "4"]
    assert command.chosen_options(build_parser().parse_args(words))["shots"] == [2, 4]
    for text, expected in {
        "shotz: 1": "no such option: shotz",
        "shots: many": "argument --shots: invalid int value: 'many'",
        "protocol: best": "invalid choice: 'best'",
        "missing_masks: maybe": "must be true or false",
        "- 1": "expected lines such as",
        "a: [": "is no YAML",
    }.items():
        path.write_text(text)
        assert expected in failure(capsys, "benchmark", "--config", path)


def test_a_dry_run_runs_nothing(capsys, monkeypatch, two_lines, tmp_path):
    monkeypatch.setattr(runner, "run_group", lambda *rest: pytest.fail("something was run"))
    out = tmp_path / "out"
    code, said, _ = run(capsys, *words(two_lines.root, out, "--dry-run"))
    assert code == 0 and not out.exists()
    # 2 lines x 2 shots x 2 seeds; 8 test pictures and the drawn shots of each line
    assert said.startswith("18 tasks on 2 categories: 0 done, 18 would run: 8 trainings, at most ")
    assert "minutes" in said and "GB of memory" in said


def test_mistakes_are_one_line_before_any_work(capsys, monkeypatch, two_lines, tmp_path):
    for more, expected in {
        ("--shots", "0"): "1 or more",
        ("--methods", "magic"): "expected methods among",
        ("--categories", "bolt"): "no category bolt",
        ("--dataset", "visa"): "expected the layout of 'visa'",
        ("--protocol", "released"): "knows PromptAD alone",
        ("--jobs", "0"): "jobs must be",
        ("--threads", "0"): "threads must be",
        ("--cluster", "tcp://x"): "goes with dask or ray",
        ("--cache-gb", "0"): "more than 0 bytes",
        ("--root", str(tmp_path / "nowhere")): "nowhere",
    }.items():
        assert expected in failure(capsys, *words(two_lines.root, tmp_path / "o", *more)), more
    for library in ("distributed", "ray"):
        monkeypatch.setitem(sys.modules, library, None)
    for backend in ("dask", "ray"):
        line = failure(capsys, *words(two_lines.root, tmp_path / "o", "--backend", backend))
        assert f"promptad-tutorial[{backend}]" in line
    assert not (tmp_path / "o" / "rows").exists()


def test_the_cache_can_be_shown_and_cleared(capsys, two_lines, tmp_path):
    assert run(capsys, *words(two_lines.root, tmp_path))[0] == 0
    cache = tmp_path / "cache"
    shown = run(capsys, "benchmark-cache", "--cache", cache)[1]
    assert int(shown.split()[0]) >= 16 + 2 * 2
    assert run(capsys, "benchmark-cache", "--cache", cache, "--clear")[1].startswith(
        shown.split(" entries")[0]
    )
    assert run(capsys, "benchmark-cache", "--cache", cache)[1].startswith("0 entries")


# --- protocol, report --------------------------------------------------------


def test_the_released_protocol_is_branded_everywhere(capsys, two_lines, tmp_path):
    more = ("--protocol", "released", "--methods", "PromptAD", "--shots", "1", "--seeds", "1")
    assert run(capsys, *words(two_lines.root, tmp_path, *more))[0] == 0
    rows = rows_in(tmp_path).values()
    assert {row["method"] for row in rows} == {RELEASED}
    assert all(row["test_selected"] and row["protocol"] == "released" for row in rows)
    written = {p.name for p in tmp_path.iterdir() if p.is_file()}
    assert len(written) == 4 and all("test-selected" in name for name in written)
    for name in written:
        text = (tmp_path / name).read_text()
        assert "test-selected" in text.lower(), name
    table = pd.read_csv(tmp_path / "per_category_test-selected.csv")
    assert (table["protocol"] == "test-selected").all()


def test_the_report_is_one_file_that_says_what_was_run(capsys, two_lines, tmp_path):
    assert run(capsys, *words(two_lines.root, tmp_path))[0] == 0
    page, text = ((tmp_path / f"report.{kind}").read_text() for kind in ("html", "md"))
    backbone = settings.loaded(BackboneChoice())
    for said in (backbone.label, backbone.checksum, "last step", "torch", "--seeds 2"):
        assert said in page and said in text
    assert "http" not in page and "<script" not in page and "src=" not in page
    means = pd.read_csv(tmp_path / "summary.csv").set_index(["method", "shots"])
    rows = pd.DataFrame(rows_in(tmp_path).values())
    mine = rows[(rows["method"] == "PromptAD") & (rows["shots"] == 2)]
    by_seed = mine.groupby("seed")["image_auroc"].mean()
    found = means.loc[("PromptAD", 2)]
    assert found["image_auroc_mean"] == pytest.approx(by_seed.mean(), abs=0.006)
    assert found["image_auroc_std"] == pytest.approx(by_seed.std(), abs=0.006)
    assert f"{by_seed.mean():.1f} ± {by_seed.std():.1f}" in page
    assert "Published figures" in page and "2 of 15 categories: not comparable" in page


def test_published_figures_stand_beside_a_whole_run_alone():
    def table(names, seeds=(0, 1)):
        rows = [(n, "PromptAD", 1, s, 80.0 + s, 90.0) for n in names for s in seeds]
        found = pd.DataFrame(rows, columns=[*KEY, "image_auroc", "pixel_auroc"])
        return found.assign(average_precision=0.0, f1_max=0.0, aupro=0.0, test_selected=False)

    def cell(found, dataset="MVTec", level="image", shots=1, method="PromptAD, paper"):
        at = (found["dataset"] == dataset) & (found["level"] == level)
        (row,) = found[at & (found["shots"] == shots) & (found["method"] == method)].itertuples()
        return row

    names = CATEGORIES["mvtec"]
    found = beside_published(table(names), "mvtec", 2)
    assert cell(found).this_run == "80.5 ± 0.7" and cell(found).published == "94.6"
    assert cell(found, level="pixel").this_run == "90.0 ± 0.0"
    assert cell(found, level="pixel", shots=2).mark == "[?]"
    assert cell(found, shots=2).this_run == cell(found, "VisA").this_run == NOT_RUN
    assert cell(found, method="PromptAD, re-run by others").this_run == ""
    selected = table(names).assign(method=RELEASED, test_selected=True)
    assert "TEST-SELECTED" in cell(beside_published(selected, "mvtec", 2)).this_run
    part = beside_published(table(names[:3]), "mvtec", 2)
    assert cell(part).this_run == "3 of 15 categories: not comparable"
    assert "not comparable" in cell(beside_published(table(names, (0,)), "mvtec", 2)).this_run
    assert "other categories" in cell(beside_published(table(("nut",)), "mvtec", 2)).this_run
    assert beside_published(table(names), "minifactory", 2).empty


def test_masks_are_cropped_as_pictures_are(small_backbone):
    picture = np.zeros((60, 100), dtype=bool)
    picture[20:40, 30:70] = True
    pixels = small_backbone().preprocess(picture, "crop")[0]
    mask = central_square(picture, small_backbone().image_size)
    bright = pixels.numpy() > float(pixels.min() + pixels.max()) / 2
    assert (mask != bright).mean() < 0.02 and 0.1 < mask.mean() < 0.9
