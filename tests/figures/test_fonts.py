"""Names in any script: no warning of a missing letter, whichever fonts are there."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.text import Text

from promptad_tutorial.figures import (
    Illustration,
    blank_figure,
    fonts,
    gallery,
    panels,
    score_histogram,
    side_by_side_maps,
    similarity_bars,
    similarity_matrix,
)
from promptad_tutorial.figures.benchmark import intervals, seed_dots

NAMES = ["\u94dc\u87ba\u6bcd", "\ud615 \u3042", "\U0001f527\ufe0f", "\u0627\u0644", "\u00e9"]
HEAT = np.linspace(0, 1, 36).reshape(6, 6)
PICTURE = np.full((12, 12, 3), 90, dtype=np.uint8)


@pytest.fixture(params=["alone", "with others"])
def installed(request, monkeypatch) -> str:
    """Matplotlib's own font alone, and what this machine has besides."""
    if request.param == "alone":
        monkeypatch.setattr(fonts, "families", lambda: (fonts.BASE,))
    return request.param


FIGURES = {
    "bars": lambda name: similarity_bars([name, "b"], [0.1, 0.2], caption=name),
    "matrix": lambda name: similarity_matrix([name], [name, "b"], [[0.1, 0.2]], caption=name),
    "gallery": lambda name: gallery([PICTURE], [name], caption=name),
    "panels": lambda name: panels([PICTURE], [HEAT > 0.8], [HEAT], [name], [0.5], caption=name),
    "maps": lambda name: side_by_side_maps(PICTURE, {name: HEAT}, caption=name),
    "histogram": lambda name: score_histogram([0.1, 0.9], [0, 1], caption=name),
    "rows": lambda name: intervals([name], [1.0], [0.0], [2.0], name, caption=name),
    "legend": lambda name: seed_dots({name: [1.0, 2.0]}, name, 1.5, name, caption=name),
}


@pytest.mark.parametrize("name", NAMES, ids=ascii)
@pytest.mark.parametrize("figure", FIGURES)
def test_no_figure_warns_of_a_letter(installed, figure, name) -> None:
    """Warnings are errors here. The alt text keeps the name; the picture what can be drawn."""
    shown = FIGURES[figure](name)
    assert shown.png and name in shown.alt
    drawn = "".join(text.get_text() for text in shown.figure.findobj(Text))
    if installed == "alone":
        has = fonts._has(fonts.BASE)
        assert all(letter.isspace() or has(letter) for letter in drawn)
    assert fonts.readable(name) in "".join(drawn.split("\n"))


def test_letters_without_a_font_become_code_points(monkeypatch) -> None:
    monkeypatch.setattr(fonts, "families", lambda: (fonts.BASE,))
    assert fonts.readable("\u94dc nut, \u00e9") == "\\u94dc nut, \u00e9"
    assert fonts.readable("\U0001f9ff\U000e0067") == "\\U0001f9ff"  # without the sign of a tag
    assert fonts.readable("plain") == "plain"


def test_an_installed_font_is_fallen_back_to(monkeypatch) -> None:
    """Another of matplotlib's own fonts stands for one with more letters."""
    listed = [SimpleNamespace(name=name) for name in ("STIXGeneral", fonts.BASE, "Other")]
    monkeypatch.setattr(fonts, "fontManager", SimpleNamespace(ttflist=listed))
    monkeypatch.setattr(fonts, "FALLBACKS", ("Missing", "STIXGeneral"))
    fonts.families.cache_clear()
    try:
        assert fonts.families() == (fonts.BASE, "STIXGeneral")
        letter = next(
            chr(code)
            for code in range(0x2A00, 0x1D7FF)
            if fonts._has("STIXGeneral")(chr(code)) and not fonts._has(fonts.BASE)(chr(code))
        )
        figure = blank_figure(2, 1)
        title = figure.subplots().set_title(letter)
        shown = Illustration(figure, letter)
        assert title.get_text() == letter and shown.png
    finally:
        fonts.families.cache_clear()


def test_wide_letters_take_more_room_in_a_caption() -> None:
    assert fonts.letters_wide("nut") == fonts.letters_wide("") == 1
    assert fonts.letters_wide("\u94dc") == 2
