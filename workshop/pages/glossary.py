"""The terms of the series: the table docs/glossary.yml, and the page that is made from it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from promptad_tutorial.exercises.series import chapter

DOCS = Path(__file__).resolve().parents[2] / "docs"
TABLE, PAGE = DOCS / "glossary.yml", DOCS / "glossary.md"
LANGUAGE = "zh-Hans"
HEADER = """\
<!-- Made by `python -m workshop.pages.link_glossary` from docs/glossary.yml: edit that. -->
# Glossary: English and Chinese

Each term of the series, what it means here, and its Chinese (simplified, with pinyin) as the \
literature of the field has it; the usual form stands first. The notebooks link each term where \
they first use it.

| English | 中文 | pīnyīn |
|---|---|---|
"""


@dataclass(frozen=True)
class Term:
    """One entry."""

    name: str
    say: str  # what it means here, in one sentence
    chinese: tuple[tuple[str, str], ...]  # characters and pinyin, the usual form first
    forms: tuple[str, ...]  # how the text may name it, its name first

    @property
    def anchor(self) -> str:
        """The address of its heading on the page, as GitHub and MyST make it."""
        return re.sub(r"[^\w\- ]", "", self.name.lower()).replace(" ", "-")


def terms(path: Path = TABLE) -> list[Term]:
    """The table, in the order of the alphabet. Raises ValueError for an entry that lacks a part."""
    found = []
    for entry in yaml.safe_load(path.read_text(encoding="utf-8")):
        missing = {"term", "say", "zh"} - {*entry}
        if missing or {*entry} - {"term", "say", "zh", "forms"}:
            raise ValueError(f"expected term, say, zh and perhaps forms in {path.name}: {entry}")
        chinese = tuple((characters, pinyin) for characters, pinyin in entry["zh"])
        forms = (entry["term"], *entry.get("forms", ()))
        found.append(Term(entry["term"], entry["say"], chinese, forms))
    names = [term.anchor for term in found]
    if len({*names}) < len(names):
        raise ValueError(f"expected each term once in {path.name}: {sorted(names)}")
    return sorted(found, key=lambda term: term.name.lower())


def page(entries: Sequence[Term], first: Mapping[str, str]) -> str:
    """The page. `first`: name of a term -> the notebook (without .ipynb) that uses it first."""
    rows, parts = [], []
    for term in entries:
        characters = "；".join(one for one, _ in term.chinese)  # noqa: RUF001
        pinyin = "; ".join(one for _, one in term.chinese)
        marked = f'<span lang="{LANGUAGE}">{characters}</span>'
        rows.append(f"| [{term.name}](#{term.anchor}) | {marked} | {pinyin} |")
        both = ", ".join(
            f'**<span lang="{LANGUAGE}">{one}</span>** (*{spoken}*)' for one, spoken in term.chinese
        )
        file = first[term.name]
        where = f"First in notebook {file[:2]}, [{chapter(file).title}](../notebooks/{file}.ipynb)."
        # JupyterLab's own anchors keep capitals, GitHub's do not: this one serves both
        mark = "" if term.name == term.name.lower() else f'<a id="{term.anchor}"></a>\n\n'
        parts.append(f"{mark}## {term.name}\n\n{both}\n\n{term.say} {where}\n")
    return HEADER + "\n".join(rows) + "\n\n" + "\n".join(parts)
