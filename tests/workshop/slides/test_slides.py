"""The opening talk: made from the notebooks, whole, with words for every picture, and offline."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest

from workshop.pages.make_slides import NOTEBOOK, export, talk_notebook
from workshop.pages.talk import SOURCE, read_talk

ELSEWHERE = re.compile(
    r"""(?:src|href|srcset|poster|data)\s*=\s*["']?\s*(?:https?:)?//"""
    r"""|url\(\s*["']?\s*(?:https?:)?//|@import\s+["']?\s*(?:https?:)?//|import\s+.*from\s+["']http""",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def talk():
    return read_talk()


@pytest.fixture(scope="module")
def pages(talk, tmp_path_factory) -> Path:
    return export(talk_notebook(talk), tmp_path_factory.mktemp("slides")).parent


class Pictures(HTMLParser):
    """The alt text of every picture, and the texts of the speaker's notes."""

    def __init__(self) -> None:
        super().__init__()
        self.alts: list[str] = []
        self.sources: list[str] = []
        self.notes: list[str] = []
        self.inside = False

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag == "img":
            self.alts.append(found.get("alt", ""))
            self.sources.append(found["src"])
        if tag == "aside" and found.get("class") == "notes":
            self.inside = True
            self.notes.append("")

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "aside"

    def handle_data(self, data):
        if self.inside:
            self.notes[-1] += data


def test_the_committed_notebook_is_what_the_notebooks_show_today(talk):
    assert nbformat.reads(nbformat.writes(talk_notebook(talk)), 4) == nbformat.read(NOTEBOOK, 4), (
        "run `python -m workshop.pages.make_slides --notebook-only`"
    )


def test_about_a_dozen_slides_fill_twenty_minutes_and_have_notes(talk):
    assert 11 <= len(talk) <= 14
    assert sum(slide.minutes for slide in talk) == 20
    assert all(len(slide.notes) >= 60 for slide in talk)
    assert len({slide.title for slide in talk}) == len(talk)
    assert all(len(slide.text.split()) <= 40 for slide in talk)  # one idea, in big type


def test_no_figure_is_typed(talk):
    """A number in a slide's source stands in a blank, a formula, or an example of a prompt."""
    text = "\n".join(
        re.findall(r"^  text: \|?\n?((?:    .*\n|\n)+|.*\n)", SOURCE.read_text(), re.M)
    )
    text = re.sub(r"\$\$.*?\$\$|\[[PA]1\]|of 100|of 10|^ +\d\. ", "", text, flags=re.S | re.M)
    assert re.findall(r"\d+", text) == ["0"]  # the margin, which is a setting


def test_what_no_notebook_shows_is_an_error_that_names_the_slide(tmp_path):
    for entry, said in (
        ("figure: ['00', 'No such picture']", "slide 1: expected a picture in 00_start_here"),
        ("facts: {x: ['00', 'no such (number)']}", "slide 1: expected one answer"),
        ("layout: sideways", "slide 1: expected a layout of beside, above; found 'sideways'"),
    ):
        source = tmp_path / "talk.yaml"
        source.write_text(f"- title: A\n  minutes: 1\n  text: <<x>>\n  notes: b\n  {entry}\n")
        if "facts" not in entry:
            source.write_text(source.read_text().replace("<<x>>", "words"))
        with pytest.raises(ValueError, match=re.escape(said)):
            read_talk(source)


def test_every_picture_of_the_pages_is_told_in_words(talk, pages):
    found = Pictures()
    found.feed((pages / "index.html").read_text())
    expected = [slide.figure.alt for slide in talk if slide.figure]
    assert found.alts == expected and all(len(alt) >= 40 for alt in expected)
    assert all(source.startswith("data:image/png;base64,") for source in found.sources)
    assert len(found.notes) == len(talk)
    for slide, notes in zip(talk, found.notes, strict=True):
        assert slide.notes.split(".")[0][:40] in " ".join(notes.split())
    assert found.notes[0].strip().startswith("Minute 0 to 1.")


def test_formulas_need_no_script(pages):
    text = (pages / "index.html").read_text()
    assert text.count("<math") == 4
    assert "$$" not in re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert not re.search(
        r"mathjax[^\"' ]*\.js|require\.js|mermaid[^\"' ]*\.js", text, re.IGNORECASE
    )


def test_nothing_is_loaded_from_another_host(pages):
    looked = [p for p in pages.rglob("*") if p.suffix in (".html", ".css")]
    assert len(looked) >= 4  # the page, reveal's, its theme's and its fonts'
    for path in looked:
        assert not ELSEWHERE.findall(path.read_text()), path
    for name in re.findall(
        r'(?:src|href)="(reveal\.js/[^"]+)"', (pages / "index.html").read_text()
    ):
        assert (pages / name).is_file()
    assert ELSEWHERE.search('<script src="https://unpkg.com/reveal.js"></script>')
    assert (pages / "reveal.js" / "LICENSE").is_file()
