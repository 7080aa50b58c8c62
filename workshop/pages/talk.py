"""The opening talk: read from docs/teaching/slides.yaml, filled from the notebooks' stored outputs.

No figure is typed: pictures with their descriptions, and the numbers in the text, are what the
notebooks show. What is not found there is an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import nbformat
import yaml
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "docs" / "teaching" / "slides.yaml"
TEXTS = ("text", "notes")
LAYOUTS = ("beside", "above")
_BLANK = re.compile(r"<<(\w+)>>")


@dataclass(frozen=True)
class Figure:
    """A picture of a notebook."""

    notebook: str  # its file name
    alt: str  # what it shows, in words
    png: str  # base64


@dataclass(frozen=True)
class Slide:
    """One idea."""

    title: str
    minutes: int
    text: str  # markdown
    notes: str  # what the speaker says
    figure: Figure | None = None
    layout: str = "beside"  # the text "beside" the figure, or "above" it


def read_talk(source: Path = SOURCE, notebooks: Path = ROOT / "notebooks") -> tuple[Slide, ...]:
    """Every slide, filled. Raises ValueError, naming the slide, for what no notebook shows."""
    slides = []
    for number, entry in enumerate(yaml.safe_load(source.read_text(encoding="utf-8")), start=1):
        try:
            slides.append(_slide(entry, notebooks))
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{source.name}, slide {number}: {error}") from error
    return tuple(slides)


def _slide(entry: Mapping[str, Any], notebooks: Path) -> Slide:
    facts = {name: _fact(notebooks, *where) for name, where in entry.get("facts", {}).items()}
    text, notes = (_BLANK.sub(lambda m: facts[m[1]], entry[key].strip()) for key in TEXTS)
    if unused := {n for n in facts if f"<<{n}>>" not in entry["text"] + entry["notes"]}:
        raise ValueError(f"expected every fact in the text, found {', '.join(unused)} nowhere")
    shown = entry.get("figure")
    figure = _figure(notebooks, *shown) if shown else None
    layout = entry.get("layout", LAYOUTS[0])
    if layout not in LAYOUTS:
        raise ValueError(f"expected a layout of {', '.join(LAYOUTS)}; found {layout!r}")
    return Slide(entry["title"], entry["minutes"], text, notes, figure, layout)


@lru_cache
def _notebook(notebooks: Path, number: str) -> tuple[str, NotebookNode]:
    (path,) = notebooks.glob(f"{number}_*.ipynb")
    return path.name, nbformat.read(path, as_version=4)


def _outputs(notebook: NotebookNode) -> list[Mapping[str, str]]:
    """The stored outputs by kind of content; what was printed counts as text/plain."""
    found = []
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            found.append(output.get("data") or {"text/plain": output.get("text", "")})
    return found


def _figure(notebooks: Path, number: str, beginning: str) -> Figure:
    name, notebook = _notebook(notebooks, number)
    pictures = [data for data in _outputs(notebook) if "image/png" in data]
    for data in pictures:
        alt = " ".join(data["text/plain"].split())
        if alt.startswith(beginning):
            return Figure(name, alt, data["image/png"].strip())
    raise ValueError(
        f"expected a picture in {name} whose description begins with {beginning!r}, found "
        f"{len(pictures)} others"
    )


def _fact(notebooks: Path, number: str, pattern: str) -> str:
    name, notebook = _notebook(notebooks, number)
    texts = (str(data.get("text/plain", "")) for data in _outputs(notebook))
    found = {match[1] for text in texts for match in re.finditer(pattern, text)}
    if len(found) != 1:
        told = f"{len(found)} different ones" if found else "none"
        raise ValueError(
            f"expected one answer to {pattern!r} in the outputs of {name}, found {told}"
        )
    return found.pop()
