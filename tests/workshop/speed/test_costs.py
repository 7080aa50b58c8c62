"""What a run costs: the tables of throughput and scaling, and the arithmetic of the projection."""

from __future__ import annotations

import pandas as pd
import pytest

from promptad_tutorial.benchmark.published import CATEGORIES
from workshop.speed import projection, scaling, tables, throughput
from workshop.speed.projection import SIZES, UNKNOWN, Experiment

PARTS = {
    "read": 1.0,
    "encode": 10.0,
    "windows": 100.0,
    "fit": 1000.0,
    "score": 0.25,
    "evaluate": 0.5,
    "cached_bytes": 7.0,
}


def test_the_sizes_are_those_that_the_datasets_papers_state():
    sizes = pd.read_csv(SIZES)
    found = sizes.groupby("dataset")[["train", "test"]].sum().sum(axis=1)
    assert found.to_dict() == {"mvtec": 5354, "visa": 10821}
    for dataset, names in CATEGORIES.items():
        assert set(sizes.loc[sizes["dataset"] == dataset, "category"]) == set(names)


def test_a_group_costs_what_its_tasks_are_made_of():
    wanted = Experiment(shots=(1, 4), seeds=2)
    first, later = (projection.group_seconds(50, seed, PARTS, wanted) for seed in (0, 1))
    assert first == {
        "reading": 2 * 54 * 1.0,  # once for WinCLIP's windows, once for all others
        "encoding": 54 * 10.0,
        "windows": 54 * 100.0,
        "training": 2 * 1000.0,
        "scoring": 50 * (3 * 2 + 1) * 0.75,  # three few-shot methods, and zero-shot
    }
    assert later == {
        "reading": 8.0,  # the test set is in the cache
        "encoding": 40.0,
        "windows": 400.0,
        "training": 2000.0,
        "scoring": 50 * 6 * 0.75,
    }


def test_workers_take_the_next_group_when_they_are_free():
    groups = [{"a": float(n)} for n in (5, 1, 1, 1, 4)]
    assert projection.finished(groups, 1) == 12
    assert projection.finished(groups, 2) == 7  # 5, and 1 + 1 + 1 + 4
    assert projection.finished(groups, 9) == 5


def test_a_machine_that_was_not_measured_gets_no_figure():
    sizes, wanted = pd.DataFrame({"test": [50, 20]}), Experiment()
    rows = {row["machine"]: row for row in projection.project(sizes, PARTS, wanted, None, None)}
    assert rows["1 GPU"]["hours"] == rows["1 CPU, 2 cores"]["hours"] == UNKNOWN
    assert rows["1 GPU"]["work_hours_encoding"] == UNKNOWN
    one = rows["1 CPU core"]
    assert one["hours"] == pytest.approx(sum(v for k, v in one.items() if "work_hours" in k))
    assert one["hours"] / 16 <= rows["16-worker cluster"]["hours"] < one["hours"]
    gpu = {"encode": 0.1, "windows": 0.2, "fit": 3.0}
    given = {r["machine"]: r for r in projection.project(sizes, PARTS, wanted, 1.6, gpu)}
    assert given["1 CPU, 2 cores"]["hours"] == pytest.approx(one["hours"] / 1.6)
    assert given["1 GPU"]["work_hours_training"] == pytest.approx(2 * 5 * 3 * 3.0 / 3600)
    assert given["1 GPU"]["work_hours_scoring"] == pytest.approx(one["work_hours_scoring"])
    assert "assumed" in given["1 GPU"]["basis"] and "assumed" not in one["basis"]


def test_the_speed_up_is_first_over_last_and_other_rows_are_refused(monkeypatch):
    row = dict.fromkeys(scaling.KEPT, "x") | {"image_auroc": 90.0}
    made = {1: (10.0, {"a": row}), 2: (4.0, {"a": row}), 3: (4.0, {"a": row | {"device": "y"}})}
    monkeypatch.setattr(scaling, "run", lambda words, jobs, backend: made[jobs])
    table, speed_up = scaling.scaling([], [1, 2], "loky")
    assert speed_up == 2.5 and [one["speed_up"] for one in table] == [1.0, 2.5]
    with pytest.raises(RuntimeError, match="3 workers made other rows than 1"):
        scaling.scaling([], [1, 3], "loky")


def test_throughput_has_the_bare_tower_beside_ours(tmp_path):
    wanted = throughput.Wanted("tiny", "bfloat16", "cpu", (2, 1), repeats=1)
    rows = throughput.measure(wanted)
    assert [row["batch"] for row in rows] == [1, 2]
    for row in rows:
        over = row["bare_tower_images_a_second"] / row["encode_images_a_second"]
        assert row["encode_over_bare"] == pytest.approx(over) and row["peak_memory_gb"] > 0.1
        assert "bfloat16" in row["backbone"]
    path, key = tmp_path / "new" / "table.csv", ["backbone", "batch"]
    throughput.write_rows(path, rows, key)
    throughput.write_rows(path, [rows[0] | {"threads": 77}], key)
    table = pd.read_csv(path)
    assert table["batch"].tolist() == [2, 1] and table["threads"].tolist()[1] == 77


def test_the_readme_shows_the_committed_tables():
    text = tables.README.read_text(encoding="utf-8")
    assert len(tables.MARK.findall(text)) == 5
    assert tables.with_tables(text, tables.RESULTS) == text
    scaled = pd.read_csv(tables.RESULTS / "scaling.csv").set_index("workers")
    assert scaled.loc[2, "speed_up"] >= 1.6 and scaled.loc[1, "tasks"] == scaled.loc[2, "tasks"]
