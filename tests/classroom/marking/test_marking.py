"""Answers are marked by what they return: printing, patching and borrowing are worth nothing."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from promptad_classroom.marking import worker
from promptad_classroom.marking.__main__ import main
from promptad_classroom.marking.cells import Question, binds, needed_source
from promptad_classroom.marking.hand_ins import code_cells, hand_ins
from promptad_classroom.marking.judge import mark
from promptad_classroom.marking.table import released_items, score_table
from promptad_tutorial import exercises as checks
from promptad_tutorial.commands import cli

REPOSITORY = Path(__file__).resolve().parents[3]
SOURCES = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
LEARNER = REPOSITORY / "notebooks" / "learner"
COUNT = Question("count_by_defect", "count_by_defect")
RIGHT = """
from collections import Counter

def count_by_defect(samples):
    return dict(Counter(sample.defect for sample in samples))
"""
STUB = "def count_by_defect(samples):\n    ..."


# --- what an answer needs ---------------------------------------------------------------------


def test_a_call_of_a_check_is_read():
    assert Question.parse("checks.auroc(mine)") == Question("auroc", "mine")
    assert Question.parse("checks.spot(a, b, c)") == Question("spot", "a", ("b", "c"))
    for wrong in ("auroc(mine)", "print(checks.auroc(mine))", "checks.auroc(1)", "x ="):
        with pytest.raises(ValueError, match="expected a call as"):
            Question.parse(wrong)


def test_only_what_a_name_rests_on_is_taken_in_its_order():
    cells = [
        "import torch, numpy as np\nfrom a import expensive, cheap",
        "features = expensive()\nroot = cheap(1)",
        "print(root)\n%matplotlib inline\nbroken = (",
        "def f(features):\n    return g(features) + np.ones(1)",
        "def g(x):\n    return x * root",
        "def h():\n    return f(1)",
    ]
    assert needed_source(cells, ("f",)).splitlines() == [
        "import numpy as np",
        "from a import cheap",
        "root = cheap(1)",
        "def f(features):",  # its own `features`, not the expensive one
        "    return g(features) + np.ones(1)",
        "def g(x):",  # defined after f, and needed by it
        "    return x * root",
    ]
    assert needed_source(cells, ("nothing",)) == ""


def test_an_answers_cell_is_taken_whole_but_for_the_checks():
    cells = ["n = 3", "found = ...", "found = []\nfor i in range(n):\n    found.append(i)"]
    cells += ["found = checks.carry_on(checks.f, found)", "checks.f(found)"]
    assert needed_source(cells, (), whole="found").splitlines() == [
        "n = 3",
        "found = ...",
        "found = []",
        "for i in range(n):",
        "    found.append(i)",
    ]
    assert binds(cells[1], "found") and not binds(cells[3], "found")


@pytest.mark.parametrize(
    "cell, wanted",
    [
        ("%%time\nf = 3", "f = 3"),
        ("\n\n%%capture out --no-stderr\n%%timeit -n 3\nf = 3\nchecks.f(f)", "f = 3"),
        ("%%prun -s cumulative\nf = 3", "f = 3"),
        ("%time f = 3", "f = 3"),
        ("f = %time g(3)", "f = g(3)"),
        ("def f(x):\n    %timeit -n 10 -q g(x)\n    return x", "def f(x):\n    g(x)\n    return x"),
        ("def f():\n    %time no python (\n    return 1", "def f():\n    pass\n    return 1"),
        ("f = 3;", "f = 3"),
        ("x = await g()\nf = 3", "x = await g()\nf = 3"),
        ("%%bash\nf=3", ""),  # these bodies do not run as the notebook's Python
        ("%%writefile f.py\nf = 3", ""),
        ("%%javascript\nf = 3", ""),
        ("%%time\nf = (", ""),
    ],
)
def test_the_python_below_and_behind_magics_is_read(cell, wanted):
    assert needed_source([cell], (), whole="f") == wanted


# --- marks ------------------------------------------------------------------------------------


def test_right_empty_and_wrong_answers():
    assert mark(COUNT, [RIGHT]).passed
    assert "in place of the dots" in mark(COUNT, [STUB]).message
    assert mark(COUNT, ["x = 1"]).message == "no cell defines count_by_defect."
    wrong = "def count_by_defect(samples):\n    return {s.defect: 1 for s in samples}"
    assert "every count is 1" in mark(COUNT, [STUB, wrong]).message
    stops = "def count_by_defect(samples):\n    return 1 / 0"
    assert "stopped with ZeroDivisionError: division by zero" in mark(COUNT, [stops]).message
    with pytest.raises(ValueError, match="found 'magic'"):
        mark(Question("magic", "magic"), [RIGHT])


@pytest.mark.parametrize(
    "around",
    [
        "%%time\n{}",
        "%%capture out\n{}",
        "!pip install nothing\n%matplotlib inline\nfiles = !ls\n{}\n%timeit -n 1 print(files)",
        "{}\ndisplay(count_by_defect)\nexit()\nimport sys\nsys.exit()",
        "await nothing()\n{}",
    ],
)
def test_a_right_answer_among_magics_and_shell_lines_is_right(around):
    shows = "    display(samples)\n    %time len(samples)\n    return dict("
    answer = RIGHT.replace("    return dict(", shows).strip()
    verdict = mark(COUNT, [around.format(answer)])
    assert verdict.passed, verdict


WRONG = {  # a learner who does everything wrong, and runs what goes on with a solution
    "nothing": STUB,
    "does not parse": "def count_by_defect(samples):\n    return {{",
    "half of it does not parse": f"{STUB}\nreturn",
    "is indented": f"  {STUB}",
    "has another name": RIGHT.replace("def count_by_defect", "def count_by_defects"),
    "is a comment": RIGHT.replace("\n", "\n# "),
    "is a text": f'"""{RIGHT}"""',
    "is a shell's": f"%%bash\n{RIGHT}",
    "raises": "def count_by_defect(samples):\n    raise NotImplementedError",
    "is not reached": f"raise SystemExit\n{STUB}",
    "is itself": "count_by_defect = count_by_defect",
    "asks": "count_by_defect = input('what is it?')",
    "deletes it": f"{STUB}\ndel count_by_defect",
}


def test_an_exercise_that_is_not_solved_is_worth_nothing_whatever_goes_on_below():
    below = (
        "checks.count_by_defect(count_by_defect)",
        "count_by_defect = checks.carry_on(checks.count_by_defect, count_by_defect)",
        "from promptad_tutorial.exercises import carry_on, count_by_defect as check\n"
        "count_by_defect = carry_on(check, count_by_defect)",
        "if True:\n    from promptad_tutorial import checks as c\n"
        "    count_by_defect = c.carry_on(c.count_by_defect, None)",
    )
    for what, answer in WRONG.items():
        verdict = mark(COUNT, [answer, *below])
        assert not verdict.passed, (what, verdict)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_without_an_answer_no_cell_of_a_notebook_is_taken_for_one(path):
    """However she breaks or deletes her cell, no other cell gives the name a value."""
    made = nbformat.read(LEARNER / path.name, as_version=4)
    cells = [c for c in made.cells if c.cell_type == "code"]
    others = [c.source for c in cells if "exercise" not in c.metadata.get("tags", [])]
    for item in released_items(LEARNER / path.name):
        name = item.question.answer
        assert needed_source([*others, "def broken(:"], (), whole=name) == "", name


CHEATS = {
    "prints": 'print("pass: right on 3 random inputs")\n',
    "replaces checks": """
