"""The index of the series: every notebook's title, time and place. Headers and map use it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from promptad_tutorial.datasets import Dataset


@runtime_checkable
class Labelled(Protocol):
    """Anything that says which weights made a result: a backbone."""

    label: str


@dataclass(frozen=True)
class Chapter:
    """One notebook of the series."""

    file: str  # in notebooks/, without .ipynb
    title: str
    minutes: int  # for reading, running and the exercises
    seconds: int  # that all cells take in one go, measured on two cores, rounded up to fives
    needs: tuple[str, ...]  # what the reader should know
    shows: str  # in one line, for the map


CHAPTERS: tuple[Chapter, ...] = (
    Chapter(
        "00_start_here",
        "Start here: finding what nobody has shown you",
        20,
        10,
        ("Python",),
        "the problem in pictures, a first defect found, a check of your set-up",
    ),
    Chapter(
        "01_zero_shot_clip",
        "Zero-shot CLIP: defects from words alone",
        45,
        20,
        ("notebook 00", "a little PyTorch: tensors and matrix products"),
        "two towers, prompts as a detector, temperature, the prompt ensemble, ROC and AUROC",
    ),
    Chapter(
        "02_where_is_the_defect",
        "Where is the defect? Patches and V-V attention",
        45,
        25,
        ("notebook 01", "what self-attention is"),
        "plain patches against V-V patches, anomaly maps, pixel AUROC and AUPRO",
    ),
    Chapter(
        "03_coop_baseline",
        "CoOp: prompts as parameters, and why one class is not enough",
        40,
        25,
        ("notebook 02",),
        "learnt prompts, and what a loss without negatives cannot know",
    ),
    Chapter(
        "04_semantic_concatenation",
        "Semantic concatenation: negatives made of words",
        40,
        35,
        ("notebook 03",),
        "a normal prompt and an anomaly suffix make a negative prompt",
    ),
    Chapter(
        "05_explicit_anomaly_margin",
        "The explicit anomaly margin",
        40,
        45,
        ("notebook 04",),
        "keeping normal and anomaly prompts apart, and when that changes anything",
    ),
    Chapter(
        "06_promptad",
        "PromptAD: the whole method",
        45,
        50,
        ("notebook 05",),
        "visual memory, fusion, threshold, image and pixel level",
    ),
    Chapter(
        "07_honest_benchmark",
        "An honest benchmark",
        45,
        35,
        ("notebook 06",),
        "shots, seeds, spread, and the traps that flatter a result",
    ),
    Chapter(
        "08_your_own_product",
        "Your own product",
        45,
        35,
        ("notebook 06",),
        "your images, your words, real CLIP on a GPU",
    ),
)


@dataclass(frozen=True)
class Note:
    """A piece of markdown that a cell shows."""

    text: str

    def _repr_markdown_(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text


def chapter(file: str) -> Chapter:
    """The chapter in `file`. Raises ValueError for a name that is not in the series."""
    for entry in CHAPTERS:
        if entry.file == file:
            return entry
    raise ValueError(f"expected one of {', '.join(c.file for c in CHAPTERS)}; found {file!r}")


def header(file: str) -> str:
    """The first lines of a notebook: title, times and prerequisites. Tested against the file."""
    entry = chapter(file)
    needs = "; ".join(entry.needs)
    return (
        f"# {entry.title}\n\n**{entry.minutes} minutes** (all cells run in about {entry.seconds} s "
        f"on two cores) · **You need:** {needs}"
    )


def next_link(file: str) -> str:
    """The closing lines of a notebook: where to go on. Tested against the file."""
    following = CHAPTERS[CHAPTERS.index(chapter(file)) + 1 :]
    if not following:
        return "This was the last notebook of the series."
    entry = following[0]
    return f"[{entry.title}]({entry.file}.ipynb): {entry.shows}."


def series_map(chapters: Sequence[Chapter] = CHAPTERS) -> Note:
    """The map of the series as a table."""
    rows = ["| notebook | minutes | what it shows |", "|---|---:|---|"]
    for entry in chapters:
        rows.append(f"| [{entry.title}]({entry.file}.ipynb) | {entry.minutes} | {entry.shows} |")
    return Note("\n".join(rows))


def in_use(backbone: Labelled, dataset: Dataset) -> Note:
    """Which backbone and which data make the results below."""
    lines = ", ".join(dataset.product_lines)
    return Note(
        f"**Backbone:** {backbone.label}  \n"
        f"**Data:** {dataset.root.name} ({dataset.layout} layout), "
        f"{len(dataset.product_lines)} product lines: {lines}"
    )
