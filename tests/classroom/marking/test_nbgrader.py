"""The real nbgrader makes the labs, gives them out, collects and marks them; cheats get nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from traitlets.config import PyFileConfigLoader

from promptad_classroom.marking.graded_cell import GradedCell
from promptad_tutorial.exercises import EXERCISES
from workshop.pages.make_labs import LABS, make_labs

pytestmark = [  # nbgrader 0.9 uses SQLAlchemy in ways that the latter warns of
    pytest.mark.filterwarnings("ignore:Object of type <Submitted:sqlalchemy.exc.SAWarning"),
]
TINY, NOTEBOOK = "tiny", "00_start_here"  # a lab of one notebook with two exercises, for cheats
ANSWERS = ("spot_the_defects", "count_by_defect")


@pytest.fixture(scope="module", autouse=True)
def programs() -> Iterator[None]:
    """nbgrader starts alembic by its name: the environment's programs must be on the path."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(
            "PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        )
        yield


def nbgrader(folder: Path, *words: str) -> str:
    """Run it in a folder as a teacher or learner does; returns what it has logged."""
    command = [sys.executable, "-m", "nbgrader", *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr


def in_course(course: Path, exchange: Path | None = None, **named: str) -> NbGraderAPI:
    """nbgrader's own interface to the same commands: a command by itself starts for seconds."""
    config = PyFileConfigLoader("nbgrader_config.py", path=str(course)).load_config()
    config.CourseDirectory.root = str(course)
    config.CourseDirectory.update(named)
    if exchange is not None:
        config.Exchange.update(root=str(exchange / "root"), cache=str(exchange / "cache"))
        config.ExchangeFetchAssignment.assignment_dir = str(exchange)
        config.ExchangeSubmit.assignment_dir = str(exchange)
    return NbGraderAPI(config=config)


def for_learner(api: NbGraderAPI, step: str, lab: str) -> None:
    """A learner's step, which the interface leaves to the program in her JupyterLab."""
    api.coursedir.assignment_id = lab
    made = getattr(api.exchange, step)
    made(coursedir=api.coursedir, authenticator=api.authenticator, parent=api).start()


def done(answer: dict[str, object]) -> None:
    assert answer["success"], answer


def cell(notebook: nbformat.NotebookNode, grade_id: str) -> nbformat.NotebookNode:
    (found,) = (
        c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id
    )
    return found


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def hand_in(course: Path, learner: str, lab: str, *notebooks: tuple[str, object]) -> None:
    folder = course / "submitted" / learner / lab
    folder.mkdir(parents=True)
    for name, notebook in notebooks:
        nbformat.write(notebook, folder / name)


def scores(course: Path, lab: str) -> dict[str, float]:
    """Learner -> points, from nbgrader's own gradebook."""
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
        return {each.student_id: each.score for each in book.assignment_submissions(lab)}


def exercises(numbers: Sequence[str]) -> list[str]:
    return [name for name, entry in EXERCISES.items() if entry.notebook in numbers]


def points(names: Sequence[str]) -> int:
    return sum(EXERCISES[name].difficulty for name in names)


def test_the_labs_hold_every_notebook_once_with_solution_and_marks(tmp_path):
    written = make_labs(tmp_path)
    assert [path.name[:2] for path in written] == [n for lab in LABS.values() for n in lab]
    assert len({path.name for path in written}) == 9
    for path in written:
        notebook = read(path)
        nbformat.validate(notebook)
        for name in exercises([path.name[:2]]):
            answer = cell(notebook, name).source
            stub, _, solution = answer.partition("### BEGIN SOLUTION\n")
            assert stub.strip() and solution.endswith("### END SOLUTION")
            assert f"checks.{name}(" not in answer
            graded = cell(notebook, f"{name}-check")
            assert graded.metadata.nbgrader.locked
            compile(graded.source, name, "exec")
            assert GradedCell.read(graded.source).question.exercise == name
            assert graded.metadata.nbgrader.points == EXERCISES[name].difficulty


def test_a_graded_cell_that_was_changed_is_not_read():
    written = GradedCell("checks.auroc(auroc)", "a = 1\n", 2)
    assert GradedCell.read(written.source()) == written
    for changed in (
        written.source().replace("checks.auroc", "checks.second_path", 1) + "\nprint(1)",
        written.source().replace("== 0", "!= 9"),
        "assert True",
        "task = {}",
        "task = (",
    ):
        with pytest.raises(ValueError, match="expected a graded cell as make_labs"):
            GradedCell.read(changed)


# --- the whole way ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course with the three labs, generated by nbgrader."""
    folder = tmp_path_factory.mktemp("course")
    make_labs(folder)
    for lab in LABS:
        done(in_course(folder).generate_assignment(lab))
    return folder


def answered(course: Path, lab: str, names: Sequence[str]) -> list[tuple[str, object]]:
    """The notebooks of a lab as released, with the solutions of some exercises typed in."""
    made = []
    for path in sorted((course / "release" / lab).glob("*.ipynb")):
        notebook, source = read(path), read(course / "source" / lab / path.name)
        for name in names:
            if EXERCISES[name].notebook == path.name[:2]:
                cell(notebook, name).source = cell(source, name).source
        made.append((path.name, notebook))
    return made


@pytest.mark.slow
def test_each_lab_gives_each_learner_what_is_due(course):
    for lab, numbers in LABS.items():
        names = exercises(numbers)
        released = [read(path) for path in (course / "release" / lab).glob("*.ipynb")]
        assert len(released) == len(numbers)
        assert not any("SOLUTION" in c.source for made in released for c in made.cells)
        half = names[::2]
        hand_in(course, "ada", lab, *answered(course, lab, names))
        hand_in(course, "bo", lab, *answered(course, lab, half))
        hand_in(course, "cy", lab, *answered(course, lab, ()))
        done(in_course(course).autograde(lab, "*"))
        assert scores(course, lab) == {"ada": points(names), "bo": points(half), "cy": 0}
    nbgrader(course, "export")
    table = pd.read_csv(course / "grades.csv").set_index(["student_id", "assignment"])
    assert (table.loc["ada", "score"] == table.loc["ada", "max_score"]).all()
    assert table.loc["ada", "score"].sum() == points(list(EXERCISES))
    assert (table.loc["cy", "score"] == 0).all()


@pytest.mark.slow
def test_a_lab_goes_out_and_comes_back_through_the_exchange_and_as_files(course, tmp_path):
    lab, home = "lab3-honest-benchmark", tmp_path
    (home / "root").mkdir()
    done(in_course(course, home).release_assignment(lab))
    for_learner(in_course(course, home), "FetchAssignment", lab)
    assert len(list((home / lab).glob("*.ipynb"))) == len(LABS[lab])
    for name, notebook in answered(course, lab, exercises(["08"])):
        nbformat.write(notebook, home / lab / name)
    for_learner(in_course(course, home), "Submit", lab)
    done(in_course(course, home).collect(lab))
    (learner,) = (path.parents[1].name for path in course.glob(f"submitted/*/{lab}/timestamp.txt"))

    archive = course / "downloaded" / lab / "archive"
    archive.mkdir(parents=True)
    for name, notebook in answered(course, lab, exercises(["07"])):
        nbformat.write(notebook, archive / f"di_{name}")
    nbgrader(course, "zip_collect", lab)
    for student in (learner, "di"):
        done(in_course(course).autograde(lab, student))
    found = scores(course, lab)
    assert found[learner] == points(exercises(["08"]))
    assert found["di"] == points(exercises(["07"]))


# --- cheats -----------------------------------------------------------------------------------

CHEATS = {
    "prints": 'print("pass: right on 3 random inputs")',
    "patches the checks": """
from promptad_tutorial.exercises import verdict, Verdict
verdict.check_function = lambda fn, task: Verdict(True, "right")
checks.count_by_defect = checks.spot_the_defects = lambda *answers: Verdict(True, "right")
""",
    "patches subprocess": """
import subprocess, types
subprocess.run = lambda *a, **k: types.SimpleNamespace(returncode=0, stdout="pass", stderr="")
""",
    "hides every error": """
get_ipython().showtraceback = lambda *a, **k: None
get_ipython().run_cell = lambda *a, **k: None
""",
    "names things like results": """
marked = verdict = passed = type("All", (), {"returncode": 0, "passed": True})()
spot_the_defects = count_by_defect = marked
""",
    "catches exceptions": """
import sys
sys.excepthook = lambda *a: None
try:
    count_by_defect = None
except BaseException:
    pass
""",
    "ends the process": "import os\nos._exit(0)",
    "writes very much": """
def count_by_defect(samples):
    while len(str(samples)) > 0:
        print("pass" * 10**6)
""",
    "never ends": "def count_by_defect(samples):\n    while True:\n        pass",
    "reads a neighbour's": """
import json, pathlib
for path in pathlib.Path(COURSE).rglob("*.ipynb"):
    for each in json.loads(path.read_text())["cells"]:
        if "SOLUTION" in "".join(each["source"]):
            exec("".join(each["source"]))
""",
    "writes into the gradebook": """
import ctypes, os, pathlib, sqlite3
def count_by_defect(samples):
    for path in pathlib.Path(COURSE).rglob("*.db"):
        ctypes.CDLL(None).unlink(str(path).encode())
        book = sqlite3.connect(path)
        book.execute("update grade set auto_score = 1")
        book.commit()
""",
    "writes into a neighbour's": """
import pathlib, shutil
def count_by_defect(samples):
    for path in pathlib.Path(COURSE).rglob("submitted/*/*/*.ipynb"):
        path.write_text("{}")
        shutil.rmtree(path.parent)
""",
}


@pytest.mark.slow
def test_cheats_get_no_marks_and_do_no_harm(tmp_path):
    make_labs(tmp_path, {TINY: ("00",)})
    config = tmp_path / "nbgrader_config.py"
    config.write_text(config.read_text().replace("seconds = 60", "seconds = 2"))
    nbgrader(tmp_path, "generate_assignment", TINY)
    name = f"{NOTEBOOK}.ipynb"
    released, source = (tmp_path / kind / TINY / name for kind in ("release", "source"))
    hand_in(tmp_path, "a solved one", TINY, (name, read(source)))
    for what, code in CHEATS.items():
        cheat = read(released)
        for answer in ANSWERS:
            cell(cheat, answer).source += f"\n{code.replace('COURSE', repr(str(tmp_path)))}"
        hand_in(tmp_path, what, TINY, (name, cheat))

    changed = read(released)  # nbgrader restores what it has locked
    for answer in ANSWERS:
        graded = cell(changed, f"{answer}-check")
        graded.source, graded.metadata.nbgrader.points = 'print("pass")', 100
    hand_in(tmp_path, "changes graded cells", TINY, (name, changed))
    moved = read(released)  # the graded cell of a solved exercise in the place of another's
    cell(moved, ANSWERS[1]).source = cell(read(source), ANSWERS[1]).source
    cell(moved, f"{ANSWERS[0]}-check").metadata.nbgrader.grade_id = f"{ANSWERS[1]}-check"
    moved.cells[1].metadata["nbgrader"] = {"grade_id": "nobody knows this", "grade": True}
    hand_in(tmp_path, "moves graded cells", TINY, (name, moved))
    bare = read(source)
    bare.cells = [c for c in bare.cells if not c.metadata.get("nbgrader", {}).get("grade")]
    hand_in(tmp_path, "a solved one without graded cells", TINY, (name, bare))
    gone = read(released)
    gone.cells = [c for c in gone.cells if "nbgrader" not in c.metadata]
    hand_in(tmp_path, "deletes cells", TINY, (name, gone))
    hand_in(tmp_path, "hands in nothing", TINY)
    hand_in(tmp_path, "the last solved one", TINY, (name, read(source)))

    before = {path: path.read_bytes() for path in (tmp_path / "submitted").rglob("*.ipynb")}
    nbgrader(tmp_path, "autograde", TINY)
    found = scores(tmp_path, TINY)
    assert found.pop("a solved one") == found.pop("the last solved one") == 2
    assert found.pop("a solved one without graded cells") == 2
    assert found.pop("moves graded cells") == 1  # what was solved counts, once
    assert found and not any(found.values()), found
    assert len(found) == len(CHEATS) + 2
    assert before == {path: path.read_bytes() for path in (tmp_path / "submitted").rglob("*.ipynb")}

    hand_in(tmp_path, "broken", TINY)
    (tmp_path / "submitted" / "broken" / TINY / name).write_text("{ no notebook")
    answer = in_course(tmp_path).autograde(TINY, "broken")
    assert not answer["success"] and "broken" in answer["log"]
    after = scores(tmp_path, TINY)
    assert after["a solved one"] == 2 and not after.get("broken")
    shutil.rmtree(tmp_path)
