"""Each gate passes a notebook that keeps every rule, and catches one fault at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.notebooks.gates import (
    GATES,
    Gate,
    clean_problems,
    comparison_problems,
    execution_problems,
    figure_problems,
    personal_problems,
    prose_figure_problems,
    section_problems,
    semicolon_problems,
)
from workshop.pages.execute_notebooks import WIDGET_VIEW, clean

ROOT = Path(__file__).resolve().parents[2]
ALT = "Heat map of one screw: the highest score, 0.91, is on the thread."


def stream(text: str) -> NotebookNode:
    return new_output("stream", name="stdout", text=text)


def picture(alt: str | None = ALT) -> NotebookNode:
    data = {"image/png": "aGVsbG8="} | ({} if alt is None else {"text/plain": alt})
    return new_output("display_data", data=data)


def good_notebook() -> NotebookNode:
    opening = "# A notebook\n\n## What you will be able to do\n\nRead scores. Takes 10 minutes."
    closing = "## Take-aways\n\n- a\n- b\n- c\n\n## Caveats\n\nNone.\n\n## Next\n\nEnd."
    cells = [
        new_markdown_cell(opening),
        new_code_cell("score = 0.91", execution_count=1),
        new_code_cell("print(score)", execution_count=2, outputs=[stream("0.91\n")]),
        new_code_cell("show(heat_map)", execution_count=3, outputs=[picture()]),
        new_markdown_cell(closing),
    ]
    return clean(new_notebook(cells=cells))


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.__name__)
def test_gate_passes_good_notebook(gate: Gate) -> None:
    assert gate(good_notebook()) == []


def stripped(notebook: NotebookNode) -> None:
    for cell in notebook.cells[1:4]:
        cell.outputs, cell.execution_count = [], None


def run_twice(notebook: NotebookNode) -> None:
    for cell in notebook.cells[1:4]:
        cell.execution_count += 3


def error_output(notebook: NotebookNode) -> None:
    notebook.cells[2].outputs = [new_output("error", ename="E", evalue="", traceback=[])]


def no_code(notebook: NotebookNode) -> None:
    notebook.cells = [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def widget_state(notebook: NotebookNode) -> None:
    notebook.metadata["widgets"] = {}


def widget_view(notebook: NotebookNode) -> None:
    notebook.cells[3].outputs[0].data[WIDGET_VIEW] = {"model_id": "1"}


def kernel_version(notebook: NotebookNode) -> None:
    notebook.metadata.language_info["version"] = "3.11.7"


def timings(notebook: NotebookNode) -> None:
    notebook.cells[1].metadata["execution"] = {"iopub.execute_input": "now"}


def ignored_cell(notebook: NotebookNode) -> None:
    notebook.cells[2].source = "# NBVAL_IGNORE_OUTPUT\n# reason: the memory in use\nprint(score)"


def ignored_without_reason(notebook: NotebookNode) -> None:
    notebook.cells[1].source = "# NBVAL_SKIP\nscore = 0.91"


def ignored_by_tag(notebook: NotebookNode) -> None:
    notebook.cells[2].metadata["tags"] = ["nbval-ignore-output"]


def picture_without_words(notebook: NotebookNode) -> None:
    notebook.cells[3].outputs = [picture(alt=None)]


def default_figure_text(notebook: NotebookNode) -> None:
    notebook.cells[3].outputs = [picture("<Figure size 640x480 with 1 Axes>")]


def short_figure_text(notebook: NotebookNode) -> None:
    notebook.cells[3].outputs = [picture("A heat map.")]


def prints(text: str) -> Callable[[NotebookNode], None]:
    def change(notebook: NotebookNode) -> None:
        notebook.cells[2].outputs = [stream(text)]

    change.__name__ = f"prints_{text[:24]}"
    return change


def path_in_alt(notebook: NotebookNode) -> None:
    notebook.cells[3].outputs = [picture(f"{ALT} Saved as /tmp/map.png")]


def semicolon(notebook: NotebookNode) -> None:
    notebook.cells[3].source = "show(heat_map);  # quiet\n# the end\n"


def replaces(index: int, old: str, new: str) -> Callable[[NotebookNode], None]:
    def change(notebook: NotebookNode) -> None:
        assert old in notebook.cells[index].source
        notebook.cells[index].source = notebook.cells[index].source.replace(old, new)

    change.__name__ = f"replaces_{old}"
    return change


def adds(text: str) -> Callable[[NotebookNode], None]:
    def change(notebook: NotebookNode) -> None:
        notebook.cells.insert(1, new_markdown_cell(text))

    change.__name__ = f"adds_{text}"
    return change


def code_after_closing(notebook: NotebookNode) -> None:
    notebook.cells.append(new_code_cell("1 + 1", execution_count=4))


FAULTS: list[tuple[Gate, Callable[[NotebookNode], None], str]] = [
    (execution_problems, stripped, "expected execution count 1, found None"),
    (execution_problems, run_twice, "expected execution count 1, found 4"),
    (execution_problems, error_output, "is an error"),
    (execution_problems, no_code, "no code cell"),
    (clean_problems, widget_state, "metadata.widgets"),
    (clean_problems, widget_view, "found more"),
    (clean_problems, kernel_version, "found more"),
    (clean_problems, timings, "found more"),
    (comparison_problems, stripped, "nothing to compare"),
    (comparison_problems, ignored_cell, "found 1 of 2"),
    (comparison_problems, ignored_by_tag, "without a `# reason"),
    (comparison_problems, ignored_without_reason, "without a `# reason"),
    (comparison_problems, picture_without_words, "found 1 of 2"),
    (comparison_problems, prints("\n"), "found 1 of 2"),
    (figure_problems, picture_without_words, "found ''"),
    (figure_problems, default_figure_text, "found '<Figure size"),
    (figure_problems, short_figure_text, "found 'A heat map.'"),
    (personal_problems, prints("/home/ada/x.png"), "an absolute path"),
    (personal_problems, prints("file:///Users/ada/x"), "an absolute path"),
    (personal_problems, prints(r"C:\Users\ada"), "an absolute path"),
    (personal_problems, prints("lib/site-packages/torch"), "an absolute path"),
    (personal_problems, prints(f"in {ROOT}"), str(ROOT)),
    (personal_problems, path_in_alt, "an absolute path"),
    (personal_problems, prints("2026-03-01 12:30"), "a date and time"),
    (personal_problems, prints("done at 12:30:05"), "a date and time"),
    (personal_problems, prints("<Model object at 0x7f8a12345678>"), "a memory address"),
    (prose_figure_problems, adds("The AUROC is 12.75 here."), "no cell computed 12.75"),
    (prose_figure_problems, adds("It gains 83 points."), "no cell computed 83"),
    (prose_figure_problems, adds("It gains 83 %."), "no cell computed 83"),
    (semicolon_problems, semicolon, "ends with `;`"),
    (section_problems, replaces(0, "# A notebook", "A notebook"), "a title"),
    (section_problems, replaces(0, "## What", "### What"), "What you will be able to do"),
    (section_problems, replaces(0, "10 minutes", "long"), "the time it takes"),
    (section_problems, replaces(4, "- c\n", ""), "found 2"),
    (section_problems, replaces(4, "## Caveats", "## Limits"), "`## Caveats`"),
    (section_problems, replaces(4, "## Next", "Next"), "`## Next`"),
    (section_problems, code_after_closing, "after the last code cell"),
]


@pytest.mark.parametrize(
    ("gate", "fault", "message"),
    FAULTS,
    ids=[f"{gate.__name__}-{fault.__name__}" for gate, fault, _ in FAULTS],
)
def test_gate_catches_fault(
    gate: Gate, fault: Callable[[NotebookNode], None], message: str
) -> None:
    notebook = good_notebook()
    fault(notebook)
    assert message in "\n".join(gate(notebook))


@pytest.mark.parametrize(
    "text", ["a/home/b", "./tmp/x", "</var>", "notebooks/data/1.png", "15:42", "ratio 3/4"]
)
def test_ordinary_text_is_not_personal(text: str) -> None:
    notebook = good_notebook()
    prints(text)(notebook)
    assert personal_problems(notebook) == []


@pytest.mark.parametrize(
    "text",
    [
        "The score is 0.91.",  # printed by a cell
        "AnomalyDINO has 96.6 there.",  # published
        "There are 83 notebooks in 12 folders.",  # counts, no results
        "With $t = 12.75$ and `margin=12.75` see [this](figure-12.75.html).",
        "A 95 % interval, CC BY 4.0.",
    ],
)
def test_computed_and_published_figures_may_stand_in_the_text(text: str) -> None:
    notebook = good_notebook()
    adds(text)(notebook)
    assert prose_figure_problems(notebook) == []
