"""Make the slides of the opening talk: a notebook, and pages that need no network.

    python -m workshop.pages.make_slides
                                              docs/teaching/slides.ipynb and build/slides
    python -m workshop.pages.make_slides --notebook-only   the notebook alone, which is committed

Open build/slides/index.html in a browser; the key S opens the speaker's window with the notes.
"""

from __future__ import annotations

import argparse
import base64
import html
import re
import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import nbformat
import numpy as np
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook
from PIL import Image

from promptad_tutorial.figures.illustration import caption_height
from promptad_tutorial.files.writing import write_whole
from workshop.pages.talk import ROOT, Slide, read_talk

NOTEBOOK = ROOT / "docs" / "teaching" / "slides.ipynb"
PAGES = ROOT / "build" / "slides"
TEMPLATES = Path(__file__).resolve().parent / "slide_templates"
REVEAL = "reveal.js"
REVEAL_PARTS = ("dist/reveal.css", "dist/reset.css", "dist/reveal.js", "dist/theme/white.css",
                "dist/theme/fonts", "plugin/notes/notes.js", "LICENSE")  # fmt: skip
NEARLY_WHITE = 250  # of 255
NEAR = 8  # pixels, less than a line of text
SIZE = (1280, 720)  # pixels of a slide; a browser scales it to the screen
_ALT = re.compile(r"!\[(.*)\]\(attachment:")
_DISPLAY = re.compile(r"\$\$(.+?)\$\$", re.DOTALL)


def talk_notebook(talk: Sequence[Slide]) -> NotebookNode:
    """The talk as a notebook: for each slide a cell, and one with the speaker's notes."""
    cells, begun = [], 0
    for number, slide in enumerate(talk, start=1):
        cell = new_markdown_cell(_page(slide, number == 1), id=f"slide-{number}")
        cell.metadata["slideshow"] = {"slide_type": "slide"}
        if slide.figure:
            cell.metadata["tags"] = [slide.layout]
            cell["attachments"] = {"figure.png": {"image/png": slide.figure.png}}
        when = f"**Minute {begun} to {begun + slide.minutes}.** " if slide.minutes else ""
        notes = new_markdown_cell(f"{when}{slide.notes}", id=f"notes-{number}")
        notes.metadata["slideshow"] = {"slide_type": "notes"}
        cells += [cell, notes]
        begun += slide.minutes
    notebook = new_notebook(cells=cells)
    notebook.metadata = nbformat.from_dict(
        {"title": talk[0].title, "language_info": {"name": "python"}}
    )
    return notebook


def _page(slide: Slide, first: bool) -> str:
    heading = f"{'#' if first else '##'} {slide.title}"
    if slide.figure is None:
        return f"{heading}\n\n{slide.text}"
    alt = re.sub(r"([\[\]\\])", r"\\\1", html.escape(slide.figure.alt, quote=False))
    source = slide.figure.notebook.partition("_")[0]
    return (
        f"{heading}\n\n{slide.text}\n\n![{alt}](attachment:figure.png)\n\nFrom notebook {source}."
    )


def for_pages(notebook: NotebookNode) -> NotebookNode:
    """A copy to be exported: formulas as MathML, which a browser draws by itself, without any
    script, and pictures without the small print of their captions.
    """
    from latex2mathml.converter import convert

    copy = nbformat.from_dict(notebook)
    for cell in copy.cells:
        for picture in cell.get("attachments", {}).values():
            alt = _ALT.search(cell.source)
            assert alt is not None
            words = html.unescape(re.sub(r"\\(.)", r"\1", alt[1]))
            picture["image/png"] = without_caption(picture["image/png"], words)
        cell.source = _DISPLAY.sub(
            lambda found: (
                f'<div class="formula">{convert(found[1].strip(), display="block")}</div>'
            ),
            cell.source,
        )
    return copy


def without_caption(png: str, alt: str) -> str:
    """The picture (base64) without the small print below it, which is too small for a room.

    An `Illustration` draws its caption under the axes in a strip of known height. Where no empty
    row is near its upper edge the caption was another text, and the picture stays whole.
    """
    drawn = Image.open(BytesIO(base64.b64decode(png))).convert("RGB")
    rows = np.asarray(drawn).min(axis=(1, 2)) >= NEARLY_WHITE  # a small palette has no pure white
    edge = drawn.height - caption_height(alt, drawn.width)
    empty = [row for row in np.flatnonzero(rows) if abs(row - edge) <= NEAR]
    if not empty:
        return png
    top = int(min(empty, key=lambda row: abs(row - edge)))
    file = BytesIO()
    drawn.crop((0, 0, drawn.width, top)).save(file, format="png")
    return base64.b64encode(file.getvalue()).decode("ascii")


def export(notebook: NotebookNode, folder: Path) -> Path:
    """Write the pages, with reveal.js beside them; returns index.html.

    Raises ImportError where reveal.js, which the package sphinx-revealjs brings, is missing.
    """
    from nbconvert.exporters import SlidesExporter

    exporter = SlidesExporter(
        extra_template_basedirs=[str(TEMPLATES)],
        template_name="offline",
        reveal_url_prefix=REVEAL,
        reveal_theme="white",
        reveal_number="c/t",
        reveal_transition="none",
        reveal_width=str(SIZE[0]),
        reveal_height=str(SIZE[1]),
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
        embed_images=True,
    )
    page = exporter.from_notebook_node(for_pages(notebook))[0]
    folder.mkdir(parents=True, exist_ok=True)
    for name in REVEAL_PARTS:
        here, there = _reveal_files() / name, folder / REVEAL / name
        there.parent.mkdir(parents=True, exist_ok=True)
        if here.is_dir():
            shutil.copytree(here, there, dirs_exist_ok=True)
        else:
            shutil.copyfile(here, there)
    return write_whole(folder / "index.html", page)


def _reveal_files() -> Path:
    found = find_spec("sphinx_revealjs")
    if found is None or found.origin is None:
        raise ImportError(
            "expected reveal.js from the package sphinx-revealjs, found none: "
            "pip install -e '.[test]'"
        )
    return Path(found.origin).parent / "_static" / "revealjs"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the notebook and, unless told otherwise, the pages."""
    parser = argparse.ArgumentParser(
        prog="python -m workshop.pages.make_slides",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=PAGES, help="the folder of the pages")
    parser.add_argument("--notebook-only", action="store_true", help="write no pages")
    options = parser.parse_args(arguments)
    talk = read_talk()
    notebook = talk_notebook(talk)
    write_whole(NOTEBOOK, nbformat.writes(notebook) + "\n")
    minutes = sum(slide.minutes for slide in talk)
    print(f"{len(talk)} slides, {minutes} minutes: {NOTEBOOK.relative_to(ROOT)}")
    if not options.notebook_only:
        print(f"open {export(notebook, options.out)} in a browser; S shows the notes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
