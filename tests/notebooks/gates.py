"""What a committed notebook must keep, as functions that return the broken rules in words.

nbval compares a notebook with its stored outputs, but it passes trivially when there is nothing
to compare. These gates make sure that there is, and that the outputs suit readers who do not run
the notebook. CONTRIBUTING.md states the rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from nbformat import NotebookNode
from nbval.plugin import find_comment_markers, find_metadata_tags

from workshop.pages.execute_notebooks import clean

Gate = Callable[[NotebookNode], list[str]]

MIN_COMPARED_SHARE = 0.85
MIN_ALT_LENGTH = 40
OPENING = "What you will be able to do"
CLOSING = ("Take-aways", "Caveats", "Next")
N_TAKE_AWAYS = 3

IMAGE_TYPES = ("image/png", "image/jpeg", "image/svg+xml")
# nbval compares neither raster images nor widget views, whose ids are random.
NOT_COMPARED = ("image/png", "image/jpeg", "application/vnd.jupyter.widget-view+json")

ROOT = Path(__file__).resolve().parents[2]
# Where figures may be quoted from: what others published.
SOURCES = (ROOT / "docs" / "method.md", ROOT / "promptad_tutorial" / "benchmark" / "published.csv")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
# A number that reads as a result: with decimals, or with a unit.
_FIGURE = re.compile(
    r"(?<![\w.$/-])(\d+\.\d+"
    r"|\d+(?=\s?(?:%|points?\b|per\s?cent|px\b|seconds?\b|m?s\b|[kMG]B\b|times\b)))(?![\w/])"
)
_NO_PROSE = re.compile(  # code, formulas, addresses of links, hints, licences, header
    r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|(?<=\])\([^)]*\)|<details>.*?</details>"
    r"|CC BY[-A-Z]* \d\.\d|95 % (?:interval|confidence)"
    r"|all cells run in about \d+ s",  # in the header, which test_series compares with the index
    re.DOTALL,
)

_REASON = re.compile(r"^#\s*reason: \S.{9,}$", re.MULTILINE)
_PERSONAL = {
    "an absolute path": re.compile(
        r"(?<![\w.])/(?:Users|content|home|media|mnt|opt|private|root|srv|tmp|usr|var|work"
        r"|workspaces?)/[\w.]|\b[A-Z]:\\|site-packages|ipykernel_\d"
    ),
    "a date and time": re.compile(r"\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d|\b\d{1,2}:\d\d:\d\d\b"),
    "a memory address": re.compile(r"\bat 0x[0-9a-fA-F]{6,}"),
}


def code_cells(notebook: NotebookNode) -> Iterator[tuple[str, NotebookNode]]:
    """Yield each code cell with a label that finds it: its position and its first line."""
    for position, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            first = cell.source.strip().partition("\n")[0]
            yield f"cell {position} ({first[:50]!r})", cell


def texts(output: NotebookNode) -> Iterator[str]:
    """Yield every text of an output that a reader sees and that nbval compares."""
    if "text" in output:
        yield output.text
    for mime_type, data in output.get("data", {}).items():
        if mime_type not in NOT_COMPARED:
            yield data if isinstance(data, str) else str(data)


def execution_problems(notebook: NotebookNode) -> list[str]:
    """Every code cell has run, in order from 1, in one go, and none raised an error."""
    problems = []
    for expected, (label, cell) in enumerate(code_cells(notebook), start=1):
        if cell.execution_count != expected:
            problems.append(
                f"{label}: expected execution count {expected}, found {cell.execution_count}; "
                "run `make notebooks`"
            )
        if any(output.output_type == "error" for output in cell.outputs):
            problems.append(f"{label}: its output is an error")
    return problems or ([] if any(code_cells(notebook)) else ["there is no code cell"])


def clean_problems(notebook: NotebookNode) -> list[str]:
    """Nothing in the file differs between two runs: no widget state, versions or timings."""
    cleaned = clean(notebook)
    problems = []
    if "widgets" in notebook.metadata:
        problems.append("metadata.widgets is saved, which GitHub may refuse to show")
    if notebook.metadata != cleaned.metadata or notebook.cells != cleaned.cells:
        problems.append("expected the metadata that `make notebooks` leaves, found more")
    return problems


def is_compared(cell: NotebookNode) -> bool:
    """Whether strict nbval compares some text of this cell's outputs."""
    options = dict(find_metadata_tags(cell.metadata)) | dict(find_comment_markers(cell.source))
    if options.get("skip") or not options.get("check", True):
        return False
    return any(text.strip() for output in cell.outputs for text in texts(output))