from promptad_tutorial import checks
from promptad_tutorial.exercises import verdict
verdict.check_function = lambda fn, task: verdict.Verdict(True, "pass")
""",
    "replaces checks when called": """
def count_by_defect(samples):
    import sys
    for name, module in list(sys.modules.items()):
        if name.startswith("promptad_tutorial.exercises"):
            module._judge = module.same = lambda *a: True
""",
    "borrows the solution": """
from promptad_tutorial.exercises.start import _counting
count_by_defect = _counting().solution
""",
    "borrows what goes on": """
from promptad_tutorial import checks
count_by_defect = checks.carry_on(checks.count_by_defect, count_by_defect)
""",
    "borrows by another name": """
from promptad_tutorial import checks as c
count_by_defect = c.carry_on(c.count_by_defect, count_by_defect)
""",
    "ends the process": "import os\nos._exit(0)\n",
    "ends the process when called": """
def count_by_defect(samples):
    import os
    os._exit(0)
""",
    "returns what equals everything": """
class Same(dict):
    def __eq__(self, other):
        return True

def count_by_defect(samples):
    return Same()
""",
}


@pytest.mark.parametrize("name", CHEATS)
def test_a_cheat_is_worth_nothing(name):
    verdict = mark(COUNT, [STUB, CHEATS[name]])
    assert not verdict.passed, verdict
    assert mark(COUNT, [RIGHT]).passed  # and the judge is whole


def test_an_answer_without_an_end_is_stopped(monkeypatch):
    monkeypatch.setattr(worker, "SECONDS", 3.0)
    loop = "def count_by_defect(samples):\n    while True:\n        pass"
    assert "no result after 3 seconds" in mark(COUNT, [loop]).message
    assert not mark(COUNT, ["while True:\n    count_by_defect = 1"]).passed


def test_what_else_a_check_is_given_comes_from_the_teacher():
    question = Question("spot_the_defects", "mine", ("shown",))
    setup = """
