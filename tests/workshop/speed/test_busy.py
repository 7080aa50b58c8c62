"""The table of waiting beside a busy process: its rows, its warning, and what it leaves running."""

from __future__ import annotations

import logging

import pandas as pd
import psutil
import pytest

from promptad_tutorial.clip.loading import load_backbone
from workshop.speed import busy
from workshop.speed.compare import Job


def test_every_piece_of_work_is_measured_and_slow_ones_are_warned_about(monkeypatch, caplog):
    done, taken = [], iter([1.0, 1.4, 1.0, 1.6])
    work = {"quick": lambda: done.append("quick"), "slow": lambda: done.append("slow")}
    monkeypatch.setattr(busy, "waited_for", lambda *_: work)
    monkeypatch.setattr(busy, "seconds", lambda work, repeats: (work(), next(taken))[1])
    with caplog.at_level(logging.WARNING):
        rows = busy.measure(load_backbone("tiny"), Job())
    assert [row["times_as_long"] for row in rows] == ["1.40", "1.60"]
    assert {row["threads_of_the_tower"] for row in rows} == {1}
    assert done == ["quick"] * 3 + ["slow"] * 3  # warm, alone, beside
    assert [record.getMessage() for record in caplog.records] == [
        "slow takes 1.6 times as long beside a busy process (1.60 s, alone 1.00 s): expected at "
        "most 1.5 times"
    ]


def test_the_busy_process_ends_with_its_context():
    children = psutil.Process().children
    before = set(children())
    with pytest.raises(KeyboardInterrupt), busy.one_busy_process():
        (process,) = set(children()) - before
        raise KeyboardInterrupt
    assert not process.is_running()


def test_the_works_are_those_that_learners_wait_for(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(busy, "STEPS", (1, 2))
    monkeypatch.setattr(busy, "REFIT_STEPS", 3)
    monkeypatch.setattr(busy, "PICTURES", 2)
    busy.main(["--repeats", "1", "--out", str(tmp_path / "busy.csv")])
    table = pd.read_csv(tmp_path / "busy.csv")
    assert table["what"].tolist() == [
        "a fit of 1 steps",
        "a fit of 2 steps",
        "scoring 2 pictures",
        "an explorer's refit of 3 steps",
    ]
    assert (table[["seconds", "seconds_beside_a_busy_process"]] > 0).all(axis=None)
    assert table["processor"].str.len().min() > 0
    assert "scoring 2 pictures" in capsys.readouterr().out
