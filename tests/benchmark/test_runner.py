"""The benchmark runner: the comparison's own rows, resumed after a kill, one failure stops none."""

from __future__ import annotations

import errno
import json
import os
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
from promptad_tutorial.benchmark.cases import FOUND, read_cases
from promptad_tutorial.benchmark.encoding import CachedEncoder
from promptad_tutorial.benchmark.measure import KEY, measure
from promptad_tutorial.benchmark.methods import chosen, configured, ladder
from promptad_tutorial.benchmark.run_folder import open_run
from promptad_tutorial.benchmark.settings import RELEASED, BackboneChoice, Settings
from promptad_tutorial.benchmark.test_set import FIGURES, TestSet, central_square
from promptad_tutorial.commands import benchmark as command
from promptad_tutorial.commands import cli
from promptad_tutorial.datasets import Dataset, draw_shots, open_dataset
from promptad_tutorial.learning.config import PromptADConfig, preset
from tests.commands.test_cli import failure, run
from workshop.results.comparison import Plan, measure_line

ROOT = Path(__file__).resolve().parents[2]
CHANGES = {"seconds", "memory_mb", "gpu_memory_mb", "versions", "commit"}  # from run to run
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


@pytest.fixture(scope="module")
def finished(two_lines, tmp_path_factory) -> Path:
    """The folder of a whole run, to be looked at or copied."""
    out = tmp_path_factory.mktemp("finished")
    assert cli.main(words(two_lines.root, out)) == 0
    return out


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
        "mvtec", two_lines.root, choice, METHODS, shots=(1, 2), seeds=1, map_size=16, steps=2
    )
    backbone = settings.loaded(choice)
    dataset = wanted.open()
    every = tasks.all_tasks(wanted, dataset, backbone)
    assert len(every) == 2 * (1 + 4 * 2)
    place = runner.Place(tmp_path / "rows", tmp_path / "cache", jobs=1)
    runner.run(wanted, dataset, every, place)
    found = tasks.table_of([tasks.read_row(place.rows, task) for task in every]).set_index(KEY)
    assert found["error"].isna().all() and not found["test_selected"].any()
    plan = Plan(chosen(ladder(PromptADConfig(steps=2)), METHODS), (1, 2), (0,), 16)
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
    capsys, finished, two_lines, tmp_path
):
    killed = tmp_path / "killed"
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
    assert 3 <= len(before) < len(rows_in(finished)) and not (killed / "report.html").exists()
    code, out, _ = run(capsys, *words(two_lines.root, killed))
    assert code == 0 and out.startswith(f"{18 - len(before)} of 18 tasks")
    for path in (killed / "rows").glob("*.part"):  # of the moment of the kill
        path.unlink()
    assert rows_in(killed) == rows_in(finished)
    assert all((killed / "rows" / n).stat().st_mtime_ns == when for n, when in before.items())


def test_the_same_command_does_nothing_the_second_time(
    capsys, monkeypatch, finished, two_lines, tmp_path
):
    out = shutil.copytree(finished, tmp_path / "out")
    before = {p: p.stat().st_mtime_ns for p in (out / "rows").iterdir()}
    assert len(before) == 18 and all(p.suffix == ".json" for p in before)
    monkeypatch.setattr(runner, "run_group", lambda *rest: pytest.fail("something was run"))
    assert "all 18 tasks" in run(capsys, *words(two_lines.root, out))[1]
    assert {p: p.stat().st_mtime_ns for p in (out / "rows").iterdir()} == before


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
    code, said, _ = run(capsys, *words(copied.root, out))
    assert code == 1 and "all 18 tasks" in said and "--retry runs them again" in said
    assert "9 of 18 tasks" in run(capsys, *words(copied.root, out, "--retry"))[1]
    picture.write_bytes(good)  # other pictures: run without being asked
    code, said, _ = run(capsys, *words(copied.root, out))
    assert code == 0 and said.startswith("9 of 18 tasks")
    page = (out / "report.html").read_text()
    assert "INCOMPLETE" not in page and "Failed tasks" not in page


def test_a_corrupt_training_picture_fails_only_the_draws_that_have_it(capsys, copied, tmp_path):
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
    for name in ("jobs", "threads", "backend", "cluster", "cases"):
        assert command.DEFAULTS[name] == getattr(place, name)


def test_a_yaml_file_says_what_options_say_and_options_win(capsys, two_lines, tmp_path):
    path = tmp_path / "run.yaml"
    values = {
        "dataset": "mvtec", "root": str(two_lines.root), "shots": [1], "seeds": 1, "steps": 2,
        "map-size": 24, "jobs": -1, "methods": ["memory", "SC + EAM"], "out": str(tmp_path / "o"),
        "missing_masks": True,
    }  # fmt: skip
    path.write_text(yaml.safe_dump(values))
    from promptad_tutorial.commands.cli import build_parser

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


