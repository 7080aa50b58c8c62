"""The index of the series and the notebooks agree, so headers and the map cannot go stale."""

from dataclasses import replace
from pathlib import Path

import nbformat
import pytest

from promptad_tutorial import exercises as checks
from promptad_tutorial.exercises import series
from workshop.pages.reading_time import minutes

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
FILES = [entry.file for entry in series.CHAPTERS]


def test_every_chapter_is_a_notebook_and_the_other_way_round():
    assert sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")) == sorted(FILES)


@pytest.mark.parametrize("file, following", list(zip(FILES, [*FILES[1:], None], strict=True)))
def test_header_and_link_are_those_of_the_index(file, following):
    cells = nbformat.read(NOTEBOOKS / f"{file}.ipynb", as_version=4).cells
    entry = series.chapter(file)
    assert cells[0].source.startswith(
        f"# {entry.title}\n\n**{entry.minutes} minutes** (all cells run in about {entry.seconds} s "
        f"on two cores) · **You need:** {'; '.join(entry.needs)}"
    )
    link = "This was the last notebook of the series."
    if following:
        entry = series.chapter(following)
        link = f"[{entry.title}]({entry.file}.ipynb): {entry.shows}."
    assert cells[-1].source.rstrip().endswith(link)


@pytest.mark.parametrize("file", FILES)
def test_the_minutes_are_those_that_one_counts(file):
    assert series.chapter(file).minutes == minutes(NOTEBOOKS / f"{file}.ipynb")


def test_words_lines_and_exercises_are_counted_and_solutions_are_not(tmp_path, monkeypatch):
    monkeypatch.setattr(checks, "EXERCISES", {"x": replace(checks.exercise("auroc"), minutes=4)})
    said = len(checks.EXERCISES["x"].statement.split())
    read = " ".join(["word"] * (600 - said - 1) + ["[link](to/what/is/not/read.md)"])
    solution = nbformat.v4.new_code_cell("y = 2\n" * 100, metadata={"tags": ["solution"]})
    cells = [nbformat.v4.new_markdown_cell(read), nbformat.v4.new_code_cell("x = 1\n\n" * 60)]
    path = tmp_path / "01_any.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[*cells, solution]), path)
    assert minutes(path) == 10  # 600 words, 60 lines, 4 minutes of an exercise
    cells[0].source += " one more"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    assert minutes(path) == 15


@pytest.mark.parametrize("file", FILES)
def test_every_exercise_is_posed_tried_and_solved(file):
    """Each exercise of the index has its text, a stub that is not yet right, and a solution."""
    cells = nbformat.read(NOTEBOOKS / f"{file}.ipynb", as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    mine = [name for name, entry in checks.EXERCISES.items() if entry.notebook == file[:2]]
    assert len(mine) >= 2
    for name in mine:
        assert any(f'checks.exercise("{name}")' in cell.source for cell in code)
        calls = [cell for cell in code if f"checks.{name}(" in cell.source]
        said = ["".join(o.get("data", {}).get("text/plain", "") for o in c.outputs) for c in calls]
        tags = [cell.metadata.get("tags", []) for cell in calls]
        assert tags == [["exercise"], ["solution"]]
        assert said[0].startswith("not yet:") and said[1].startswith("pass:")
        assert calls[1].metadata["jupyter"]["source_hidden"]


def test_the_map_links_every_notebook():
    text = repr(series.series_map())
    for entry in series.CHAPTERS:
        assert f"({entry.file}.ipynb)" in text


def test_an_unknown_chapter_is_refused_by_name():
    with pytest.raises(ValueError, match=r"expected one of .*01_zero_shot_clip.*found 'nope'"):
        series.chapter("nope")
