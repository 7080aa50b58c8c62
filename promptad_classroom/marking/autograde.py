"""What nbgrader's autograde does with a lab: marks are made here, and no kernel of a learner runs.

nbgrader itself executes a notebook and believes the outputs of its graded cells. A kernel that ran
a learner's code can show any output. So this takes the place of `nbgrader.preprocessors.Execute`:
it reads the answers' source, marks each in a confined process, and writes the graded cell's
output. A lab's `nbgrader_config.py` names it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_output
from nbgrader import utils
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Float

from promptad_classroom.marking import worker
from promptad_classroom.marking.graded_cell import GradedCell
from promptad_classroom.marking.judge import mark
from promptad_tutorial.exercises import Verdict


class MarkAnswers(NbGraderPreprocessor):
    """Writes a graded cell's output: a line for a right answer, an error for any other."""

    seconds = Float(
        worker.SECONDS, help="The most that one call of an answer, and its cell, may take."
    ).tag(config=True)

    def preprocess(
        self, notebook: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Mark every graded cell by the code cells above it."""
        hidden = course_folders(resources)
        for i, cell in enumerate(notebook.cells):
            if utils.is_grade(cell):
                above = [c.source for c in notebook.cells[:i] if c.cell_type == "code"]
                verdict = self._verdict(cell.source, above, hidden)
                cell.outputs = [_output(verdict)]
        return notebook, resources

    def _verdict(self, source: str, above: list[str], hidden: list[Path]) -> Verdict:
        try:
            graded = GradedCell.read(source)
        except ValueError as error:
            return Verdict(False, f"{error}: mark it by hand")
        return mark(graded.question, above, graded.setup, hidden, self.seconds)


class RestoreMarkers(NbGraderPreprocessor):
    """Every graded cell once, whatever a learner has deleted, copied or renamed.

    nbgrader leaves a deleted graded cell without a mark, and stops at a doubled or unknown name,
    for the whole class. The last cell of a name keeps it; what is missing comes at the end.
    """

    def preprocess(
        self, notebook: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Put right the names alone: what the cells hold is restored by `OverwriteCells`."""
        place = resources["nbgrader"]
        with Gradebook(place["db_url"]) as book:
            released = book.find_notebook(place["notebook"], place["assignment"])
            known = {cell.name for cell in released.source_cells}
            worth = {cell.name: cell.max_score for cell in released.grade_cells}
        seen = set()
        for cell in reversed(notebook.cells):
            marker = cell.metadata.get("nbgrader")
            name = marker.get("grade_id") if isinstance(marker, dict) else None
            if name in known and name not in seen:
                seen.add(name)
            else:
                cell.metadata.pop("nbgrader", None)
        for name, points in worth.items():
            if name not in seen:
                cell = new_code_cell()
                cell.metadata["nbgrader"] = {
                    "cell_type": "code",
                    "grade": True,
                    "grade_id": name,
                    "locked": True,
                    "points": points,
                    "schema_version": 3,
                    "solution": False,
                    "task": False,
                }
                notebook.cells.append(cell)
        return notebook, resources


def course_folders(resources: dict[str, Any]) -> list[Path]:
    """Where the course keeps solutions, hand-ins and marks: none of an answer's business."""
    # course/autograded/<student>/<lab>
    folders = [Path(resources["metadata"]["path"]).resolve().parents[2]]
    kind, _, gradebook = resources["nbgrader"]["db_url"].partition(":///")
    if kind == "sqlite" and gradebook:
        folders.append(Path(gradebook).resolve().parent)
    return folders


def _output(verdict: Verdict) -> NotebookNode:
    if verdict.passed:
        return new_output("stream", name="stdout", text=f"{verdict!r}\n")
    said = repr(verdict)
    return new_output("error", ename="AssertionError", evalue=said, traceback=[said])