def test_a_dry_run_gets_by_a_damaged_picture(capsys, copied, tmp_path):
    for line in copied.product_lines[:1]:
        copied.load(line).train[0].image.write_bytes(b"nothing")
    code, said, _ = run(capsys, *words(copied.root, tmp_path, "--dry-run"))
    assert code == 0 and "18 would run: 8 trainings" in said


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
        ("--cases", "-1"): "cases must be 0 or more",
        ("--root", str(tmp_path / "nowhere")): "nowhere",
    }.items():
        assert expected in failure(capsys, *words(two_lines.root, tmp_path / "o", *more)), more
    for library in ("distributed", "ray"):
        monkeypatch.setitem(sys.modules, library, None)
    for backend in ("dask", "ray"):
        line = failure(capsys, *words(two_lines.root, tmp_path / "o", "--backend", backend))
        assert f"promptad-tutorial[{backend}]" in line
    assert not (tmp_path / "o" / "rows").exists()


def test_the_cache_can_be_shown_and_cleared(capsys, finished, tmp_path):
    cache = shutil.copytree(finished / "cache", tmp_path / "cache")
    shown = run(capsys, "benchmark-cache", "--cache", cache)[1]
    assert int(shown.split()[0]) >= 16 + 2 * 2
    assert run(capsys, "benchmark-cache", "--cache", cache, "--clear")[1].startswith(
        shown.split(" entries")[0]
    )
    assert run(capsys, "benchmark-cache", "--cache", cache)[1].startswith("0 entries")


# --- protocol, report --------------------------------------------------------


def test_the_released_protocol_is_branded_everywhere(capsys, two_lines, tmp_path):
    more = ("--protocol", "released", "--methods", "PromptAD", "--shots", "1", "--seeds", "1")
    code, said, _ = run(capsys, *words(two_lines.root, tmp_path, *more))
    assert code == 0 and "TEST-SELECTED" in said
    rows = rows_in(tmp_path).values()
    assert {row["method"] for row in rows} == {RELEASED}
    assert all(row["test_selected"] and row["protocol"] == "released" for row in rows)
    written = {p.name for p in tmp_path.iterdir() if p.is_file()}
    assert "TEST-SELECTED" in (tmp_path / "run.json").read_text()
    for name in written - {"run.json"}:
        assert "test-selected" in name
        assert "test-selected" in (tmp_path / name).read_text().lower(), name
    assert len(written) == 6
    for name in ("per_category", "summary"):
        table = pd.read_csv(tmp_path / f"{name}_test-selected.csv")
        assert len(table) and (table["protocol"] == "test-selected").all()
    assert "other settings" in failure(capsys, *words(two_lines.root, tmp_path))  # of the paper


def test_flipping_the_test_labels_changes_no_fit_unless_they_choose_the_step(two_lines):
    line = two_lines.load("wood")
    test = TestSet.of(line, 16)
    flipped = replace(test, labels=1 - test.labels, masks=None)
    backbone = settings.loaded(BackboneChoice())

    def scores(config, labelled):
        one = configured("one", replace(config, steps=4, learning_rate=5.0))
        found = measure(one, backbone, line, labelled, 2, 0, CachedEncoder(backbone, None))
        return found.scores.image_scores

    honest, selected = preset("paper"), preset("released")
    assert np.array_equal(scores(honest, test), scores(honest, flipped))
    assert not np.array_equal(scores(selected, test), scores(selected, flipped))


