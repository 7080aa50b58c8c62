"""Make the three labs as an nbgrader course, from the notebooks in notebooks/.

    python -m workshop.pages.make_labs --out course  # in course/: nbgrader generate_assignment ...

    course/nbgrader_config.py
    course/source/<lab>/<notebook>.ipynb

An answer's cell holds the stub, then the solution, which nbgrader takes out. Below it is the check
that tells the learner what to look at, and below that a locked cell with the points. In class it
marks the answer in a process of its own; when nbgrader marks, no code of the learner runs in the
process that decides (`promptad_classroom.marking.autograde`). The other code cells are locked too:
nbgrader restores them.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from promptad_classroom.marking.cells import Question, needed_source
from promptad_classroom.marking.graded_cell import GradedCell
from promptad_tutorial.files.writing import write_whole
from workshop.pages.make_learner_notebooks import NOTEBOOKS, learner_notebook, split_check

LABS: Mapping[str, tuple[str, ...]] = {  # 90 minutes each -> the numbers of its notebooks
    "lab1-words-and-maps": ("00", "01", "02"),
    "lab2-the-ladder": ("03", "04", "05", "06"),
    "lab3-honest-benchmark": ("07", "08"),
}
CONFIG = """\
# nbgrader reads this file when it is started in this folder.
c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "promptad"
# The stub stands above the solution already, so only a line is left in the solution's place.
c.ClearSolutions.code_stub = {"python": "# Your answer goes above this line."}
# Marks are made outside of the learner's kernel, which could show any output: an answer's source
# is read, and runs in a confined process. Without these lines nbgrader runs the notebooks and
# believes their outputs.
c.Autograde.sanitize_preprocessors = [
    "nbgrader.preprocessors.ClearOutput",
    "promptad_classroom.marking.autograde.RestoreMarkers",
    "nbgrader.preprocessors.DeduplicateIds",
    "nbgrader.preprocessors.OverwriteKernelspec",
    "nbgrader.preprocessors.OverwriteCells",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.Autograde.autograde_preprocessors = [
    "promptad_classroom.marking.autograde.MarkAnswers",  # in place of Execute
    "nbgrader.preprocessors.IgnorePattern",
    "nbconvert.preprocessors.ClearMetadataPreprocessor",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
# zip_collect takes files named as ada_00_start_here.ipynb, as learning platforms can name them.
c.FileNameCollectorPlugin.named_regexp = (
    r".*/(?P<student_id>[^/]+?)_(?P<file_id>\\d\\d_[a-z_]+)"
)
c.MarkAnswers.seconds = 60  # for one call of an answer, on a slow or busy machine
c.ExecutePreprocessor.timeout = 600  # seconds for one cell, where nbgrader validates a notebook
"""


def lab_notebook(source: NotebookNode) -> NotebookNode:
    """The notebook of a lab, with solutions, for nbgrader's source folder."""
    solutions = {}
    for cell in source.cells:
        if "solution" in cell.metadata.get("tags", ()):
            code, _, name = split_check(cell.source)
            solutions[name] = code.removeprefix("# Solution\n")
    made = learner_notebook(source)
    for cell in made.cells:
        if cell.cell_type == "markdown":  # the course is elsewhere, without the repository
            cell.source = re.sub(r"\[([^]]*)\]\(\.\./[^)]*\)", r"\1", cell.source)
    plain = [c.source for c in made.cells if c.cell_type == "code" and "tags" not in c.metadata]
    made.cells = [new for cell in made.cells for new in _lab_cells(cell, solutions, plain)]
    return made


def _lab_cells(
    cell: NotebookNode, solutions: Mapping[str, str], plain: Sequence[str]
) -> Iterator[NotebookNode]:
    tags = cell.metadata.get("tags", ())
    if "exercise" in tags:
        solution = solutions[cell.metadata.nbgrader.grade_id]
        cell.source += f"\n\n\n### BEGIN SOLUTION\n{solution}\n### END SOLUTION"
    elif "check" in tags:
        graded = nbformat.from_dict(cell)
        graded.id, graded.metadata["tags"] = f"{cell.id}-points", ["points"]
        setup = needed_source(plain, Question.parse(cell.source).others)
        graded.source = GradedCell(cell.source, setup, graded.metadata.nbgrader.points).source()
        del cell.metadata["nbgrader"]
        yield cell
        yield graded
        return
    elif cell.cell_type == "code":
        cell.metadata["nbgrader"] = {
            "grade": False,
            "grade_id": f"cell-{cell.id}",
            "locked": True,
            "schema_version": 3,
            "solution": False,
            "task": False,
        }
    yield cell


def make_labs(out: Path, labs: Mapping[str, Sequence[str]] = LABS) -> list[Path]:
    """Write the course folder; returns its notebooks. Files of the same names are replaced."""
    written = []
    for lab, numbers in labs.items():
        for number in numbers:
            (path,) = NOTEBOOKS.glob(f"{number}_*.ipynb")
            made = lab_notebook(nbformat.read(path, as_version=4))
            written.append(
                write_whole(out / "source" / lab / path.name, nbformat.writes(made) + "\n")
            )
    write_whole(out / "nbgrader_config.py", CONFIG)
    return written


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the course folder that the command line names."""
    parser = argparse.ArgumentParser(
        prog="python -m workshop.pages.make_labs",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, required=True, help="the course's folder")
    written = make_labs(parser.parse_args(arguments).out)
    print(f"{len(written)} notebooks of {len(LABS)} labs")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
