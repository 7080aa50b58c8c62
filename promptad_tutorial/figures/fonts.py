"""Names in any script: fonts that have their letters, else the letters' code points.

Matplotlib's own font has no Chinese. Where the machine has a font that does, texts fall back to
it; letters that none has are written as Python writes them, as `\\u94dc`, and no box or warning
is left.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import cache

from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, fontManager, get_font
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator

BASE = "DejaVu Sans"  # comes with matplotlib
FALLBACKS = (  # with Chinese, Japanese or Korean letters, then with many other scripts
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC"),
    *("Microsoft YaHei", "SimHei", "PingFang SC", "Hiragino Sans GB", "Heiti SC", "STHeiti"),
    *("WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Droid Sans Fallback", "Arial Unicode MS"),
    *("Yu Gothic", "Malgun Gothic", "Noto Sans", "Segoe UI Symbol", "Symbola", "FreeSans"),
)


@cache
def families() -> tuple[str, ...]:
    """Matplotlib's own font and those of `FALLBACKS` that are installed, in this order."""
    installed = {font.name for font in fontManager.ttflist}
    return (BASE, *(name for name in FALLBACKS if name in installed))


@cache
def _has(family: str) -> Callable[[str], bool]:
    font = get_font(findfont(family))
    return lambda letter: font.get_char_index(ord(letter)) != 0


def readable(text: str) -> str:
    """`text` with code points in place of letters that no font has; joiners and variants go."""
    return text if text.isascii() else "".join(map(_letter, text))


def _letter(letter: str) -> str:
    if letter.isspace() or any(_has(family)(letter) for family in families()):
        return letter
    if unicodedata.category(letter) in ("Cf", "Mn", "Me"):  # says how another letter looks
        return ""
    return letter.encode("ascii", "backslashreplace").decode()


def make_readable(figure: Figure) -> None:
    """Every text of the figure in letters that its fonts have, those of named ticks included."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if isinstance(axis.get_major_locator(), FixedLocator):  # set by name
                names = [label.get_text() for label in axis.get_ticklabels()]
                if not all(map(str.isascii, names)):
                    axis.set_ticklabels([readable(name) for name in names])
    for text in figure.findobj(Text):
        if not text.get_text().isascii():
            text.set_text(readable(text.get_text()))
            text.set_fontfamily(list(families()))


def letters_wide(text: str) -> float:
    """How many ordinary letters' room a letter of `text` takes on average; 1 for Latin ones."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return 1 + wide / max(1, len(text))