def test_the_report_is_one_file_that_says_what_was_run(
    capsys, monkeypatch, finished, two_lines, tmp_path
):
    out = finished
    page, text = ((out / f"report.{kind}").read_text() for kind in ("html", "md"))
    backbone = settings.loaded(BackboneChoice())
    for said in (backbone.label, backbone.checksum, "last step", "torch", "--seeds 2", "squash"):
        assert said in page and said in text
    assert "http://" not in page and "https://" not in page and "<script" not in page
    means = pd.read_csv(out / "summary.csv").set_index(["method", "shots"])
    rows = pd.DataFrame(rows_in(out).values())
    mine = rows[(rows["method"] == "PromptAD") & (rows["shots"] == 2)]
    by_seed = mine.groupby("seed")["image_auroc"].mean()
    found = means.loc[("PromptAD", 2)]
    assert found["image_auroc_mean"] == pytest.approx(by_seed.mean(), abs=0.006)
    assert found["image_auroc_std"] == pytest.approx(by_seed.std(), abs=0.006)
    assert f"{by_seed.mean():.1f} ± {by_seed.std():.1f}" in page
    assert "not comparable: " in page or "incomplete: 2 of 15 categories" in page

    # every draw is the sorted, nested, seeded one, whatever the method
    for row in rows.to_dict("records"):
        if row["shots"]:
            line = two_lines.load(row["product_line"])
            drawn = draw_shots(sorted(line.train, key=str), row["shots"], row["seed"])
            assert row["shot_pictures"] == [
                s.image.relative_to(line.root).as_posix() for s in drawn
            ]
    by_draw = rows.set_index(["product_line", "seed", "shots", "method"])["shot_pictures"]
    for (name, seed, _), of_methods in by_draw.drop(0, level="shots").groupby(level=[0, 1, 2]):
        assert len({tuple(one) for one in of_methods}) == 1 and len(of_methods) == 2
        one, two = (by_draw[name, seed, k, "memory"] for k in (1, 2))
        assert one == two[:1]
    assert by_draw["wood", 0, 2, "memory"] != by_draw["wood", 1, 2, "memory"]

    # pictures of what went wrong, of seed 0 alone; and the page again without the data
    made = open_run(out)
    kept = {task: read_cases(out / "cases", task) for task in made.tasks}
    for task, some in kept.items():
        auroc = rows_in(out)[task.file]["image_auroc"]
        assert (some is not None) == (task.seed == 0)
        assert any(case.wrong > 0 for case in some or ()) == (task.seed == 0 and auroc < 100)
        for case in some or ():
            assert (two_lines.root / task.product_line / case.picture).is_file()
            assert (case.kind == FOUND) == (case.wrong == 0)
    assert page.count("data:image/jpeg") == page.count("<figure>") > 2
    for name in ("open", "load"):  # nobody looks at the data
        monkeypatch.setattr(Settings, name, lambda *rest: pytest.fail("the data was opened"))
    assert run(capsys, "benchmark-report", out, "--out", tmp_path / "again")[0] == 0
    for name in ("report.html", "report.md", "summary.csv", "per_category.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (out / name).read_bytes(), name


def test_half_a_row_is_made_again_and_a_folder_of_other_settings_is_refused(
    capsys, two_lines, tmp_path
):
    quick = ("--methods", "memory", "--seeds", "1")
    assert run(capsys, *words(two_lines.root, tmp_path, *quick))[1].startswith("4 of 4")
    whole = rows_in(tmp_path)
    path = sorted((tmp_path / "rows").iterdir())[0]
    others = {p: p.stat().st_mtime_ns for p in (tmp_path / "rows").iterdir() if p != path}
    path.write_bytes(path.read_bytes()[:100])
    (tmp_path / "rows" / "x.part").write_text('{"key')  # of a process that was killed
    assert run(capsys, *words(two_lines.root, tmp_path, *quick))[1].startswith("1 of 4 tasks")
    (tmp_path / "rows" / "x.part").unlink()
    assert rows_in(tmp_path) == whole
    assert all(p.stat().st_mtime_ns == when for p, when in others.items())
    said = failure(capsys, *words(two_lines.root, tmp_path, *quick, "--steps", "3"))
    assert "holds a run with other settings: config.steps 2 there, 3 now" in said
    assert "other settings" in failure(
        capsys, *words(two_lines.root, tmp_path, *quick, "--map-size", "30", "--dry-run")
    )
    assert rows_in(tmp_path) == whole
    code, said, _ = run(capsys, *words(two_lines.root, tmp_path, *quick, "--shots", "2", "3"))
    assert code == 0 and said.startswith("2 of 4 tasks")  # added to it
    assert pd.read_csv(tmp_path / "summary.csv")["shots"].tolist() == [1, 2, 3]


def test_a_full_disk_stops_with_one_line_and_keeps_the_rows_so_far(
    capsys, monkeypatch, two_lines, tmp_path
):
    quick = ("--methods", "memory", "--seeds", "1")
    real, count = os.fsync, iter(range(100))

    def full(handle):
        if next(count) == 3:  # run.json, the cases of the first row and the row went through
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(handle)

    monkeypatch.setattr(os, "fsync", full)
    said = failure(capsys, *words(two_lines.root, tmp_path, *quick))
    assert "No space left" in said and "run the same command again" in said
    assert len(list((tmp_path / "rows").iterdir())) == 1
    monkeypatch.undo()
    assert run(capsys, *words(two_lines.root, tmp_path, *quick))[1].startswith("3 of 4 tasks")
    file = tmp_path / "file"
    file.write_text("")
    said = failure(capsys, *words(two_lines.root, file / "out", *quick))
    assert "cannot write into" in said and "nothing was run" in said


def test_masks_are_cropped_as_pictures_are(small_backbone):
    picture = np.zeros((60, 100), dtype=bool)
    picture[20:40, 30:70] = True
    pixels = small_backbone().preprocess(picture, "crop")[0]
    mask = central_square(picture, small_backbone().image_size)
    bright = pixels.numpy() > float(pixels.min() + pixels.max()) / 2
    assert (mask != bright).mean() < 0.02 and 0.1 < mask.mean() < 0.9
