"""The committed tables are found by name, wherever a notebook runs."""

from __future__ import annotations

import pytest

from promptad_tutorial.benchmark.committed import committed_table
from promptad_tutorial.files.carried import carried


def test_a_table_is_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = committed_table("told/ladder.csv")
    assert {"method", "product_line", "shots", "seed", "image_auroc", "backbone"} <= set(table)


def test_a_name_that_is_not_there_names_those_that_are():
    with pytest.raises(FileNotFoundError, match=r"'ladder.csv' in results/, found .*told/ladder"):
        committed_table("ladder.csv")
    assert carried("results/zero_shot.csv").is_file()


def test_without_the_repository_the_error_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="no tables: run from a checkout"):
        committed_table("told/ladder.csv", tmp_path)
