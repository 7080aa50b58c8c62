"""Each term of the glossary is linked where the series first uses it, and the page has it all."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import nbformat
import pytest
import yaml

from workshop.pages import glossary
from workshop.pages.link_glossary import link, link_notebooks

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
EVERYWHERE = [*NOTEBOOKS, *sorted((ROOT / "notebooks" / "learner").glob("*.ipynb"))]
TABLE = yaml.safe_load((ROOT / "docs" / "glossary.yml").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
LINK = re.compile(r"\[((?:[^\]\\]|\\.)*)\]\(([^)\s]+)\)")


def prose(path: Path) -> list[str]:
    return [c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "markdown"]


def github_anchor(heading: str) -> str:
    """The slug that GitHub's documentation describes."""
    kept = [c for c in heading.strip().lower() if c.isalnum() or c in "-_ "]
    return "".join(kept).replace(" ", "-")


def test_the_committed_notebooks_and_page_are_what_the_table_makes():
    notebooks, page = link_notebooks()
    stale = [p.name for p, text in notebooks.items() if p.read_text(encoding="utf-8") != text]
    assert not stale and page == PAGE, f"run `python -m workshop.pages.link_glossary`: {stale}"


def words(text: str) -> str:
    """The running text, in small letters and single words: read without the tool."""
    text = text.partition("## Next")[0]
    for other in (
        r"(?m)^#+ .*$|^\*\*\d+ minutes.*$",
        r"<details>[\s\S]*?</details>|```[\s\S]*?```|`[^`]*`",
        r"\$\$[\s\S]*?\$\$|\$[^$\n]*\$|<[^>]*>",
        LINK.pattern,
    ):
        text = re.sub(other, " ", text)
    return text.replace("-", " ")


@pytest.mark.parametrize("entry", TABLE, ids=lambda entry: entry["term"])
def test_no_text_before_the_link_of_a_term_mentions_it(entry):
    forms = [one.replace("-", " ") for one in (entry["term"], *entry.get("forms", ()))]
    longer = [  # a mention of `anomaly map` is none of `map`
        form.replace("-", " ")
        for other in TABLE
        for form in (other["term"], *other.get("forms", ()))
        if other is not entry
        and any(one.lower() in form.replace("-", " ").lower() for one in forms)
    ]
    cells = [text for path in NOTEBOOKS for text in prose(path)]
    address = f"](../docs/glossary.md#{github_anchor(entry['term'])})"
    assert "".join(cells).count(address) == 1
    at = next(place for place, text in enumerate(cells) if address in text)
    before = [*cells[:at], cells[at].partition(address)[0].rpartition("[")[0]]
    for text in map(words, before):
        for form in longer:
            text = re.sub(form, " ", text, flags=re.IGNORECASE)
        for form in forms:
            same = re.NOFLAG if form[0].isupper() else re.IGNORECASE
            found = re.search(rf"\b{form}s?\b", text, flags=same)
            assert not found, text[max(found.start() - 40, 0) : found.end()]


@pytest.mark.parametrize("entry", TABLE, ids=lambda entry: entry["term"])
def test_each_term_has_a_sentence_chinese_characters_and_pinyin(entry):
    assert entry["say"].endswith(".") and entry["say"].count(". ") == 0
    for characters, pinyin in entry["zh"]:
        han = [c for c in characters if unicodedata.name(c, "").startswith("CJK")]
        assert han and not [c for c in pinyin if unicodedata.name(c, "").startswith("CJK")]
        # one vowel group a character, and a tone on nearly all: neutral tones are rare
        plain = unicodedata.normalize("NFD", pinyin)
        latin = re.sub(r"[^a-zü\u0300-\u036f ]", "", plain.lower())
        for word in re.findall(r"[A-Za-z0-9]+", characters):  # stays as it is in both
            latin = latin.replace(word.lower(), "", 1)
        vowels = re.findall(r"(?:[aeiou][\u0300-\u036f]*)+", latin)
        tones = re.findall(r"[\u0300\u0301\u0304\u030c]", latin)
        assert len(tones) >= len(han) - 1 and len(vowels) <= len(han) + 1, (characters, pinyin)
    anchor = github_anchor(entry["term"])
    headings = [github_anchor(one) for one in re.findall(r"(?m)^## (.+)$", PAGE)]
    assert headings.count(anchor) == 1 and f"](#{anchor})" in PAGE


@pytest.mark.parametrize("path", EVERYWHERE, ids=lambda p: str(p.relative_to(ROOT / "notebooks")))
def test_every_link_of_a_notebook_leads_to_something(path):
    for text in prose(path):
        for _, address in LINK.findall(text):
            if re.match(r"https?://|#", address):
                continue
            file, _, anchor = address.partition("#")
            to = (path.parent / file).resolve()
            assert to.is_file() and to.is_relative_to(ROOT), f"{path.name}: {address}"
            if anchor:
                headings = re.findall(r"(?m)^#+ (.+)$", to.read_text(encoding="utf-8"))
                assert anchor in map(github_anchor, headings), f"{path.name}: {address}"


TERMS = [
    glossary.Term("anomaly", "x.", (("异常", "yìcháng"),), ("anomaly",)),
    glossary.Term("anomaly map", "x.", (("异常图", "yìcháng tú"),), ("anomaly map",)),
    glossary.Term("ROC", "x.", (("曲线", "qūxiàn"),), ("ROC",)),
]


def test_the_longest_form_wins_and_only_running_text_counts():
    text = (
        "# An anomaly\n\n**9 minutes** anomaly\n\n`anomaly` $anomaly$ [an anomaly](x.md)\n\n"
        "<details>anomaly</details> Anomaly maps, the ROCK, **ROC** and an anomaly, an anomaly map."
    )
    linked, first = link({"00": ["no such word"], "01": [text]}, TERMS)
    address = "../docs/glossary.md"
    expected = text.replace("Anomaly maps", f"[Anomaly maps]({address}#anomaly-map)")
    expected = expected.replace("**ROC**", f"**[ROC]({address}#roc)**")
    expected = expected.replace("an anomaly, an", f"an [anomaly]({address}#anomaly), an")
    assert linked == {"00": ["no such word"], "01": [expected]}
    assert first == {"anomaly": "01", "anomaly map": "01", "ROC": "01"}
    assert link({"00": ["no such word"], "01": [expected]}, TERMS)[0] == linked  # again: the same


def test_an_earlier_use_takes_the_link_over():
    linked, _ = link({"00": ["An anomaly map, ROC and an anomaly."]}, TERMS)
    moved, first = link({"00": ["The ROC first."], "01": linked["00"]}, TERMS)
    assert moved["00"] == ["The [ROC](../docs/glossary.md#roc) first."]
    assert ", ROC and" in moved["01"][0] and first["ROC"] == "00"


def test_a_term_that_nothing_uses_is_an_error_that_names_it():
    with pytest.raises(ValueError, match="no running text of the series uses anomaly map"):
        link({"00": ["An anomaly and the ROC."]}, TERMS)


def test_an_entry_without_a_part_is_refused(tmp_path):
    table = tmp_path / "glossary.yml"
    table.write_text("- term: shot\n  say: A picture.\n", encoding="utf-8")
    with pytest.raises(ValueError, match="expected term, say, zh"):
        glossary.terms(table)