from pathlib import Path
from promptad_tutorial.datasets import Sample
shown = [Sample(Path("0.png"), 0, "good"), Sample(Path("1.png"), 1, "dent")]
"""
    assert mark(question, ["mine = {1}"], setup).passed
    # the learner's own `shown` counts for nothing
    assert not mark(question, ["mine = {0}\nshown = ['']"], setup).passed


def test_the_graded_cells_program_tells_by_its_exit_code(monkeypatch, capsys):
    def task(*cells: str) -> str:
        call = "checks.count_by_defect(count_by_defect)"
        return json.dumps({"call": call, "setup": "", "cells": cells})

    command = [sys.executable, "-P", "-m", "promptad_classroom.marking"]
    done = subprocess.run(
        command, input=task("", RIGHT), check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout[:6]) == (0, "pass: ")
    monkeypatch.setattr("sys.stdin", io.StringIO(task("", 'print("pass")', STUB)))
    assert main() == 1
    assert capsys.readouterr().out.startswith("not yet: ")


def test_an_answer_changes_nothing_reads_no_solution_and_stops_nobody(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("kept")
    tries = (
        f"open({str(secret)!r}).read()",
        f"open({str(tmp_path / 'new')!r}, 'w')",
        f"import os; os.remove({str(secret)!r})",
        f"import os; os.truncate({str(secret)!r}, 0)",
        "import os; os.kill(os.getppid(), 9)",
        "import subprocess; subprocess.run(['true'])",
        f"open({checks.__file__!r}).read()",
        f"open({str(SOURCES[0])!r}).read()",
    )
    done = "def count_by_defect(samples):\n    {}\n    return {{}}"
    for attempt in tries:
        said = mark(COUNT, [done.format(attempt)], hidden=[tmp_path]).message
        assert "PermissionError" in said, (attempt, said)
    assert [path.name for path in tmp_path.iterdir()] == ["secret.txt"]
    assert secret.read_text() == "kept"


@pytest.mark.skipif(sys.platform != "linux", reason="Landlock is a part of Linux")
def test_the_kernel_refuses_what_the_c_library_asks_for(tmp_path):
    def confined(path: Path, flags: int) -> int:
        code = f"""
