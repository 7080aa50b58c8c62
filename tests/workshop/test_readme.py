"""README's filled-in parts are what tables, pictures and the index of the series make of them."""

from __future__ import annotations

import re
from dataclasses import replace

import pandas as pd
import pytest
from PIL import Image

from promptad_tutorial.clip.loading import load_backbone
from promptad_tutorial.exercises.series import CHAPTERS
from promptad_tutorial.figures.diagrams import pipeline
from promptad_tutorial.learning.config import PromptADConfig
from promptad_tutorial.prompts.words import product_name
from workshop.pages import make_readme
from workshop.pages.ladder import Ladder
from workshop.pages.make_pictures import IMAGES, save_with_words, words_of
from workshop.pages.make_readme import README, compared, filled, parts, results

AGAIN = "run python -m workshop.pages.make_pictures, then python -m workshop.pages.make_readme"


@pytest.fixture(scope="module")
def ladder() -> Ladder:
    return Ladder.read()


def fits(ladder: Ladder, method: str) -> pd.DataFrame:
    """The rows of a method at four shots, taken from the table by hand."""
    rows = ladder.rows
    return rows[(rows["method"] == method) & rows["shots"].isin((0, 4))]


def test_the_readme_has_what_the_tables_say_today(ladder):
    text = README.read_text(encoding="utf-8")
    assert filled(text, parts(ladder)) == text, f"README.md is out of date: {AGAIN}"


def test_the_figures_are_means_of_the_single_fits(ladder):
    said = results(ladder)
    for method, words in (
        ("zero-shot", "zero-shot CLIP {:.1f} %"),
        ("memory", "the memory alone {:.1f} %"),
        ("PromptAD", "**PromptAD {:.1f} % ±"),
        ("WinCLIP+", "WinCLIP+ {:.1f} %"),
    ):
        assert words.format(fits(ladder, method)["image_auroc"].mean()) in said
    by_seed = fits(ladder, "PromptAD").groupby("seed")["image_auroc"].mean()
    assert f"± {by_seed.std():.1f}**" in said


def test_the_comparison_follows_the_tables(ladder):
    both = [fits(ladder, name)["image_auroc"].mean() for name in ("PromptAD", "zero-shot")]
    side = "above" if both[0] > both[1] else "below"
    assert f"{abs(both[0] - both[1]):.1f} points of image AUROC *{side}* zero-shot" in compared(
        ladder
    )


@pytest.mark.parametrize(
    ("row", "words", "told"),
    [
        ((5.0, 1.0, 9.0), "5.0 points of image AUROC *above* zero-shot CLIP (95 % interval 1.0 to "
         "9.0, an interval over product lines that leaves out 0).", False),
        ((-3.0, -7.0, 1.0), "3.0 points of image AUROC *below* zero-shot CLIP (95 % interval −7.0 "
         "to 1.0, an interval over product lines that contains 0,", True),
    ],
)  # fmt: skip
def test_the_comparison_says_which_side_and_how_sure(ladder, row, words, told):
    names = ("method", "against", "shots", "figure", "difference", "low", "high")
    table = pd.DataFrame([("PromptAD", "zero-shot", 4, "image_auroc", *row)], columns=names)
    text = compared(replace(ladder, paired=table))
    assert words in text and ("Real CLIP was never told" in text) == told


def test_the_pictures_show_the_line_that_the_rule_chooses(ladder):
    means = fits(ladder, "PromptAD").groupby("product_line")["image_auroc"].mean().sort_values()
    line = ladder.middle_line()
    assert (means < means[line]).sum() == len(means) // 2
    name = product_name(line)
    assert f"4 good pictures of {name}, the product line with the median" in words_of(
        IMAGES / "promptad.png"
    ), AGAIN
    assert f"PromptAD on {name}, 4 shots" in words_of(IMAGES / "explorer.png"), AGAIN


def test_the_drawing_is_of_the_shipped_backbone_and_the_papers_settings():
    drawing = pipeline(load_backbone("tiny"), PromptADConfig())
    assert words_of(IMAGES / "method.png") == drawing.alt, AGAIN


def test_a_picture_without_words_is_refused(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "mute.png")
    with pytest.raises(ValueError, match=r"expected mute.png to say what it shows"):
        words_of(tmp_path / "mute.png")
    save_with_words((tmp_path / "mute.png").read_bytes(), "four × four", tmp_path / "said.png")
    assert words_of(tmp_path / "said.png") == "four × four"


def test_the_time_is_the_sum_of_the_chapters():
    hours, minutes = map(int, re.search(r"(\d+) hours(?: (\d+) minutes)?", make_readme.time())
                         .groups(default="0"))  # fmt: skip
    assert 60 * hours + minutes == sum(chapter.minutes for chapter in CHAPTERS)


def test_a_part_that_is_missing_or_unknown_is_named():
    with pytest.raises(ValueError, match=r"expected the parts \['a'\], each once, found \[\]"):
        filled("no marks", {"a": "x"})
    assert filled("<!-- made: a -->\nold\n<!-- end -->", {"a": "new"}) == (
        "<!-- made: a -->\nnew\n<!-- end -->"
    )


def test_weights_without_a_ladder_are_an_error(tmp_path):
    (tmp_path / "results" / "ladder").mkdir(parents=True)
    (tmp_path / "results" / "ladder" / "ladder.json").write_text('{"checksum": "of others"}')
    with pytest.raises(ValueError, match="expected a ladder measured with the shipped weights"):
        Ladder.read(tmp_path)
