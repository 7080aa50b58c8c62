"""The built site, read as files: links, what pages load, figures, answers, the reference."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from bs4 import BeautifulSoup

from workshop.pages.site.api_pages import modules
from workshop.pages.site.build import ROOT, build
from workshop.pages.site.docstrings import as_rst
from workshop.pages.site.notebook_pages import notebook_page
from workshop.pages.site.sources import contents, gather

pytestmark = pytest.mark.slow

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LOADED = {"img": "src", "script": "src", "iframe": "src", "source": "src", "object": "data"}
STYLE_URL = re.compile(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)")
by_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@cache
def page(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@cache
def anchors(path: Path) -> frozenset[str]:
    return frozenset(tag["id"] for tag in page(path).find_all(id=True))


def pages(site: Path) -> list[Path]:
    found = sorted(site.rglob("*.html"))
    assert len(found) > 30
    return found


def stored(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def of_notebook(site: Path, path: Path) -> BeautifulSoup:
    return page(site / "notebooks" / f"{path.stem}.html")


def test_every_link_leads_to_a_page_or_file_and_to_a_place_in_it(site):
    dead = []
    for path in pages(site):
        for tag in page(path).find_all("a", href=True):
            parts = urlsplit(tag["href"])
            if parts.scheme in ("http", "https"):
                continue
            to = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            known = to.is_file() and to.is_relative_to(site)
            if known and parts.fragment and to.suffix == ".html":
                known = unquote(parts.fragment) in anchors(to)
            if not known or parts.scheme:
                dead.append(f"{path.relative_to(site)}: {tag['href']}")
    assert not dead, "\n".join(dead[:20])


def test_everything_that_a_page_loads_lies_in_the_folder(site):
    elsewhere = []
    for path in pages(site):
        tags = page(path).find_all([*LOADED, "link"])
        addresses = [tag.get(LOADED.get(tag.name, "href"), "") for tag in tags]
        addresses += [s.split()[0] for tag in tags if (s := tag.get("srcset"))]
        for address in filter(lambda one: one.rstrip("#"), addresses):
            parts = urlsplit(address)
            inside = not parts.scheme and not parts.netloc
            if not inside or not (path.parent / unquote(parts.path)).is_file():
                elsewhere.append(f"{path.relative_to(site)}: {address}")
    for path in site.rglob("*.css"):
        for found in STYLE_URL.findall(path.read_text(encoding="utf-8")):
            address = "".join(found)
            if not address.startswith(("data:", "#")):
                parts = urlsplit(address)
                if parts.netloc or not (path.parent / unquote(parts.path)).is_file():
                    elsewhere.append(f"{path.relative_to(site)}: {address}")
    assert not elsewhere, "\n".join(elsewhere[:20])


@by_notebook
def test_each_stored_picture_is_a_figure_with_alt_text_and_caption(site, path):
    alts = [
        " ".join(output.data["text/plain"].split())
        for cell in stored(path).cells
        for output in cell.get("outputs", ())
        if "image/png" in output.get("data", {})
    ]
    figures = of_notebook(site, path).find_all("figure", class_="picture")
    assert alts and [figure.img["alt"] for figure in figures] == alts
    for figure in figures:
        caption = figure.figcaption.get_text(" ", strip=True)
        assert caption.startswith("Figure ") and figure.img["alt"] in " ".join(caption.split())
        assert (site / "notebooks" / figure.img["src"]).stat().st_size > 1000


@by_notebook
def test_hints_and_solutions_are_folded_and_outputs_are_those_stored(site, path):
    source, shown = stored(path), of_notebook(site, path)
    folded = [
        one.get_text(" ") for one in shown.find_all("details") if not one.find_parent("figure")
    ]
    solutions = [c.source for c in source.cells if "solution" in c.metadata.get("tags", ())]
    for code in solutions:
        squeezed = "".join(code.split())
        holders = [text for text in folded if squeezed in "".join(text.split())]
        assert len(holders) == 1
    hints = sum(c.source.count("<details>") for c in source.cells if c.cell_type == "markdown")
    assert hints and len(folded) == hints + len(solutions)
    assert not any(one.has_attr("open") for one in shown.find_all("details"))
    everything = "".join(shown.get_text().split())
    streams = [o.text for c in source.cells for o in c.get("outputs", ()) if "text" in o]
    assert streams and all("".join(text.split()) in everything for text in streams)


@by_notebook
def test_code_links_to_the_reference_and_the_notebook_can_be_taken_along(site, path):
    shown = of_notebook(site, path)
    links = [tag["href"] for tag in shown.select(".highlight a[href]")]
    assert any("docs/api/" in link and "#promptad_tutorial." in link for link in links)
    taken = [tag["href"] for tag in shown.find_all("a", class_="download")]
    originals = [path, path.parent / "learner" / path.name]
    copies = [(site / "notebooks" / address).read_bytes() for address in taken]
    assert copies == [one.read_bytes() for one in originals]


def test_every_module_has_its_place_in_the_reference_and_shapes_can_be_read(site):
    shown = {p: page(p) for p in (site / "docs" / "api").glob("*.html")}
    listed = {name for names in modules(ROOT).values() for name in names}
    found = {id for path in shown for id in anchors(path)}
    missing = {f"module-{name}" for name in listed} - found
    assert not missing
    on_disk = {
        ".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for p in (ROOT / "promptad_tutorial").rglob("*.py")
        if p.stem not in ("__main__", "worker") and p.parent.name != "templates"
    }
    assert on_disk - listed == {"promptad_tutorial"}
    losses = page(site / "docs" / "api" / "learning.html")
    margin = losses.find(id="promptad_tutorial.learning.losses.explicit_anomaly_margin")
    signature = " ".join(margin.get_text(" ").split()).replace("'", '"')
    assert re.search(r'z ?: ?Float ?\[ ?Tensor ?, ?"\*b d" ?\]', signature), signature
    assert "mean relu(d(z, w_n) - d(z, w_a) + margin)" in margin.parent.get_text()


def test_a_term_says_what_it_is_when_it_is_pointed_at(site):
    opening = page(site / "notebooks" / "00_start_here.html")
    (link,) = {a["title"] for a in opening.select("a[href$='glossary.html#defect']")}
    assert link.endswith("缺陷") and link[0].isupper()
    bare = [
        a["href"] for a in opening.select("article a[href*='glossary.html#']") if not a["title"]
    ]
    assert not bare


def test_the_front_page_has_three_doors_and_numbers_its_notebooks(site):
    front = page(site / "index.html")
    doors = [a.get_text() for a in front.select(".doors li > p > a, .doors li > a")]
    assert doors == ["Learn", "Teach", "Use"]
    listed = [a.get_text() for a in front.select(".sidebar-tree a[href^='notebooks/0']")]
    assert [one.partition(" · ")[0] for one in listed] == [f"{i:02}" for i in range(9)]


def test_search_words_of_every_kind_of_page_are_in_the_index(site):
    text = (site / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))
    names = index["docnames"]
    for word, where in (
        ("harmon", "notebooks/06_promptad"),
        ("prototyp", "docs/glossary"),
        ("nbgrader", "docs/teaching/README"),
    ):
        hits = [index[kind].get(word, []) for kind in ("terms", "titleterms")]
        numbers = [n for hit in hits for n in (hit if isinstance(hit, list) else [hit])]
        assert where in {names[number] for number in numbers}


def test_no_cell_is_run_and_a_wrong_output_stays_as_it_is(tmp_path):
    cell = nbformat.v4.new_code_cell("raise SystemExit(1)", execution_count=1)
    cell.outputs = [nbformat.v4.new_output("stream", text="kept\n")]
    opening = nbformat.v4.new_markdown_cell("# A title\n\n**1 minutes**\n\nText.")
    made = notebook_page(
        nbformat.v4.new_notebook(cells=[opening, cell]), "notebooks/00_x.ipynb", tmp_path
    )
    assert made.cells[1].outputs == cell.outputs and made.cells[1].source == cell.source


def test_a_page_stands_once_in_the_contents_and_every_page_has_a_heading():
    pages = ["docs/glossary", "docs/new", "docs/teaching/lab1", "notebooks/00_start_here"]
    text = contents(pages)
    assert [text.count(f"\n{page}\n") for page in pages] == [1, 1, 1, 0]
    assert len(re.findall(r"\n00 · .* \(\d+ min\) <notebooks/00_start_here>\n", text)) == 1
    assert text.index("lab1") < text.index("docs/new")  # under "For teachers", before what is left
    with pytest.raises(ValueError, match="heading in CONTENTS for every page, found none for"):
        contents(["elsewhere/page"])


def test_a_link_to_nothing_stops_the_build_and_says_which(tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "glossary.yml").write_text("[]")
    (tmp_path / "README.md").write_text("# Title\n\nOpening.\n\n[gone](docs/gone.md)\n")
    with pytest.raises(ValueError, match=r"README.md links to docs/gone.md, .* not in the repos"):
        gather(tmp_path, tmp_path / "out")


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="holds something else"):
        build(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_docstring_keeps_its_signs_its_lists_and_its_blocks():
    text = "|| a * b_c ||^2 for `x`.\n\n``y``: one\nline.\n``z``: two.\n\n    kept  as it is"
    expected = (
        "\\|\\| a \\* b\\_c \\|\\|^2 for \\ ``x``\\ .\n\n- \\ ``y``\\ : one line.\n"
        "- \\ ``z``\\ : two.\n\n::\n\n    kept  as it is\n"
    )
    assert as_rst(text) == expected