def comparison_problems(notebook: NotebookNode) -> list[str]:
    """At least 85% of the cells with output are compared, and the others say why not."""
    problems = []
    with_output = compared = 0
    for label, cell in code_cells(notebook):
        options = dict(find_metadata_tags(cell.metadata)) | dict(find_comment_markers(cell.source))
        ignored = bool(options.get("skip")) or not options.get("check", True)
        if ignored and not _REASON.search(cell.source):
            problems.append(f"{label}: is ignored by nbval without a `# reason: ...` comment")
        with_output += bool(cell.outputs) or ignored
        compared += is_compared(cell)
    if with_output == 0:
        problems.append("no cell has an output, so there is nothing to compare")
    elif compared < MIN_COMPARED_SHARE * with_output:
        problems.append(
            f"expected {MIN_COMPARED_SHARE:.0%} of the cells with output to be compared, "
            f"found {compared} of {with_output}"
        )
    return problems


def personal_problems(notebook: NotebookNode) -> list[str]:
    """No output shows a path, a clock time or an address of the machine that made it."""
    here = {str(Path.home()), str(Path(__file__).resolve().parents[2])} - {"/"}
    problems = []
    for label, cell in code_cells(notebook):
        for text in (text for output in cell.outputs for text in texts(output)):
            for what, pattern in _PERSONAL.items():
                if found := pattern.search(text):
                    around = text[max(found.start() - 20, 0) : found.end() + 20]
                    problems.append(f"{label}: shows {what}: {around!r}")
            problems += [f"{label}: shows {path}" for path in here if path in text]
    return problems


def figure_problems(notebook: NotebookNode) -> list[str]:
    """Every picture carries a description in words, which nbval compares in its place."""
    problems = []
    for label, cell in code_cells(notebook):
        for data in (output.get("data", {}) for output in cell.outputs):
            if not any(mime_type in data for mime_type in IMAGE_TYPES):
                continue
            alt = str(data.get("text/plain", "")).strip()
            if alt.startswith("<") or len(alt) < MIN_ALT_LENGTH:
                problems.append(
                    f"{label}: expected a picture with a text/plain description of "
                    f"{MIN_ALT_LENGTH} characters or more, found {alt!r}"
                )
    return problems


def prose_figure_problems(notebook: NotebookNode) -> list[str]:
    """No figure in the text that no cell computed and no source of published figures has."""
    known = {number for path in SOURCES for number in _NUMBER.findall(path.read_text())}
    for _, cell in code_cells(notebook):
        for text in (cell.source, *(t for output in cell.outputs for t in texts(output))):
            known.update(_NUMBER.findall(text))
        for output in cell.outputs:  # a widget's status stands in text/plain beside its picture
            known.update(_NUMBER.findall(str(output.get("data", {}).get("text/plain", ""))))
    problems = []
    for position, cell in enumerate(notebook.cells):
        if cell.cell_type != "markdown":
            continue
        prose = _NO_PROSE.sub("", cell.source)
        for found in _FIGURE.finditer(prose):
            if found[1] not in known:
                around = prose[max(found.start() - 30, 0) : found.end() + 20]
                problems.append(
                    f"cell {position}: no cell computed {found[1]} in {around!r}; print it instead"
                )
    return problems


def semicolon_problems(notebook: NotebookNode) -> list[str]:
    """No cell ends with `;`: it hides a result from the reader and confuses nbval."""
    problems = []
    for label, cell in code_cells(notebook):
        lines = [line.partition("  #")[0].strip() for line in cell.source.splitlines()]
        code = [line for line in lines if line and not line.startswith("#")]
        if code and code[-1].endswith(";"):
            problems.append(f"{label}: ends with `;`; assign the result instead")
    return problems


def section_problems(notebook: NotebookNode) -> list[str]:
    """The notebook opens and closes with the sections that CONTRIBUTING.md lists."""
    cells = notebook.cells
    code = [index for index, cell in enumerate(cells) if cell.cell_type == "code"]
    if not code:
        return ["there is no code cell"]
    opening = "\n".join(cell.source for cell in cells[: code[0]])
    closing = "\n".join(cell.source for cell in cells[code[-1] + 1 :])
    problems = []
    if not opening.startswith("# "):
        problems.append("expected the first cell to be a title, `# ...`")
    if f"## {OPENING}" not in opening.splitlines():
        problems.append(f"expected `## {OPENING}` before the first code cell")
    if not re.search(r"\d+\s+min", opening):
        problems.append("expected the time it takes, as in `10 minutes`, before the first code")
    parts = re.split(r"^## (.+?)\s*$", closing, flags=re.MULTILINE)[1:]
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    if [title for title in sections if title in CLOSING] != list(CLOSING):
        wanted = ", ".join(f"`## {title}`" for title in CLOSING)
        problems.append(f"expected {wanted}, in this order, after the last code cell")
    items = re.findall(r"^(?:[-*]|\d+\.) ", sections.get(CLOSING[0], ""), flags=re.MULTILINE)
    if len(items) != N_TAKE_AWAYS:
        problems.append(f"expected {N_TAKE_AWAYS} take-aways as a list, found {len(items)}")
    return problems


GATES: tuple[Gate, ...] = (
    execution_problems,
    clean_problems,
    comparison_problems,
    personal_problems,
    figure_problems,
    prose_figure_problems,
    semicolon_problems,
    section_problems,
)
