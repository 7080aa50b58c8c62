"""One bundle of a picture and its words, drawn off screen, with the caption in the picture."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from PIL import Image

from promptad_tutorial.figures import Illustration, blank_figure
from promptad_tutorial.figures.illustration import FONT_SIZE
from promptad_tutorial.figures.wording import counted, listed, percent, rounded, sentences

ALT = "A line from 0.00 to 1.00."


def line(alt: str = ALT, caption: str = "") -> Illustration:
    figure = blank_figure(4, 2)
    figure.subplots().plot([0, 1])
    return Illustration(figure, alt, caption)


def decode(png: bytes) -> np.ndarray:
    with Image.open(BytesIO(png)) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB")).astype(int)


def test_a_cell_shows_one_bundle_of_picture_and_alt_text() -> None:
    shown = line()
    formatter = DisplayFormatter()
    formatter.active_types = ["image/png", "text/plain"]  # as in a kernel
    bundle, metadata = formatter.format(shown)
    assert set(bundle) == {"image/png", "text/plain"} and metadata == {}
    assert bundle["text/plain"] == ALT == repr(shown)
    assert base64.b64decode(bundle["image/png"]) == shown.png
    assert plt.get_fignums() == []


def test_caption_is_the_alt_text_or_another_and_fits_in_the_picture() -> None:
    assert line().caption == ALT
    long = line(caption="MANY WIDE WORDS in a caption of several lines, 0.123 and 0.456, " * 5)
    figure = long.figure
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    (caption,) = figure.texts
    assert caption.get_text().replace("\n", " ") == long.caption
    box = caption.get_window_extent(renderer)
    assert box.x0 > 0 and box.x1 < figure.bbox.x1 and box.y0 > 0
    # under the axes and their labels, not over them
    assert box.y1 <= figure.axes[0].get_tightbbox(renderer).y0
    assert all(text.get_fontsize() >= FONT_SIZE for text in figure.findobj(Text))
    # the axes keep the height they had
    assert figure.get_size_inches()[1] > line().figure.get_size_inches()[1] > 2


def draw(shown: Illustration) -> np.ndarray:
    """The first drawing of a figure: a second may move its axes by a part of a pixel."""
    canvas = FigureCanvasAgg(shown.figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def test_png_is_in_full_colour_while_it_is_small() -> None:
    shown, full = line(), draw(line())
    np.testing.assert_array_equal(decode(shown.png), full)
    assert full.shape[1] == 400 and shown.png is shown.png


def test_large_png_gets_a_palette_with_colours_close_by() -> None:
    def noise() -> Illustration:
        figure = blank_figure(4.5, 3.2)
        values = np.random.default_rng(0).random((300, 400))
        figure.subplots().imshow(values, cmap="cividis")
        return Illustration(figure, "Noise between 0 and 1.")

    shown, full = noise(), draw(noise())
    file = BytesIO()
    Image.fromarray(full).save(file, format="png")
    assert len(shown.png) < len(file.getvalue()) / 2
    assert np.abs(decode(shown.png) - full).max() < 25


def test_save_writes_the_png(tmp_path: Path) -> None:
    shown = line()
    shown.save(tmp_path / "line.PNG")
    assert (tmp_path / "line.PNG").read_bytes() == shown.png
    with pytest.raises(ValueError, match=r"\.png, found 'line\.pdf'"):
        shown.save(str(tmp_path / "line.pdf"))


def test_empty_alt_text_is_refused() -> None:
    with pytest.raises(ValueError, match="alt text"):
        line(alt=" ")


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.125, "0.13"), (0.125 - 1e-9, "0.13"), (0.124, "0.12"), (-0.001, "0.00"), (-0.2, "-0.20")],
)
def test_rounding_does_not_drift(value: float, expected: str) -> None:
    assert rounded(value) == expected


def test_words() -> None:
    assert [percent(share) for share in (0, 0.001, 0.005, 0.126, 1)] == [
        "0 %",
        "under 1 %",
        "1 %",
        "13 %",
        "100 %",
    ]
    assert (counted(1, "map"), counted(3, "map")) == ("1 map", "3 maps")
    assert listed([]) == "" and listed(["a"]) == "a" and listed(list("abc")) == "a, b and c"
    assert listed(list("abcd"), 2) == "a, b and 2 more"
    assert sentences("A", "", "B!", " C. ") == "A. B! C."