import ctypes
from pathlib import Path
from promptad_classroom.marking.confinement import confine
walled = confine([Path({str(tmp_path)!r})])
opened = ctypes.CDLL(None).open({str(path)!r}.encode(), {flags}, 0o600)
raise SystemExit(2 if not walled else int(opened >= 0))
"""
        return subprocess.run([sys.executable, "-c", code], check=False).returncode

    (tmp_path / "secret").write_text("kept")
    shown = confined(Path(__file__), os.O_RDONLY)
    if shown == 2:
        pytest.skip("this kernel has no Landlock")
    assert shown == 1
    assert confined(tmp_path / "secret", os.O_RDONLY) == 0
    assert confined(tmp_path / "new", os.O_WRONLY | os.O_CREAT) == 0
    assert confined(Path(__file__), os.O_WRONLY) == 0


def test_memory_output_and_results_without_end_are_stopped(monkeypatch):
    monkeypatch.setattr(worker, "SECONDS", 20.0)
    most = worker.MEMORY
    for body, said in (
        (f"bytearray({2 * most})", "MemoryError"),
        (f"return bytes({2 * worker.MOST_BYTES})", "your code ended its process"),
        ("print('pass' * 10**7)", "returns nothing"),
    ):
        code = f"def count_by_defect(samples):\n    {body}"
        assert said in mark(COUNT, [code]).message


# --- the table --------------------------------------------------------------------------------


def solved(path: Path, only: int | None = None) -> nbformat.NotebookNode:
    """A learner's notebook with the first `only` answers taken from the source's solutions."""
    source = nbformat.read(path, as_version=4)
    answers = [c.source for c in source.cells if "solution" in c.metadata.get("tags", [])]
    calls = {answer.splitlines()[-1]: answer for answer in answers[:only]}
    made = nbformat.read(LEARNER / path.name, as_version=4)
    for stub, check in zip(made.cells, made.cells[1:], strict=False):
        if "check" in check.metadata.get("tags", []) and check.source in calls:
            stub.source = calls[check.source]
    return made


def hand_in(folder: Path, learner: str, name: str, notebook: nbformat.NotebookNode) -> None:
    place = folder / learner / "lab1"
    place.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, place / name)


def test_released_notebooks_tell_questions_points_and_what_else_is_given():
    found = {
        item.question.exercise: item for path in LEARNER.iterdir() for item in released_items(path)
    }
    assert set(found) == set(checks.EXERCISES)
    assert all(item.points == checks.EXERCISES[name].difficulty for name, item in found.items())
    given = {name: item.setup for name, item in found.items() if item.setup}
    assert list(given) == ["spot_the_defects"]
    assert "figures" not in given["spot_the_defects"] and "shown = [" in given["spot_the_defects"]


@pytest.mark.slow
def test_the_table_of_a_class(tmp_path, capsys):
    path = SOURCES[0]
    empty = nbformat.read(LEARNER / path.name, as_version=4)
    for learner, notebook in (
        ("ada", solved(path)),
        ("bo", solved(path, only=1)),
        ("cy", empty),
    ):
        hand_in(tmp_path / "in", learner, path.name, notebook)
    place = tmp_path / "in" / "di"
    place.mkdir()
    (place / path.name).write_text("{ no notebook")
    out = tmp_path / "new" / "scores.csv"
    words = ["labs", "--answers", str(tmp_path / "in"), "--out", str(out), "--jobs", "1"]
    assert cli.main(words) == 0
    said = capsys.readouterr().out
    assert said.startswith("4 learners, 0.8 of 2 points on average; 1 with notes; ")
    assert out.read_bytes().startswith(b"\xef\xbb\xbf")  # by which Excel knows it for UTF-8
    table = pd.read_csv(out, keep_default_na=False)
    assert table.columns.tolist() == [
        "learner", "spot_the_defects", "count_by_defect", "points", "of", "notes",
    ]  # fmt: skip
    assert table.values.tolist() == [
        ["ada", 1, 1, 2, 2, ""],
        ["bo", 1, 0, 1, 2, ""],
        ["cy", 0, 0, 0, 2, ""],
        ["di", 0, 0, 0, 2, "cannot be read: 00_start_here.ipynb"],
    ]


@pytest.mark.slow
def test_thirty_folders_as_they_come_in_get_thirty_rows(tmp_path):
    first, second = SOURCES[0], SOURCES[8]
    folder = tmp_path / "in"
    for i in range(20):
        hand_in(folder, f"learner {i:02}", first.name, solved(first, only=i % 3))
    hand_in(folder, "learner 00", second.name, solved(second))
    right = folder / "learner 02" / "lab1" / first.name

    def strange(name: str) -> Path:
        place = folder / name
        place.mkdir()
        return place / first.name

    strange("binary").write_bytes(b"\xff\xfe\x00notebook")
    strange("latin").write_bytes(right.read_bytes().replace(b"samples", b"\xe9chantillons"))
    strange("cut").write_bytes(right.read_bytes()[:-500])
    strange("empty file").write_bytes(b"")
    strange("a list").write_text("[1, 2]")
    strange("nothing")
    strange("renamed").with_name("00_start_here (1).ipynb").write_bytes(right.read_bytes())
    strange("link").symlink_to(right)
    strange("dangling").symlink_to("/nowhere/at/all.ipynb")
    deep = nbformat.read(LEARNER / first.name, as_version=4)
    cell = nbformat.v4.new_code_cell(
        "x = " + "(" * 5000 + "1" + ")" * 5000 + "\ny = -" + "-" * 9000
    )
    deep.cells.insert(3, cell)
    hand_in(folder, "deep", first.name, deep)
    (folder / "readme.txt").write_text("no folder of a learner")
    copy = folder / "learner 01" / "copy"
    copy.mkdir()
    (copy / first.name).write_bytes((folder / "learner 01" / "lab1" / first.name).read_bytes())

    table = score_table(folder, LEARNER, jobs=2).set_index("learner")
    assert len(table) == 30
    assert (table["of"] == 2 + 7).all()
    wanted = {f"learner {i:02}": i % 3 for i in range(20)} | {"learner 00": 7, "renamed": 2}
    assert {name: n for name, n in table["points"].items() if n} == {
        name: n for name, n in wanted.items() if n
    }
    missing = "not handed in: 08_your_own_product.ipynb"
    assert table.loc["learner 00", "notes"] == "" and table.loc["learner 02", "notes"] == missing
    for name in ("binary", "latin", "cut", "empty file", "a list"):
        assert "cannot be read: 00_start_here.ipynb" in table.loc[name, "notes"]
    assert "not handed in: 00_start_here.ipynb" in table.loc["nothing", "notes"]
    assert "taken for 00_start_here.ipynb: 00_start_here (1)" in table.loc["renamed", "notes"]
    for name in ("link", "dangling"):
        assert "a link out of the folder: 00_start_here.ipynb" in table.loc[name, "notes"]


@pytest.mark.slow
@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_every_solution_gets_every_point_and_every_stub_none(path, tmp_path):
    hand_in(tmp_path, "ada", path.name, solved(path))
    hand_in(tmp_path, "cy", path.name, nbformat.read(LEARNER / path.name, as_version=4))
    table = score_table(tmp_path, LEARNER, jobs=1).set_index("learner")
    mine = [e for e in checks.EXERCISES.values() if e.notebook == path.stem[:2]]
    assert table.loc["ada", "points"] == sum(e.difficulty for e in mine) == table.loc["ada", "of"]
    assert table.loc["cy", "points"] == 0


NOTEBOOKS = ["00_start_here", "01_zero_shot_clip", "lab1", "lab10", "cafe\u0301"]


@pytest.mark.parametrize(
    "file, meant",
    [
        ("00_start_here (1).ipynb", "00_start_here"),
        ("00_start_here-Copy1.ipynb", "00_start_here"),
        ("Copy of 00_start_here.ipynb", "00_start_here"),
        ("ada_00_start_here_final v2.ipynb", "00_start_here"),
        ("00_START_HERE.IPYNB", "00_start_here"),
        ("00 start here.ipynb.txt", "00_start_here"),
        ("00_start_here.ipynb.json", "00_start_here"),
        ("caf\u00e9.ipynb", "cafe\u0301"),
        ("lab10.ipynb", "lab10"),
        ("lab1 - Kopie.ipynb", "lab1"),
        ("lab11.ipynb", None),
        ("00_start_here.txt", None),
        ("._00_start_here.ipynb", None),
        ("00_start.ipynb", None),
    ],
)
def test_copies_are_known_by_their_names(file, meant, tmp_path):
    place = tmp_path / "ada" / "lab"
    place.mkdir(parents=True)
    (place / file).write_text("x")
    (tmp_path / "bo").mkdir()
    (tmp_path / "bo" / "lab1.ipynb").write_text("x")
    ada = hand_ins(tmp_path, NOTEBOOKS)[0]
    assert ada.notebooks == ({} if meant is None else {meant: place / file})
    exact = unicodedata.normalize("NFC", file) == unicodedata.normalize("NFC", f"{meant}.ipynb")
    told = f"taken for {meant}.ipynb: lab/{file}"
    assert (told in ada.notes) == (meant is not None and not exact)


def test_copies_with_the_same_code_count_once_and_others_are_all_refused(tmp_path):
    original = nbformat.read(LEARNER / SOURCES[0].name, as_version=4)
    stem = SOURCES[0].stem
    hand_in(tmp_path, "ada", f"{stem}.ipynb", original)
    shown = nbformat.from_dict(original)
    code = next(cell for cell in shown.cells if cell.cell_type == "code")
    code.outputs = [nbformat.v4.new_output("stream", text="an output")]
    hand_in(tmp_path, "ada", f"{stem}-Copy1.ipynb", shown)
    checkpoints = tmp_path / "ada" / "lab1" / ".ipynb_checkpoints"
    checkpoints.mkdir()
    (checkpoints / f"{stem}-checkpoint.ipynb").write_text("{}")
    (ada,) = hand_ins(tmp_path, [stem])
    assert ada.notebooks == {stem: tmp_path / "ada" / "lab1" / f"{stem}.ipynb"} and not ada.notes
    # the untouched original beside the worked copy: only a teacher can say which one counts
    for learner in ("bo", "cy"):
        hand_in(tmp_path, learner, f"{stem}.ipynb", original)
        hand_in(tmp_path, learner, f"{stem} (1).ipynb", solved(SOURCES[0]))
    with pytest.raises(ValueError, match="remove the one that does not count") as refused:
        hand_ins(tmp_path, [stem])
    assert all(f"{who}/lab1/{stem} (1).ipynb" in str(refused.value) for who in ("bo", "cy"))


def test_archives_are_told_and_notebooks_of_nobody_are_refused(tmp_path):
    hand_in(tmp_path, "ada", "lab1.ipynb", nbformat.v4.new_notebook())
    (tmp_path / "ada" / "work.ZIP").write_bytes(b"PK")
    (tmp_path / ".DS_Store").write_bytes(b"")
    (tmp_path / "__MACOSX" / "ada").mkdir(parents=True)
    (ada,) = hand_ins(tmp_path, ["lab1"])
    assert ada.notes == ("an archive, unpack it: work.ZIP",)
    (tmp_path / "bo_lab1.ipynb").write_text("x")
    with pytest.raises(ValueError, match=r"found bo_lab1\.ipynb in .* put each into a folder"):
        hand_ins(tmp_path, ["lab1"])


def test_a_notebook_is_read_whatever_editor_has_saved_it(tmp_path):
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("a = 1\nb = '\u2028é'")])
    text = nbformat.writes(made)
    windows = text.replace("\n", "\r\n").replace("a = 1", "a = 1\\r")
    for name, data in (
        ("plain", text.encode()),
        ("mark", b"\xef\xbb\xbf" + text.encode()),
        ("utf-16", text.encode("utf-16")),
        ("windows", windows.encode("utf-8-sig")),
    ):
        (tmp_path / name).write_bytes(data)
        assert code_cells(tmp_path / name) == ["a = 1\nb = '\u2028é'"], name


def test_a_folder_without_notebooks_or_with_one_twice_is_refused(tmp_path, capsys):
    for folder, said in (
        (tmp_path / "none", "expected the learners' folders"),
        (tmp_path, "found none"),
    ):
        assert cli.main(["labs", "--answers", str(folder)]) == 2
        assert said in capsys.readouterr().err
    nowhere = ["--released", str(tmp_path)]
    assert cli.main(["labs", "--answers", str(tmp_path), *nowhere]) == 2
    assert "expected the learner's notebooks" in capsys.readouterr().err
    path = SOURCES[0]
    for lab in ("a", "b"):
        (tmp_path / "ada" / lab).mkdir(parents=True)
        (tmp_path / "ada" / lab / path.name).write_text(f"{{}} {lab}")
    assert cli.main(["labs", "--answers", str(tmp_path)]) == 2
    assert "remove the one that does not count" in capsys.readouterr().err
