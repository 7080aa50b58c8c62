"""The command line: what every command writes, one line for every mistake, and a fast --help."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from promptad_tutorial.commands import cli

COMMANDS = [
    [],
    ["demo"], ["benchmark"], ["benchmark-cache"],
    ["doctor"], ["check-backbone"], ["init-data"], ["check-data"], ["score"], ["labs"],
    ["benchmark-report"],
    ["offline-bundle"],
]  # fmt: skip


def run(capsys: pytest.CaptureFixture, *words: object) -> tuple[int, str, list[str]]:
    """Exit code, what was written to stdout, and the lines of stderr without progress bars."""
    capsys.readouterr()
    code = cli.main([str(word) for word in words])
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.startswith("promptad-tutorial:")]
    return code, out, lines


def failure(capsys: pytest.CaptureFixture, *words: object) -> str:
    """The one line that a mistake is answered with."""
    code, out, lines = run(capsys, *words)
    assert code == 2 and out == "" and len(lines) == 1
    return lines[0]


# --- help -----------------------------------------------------------------------------------


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(capsys, words):
    with pytest.raises(SystemExit) as stopped:
        cli.main([*words, "--help"])
    assert stopped.value.code == 0
    assert "usage: promptad-tutorial" in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["sing"], ["score", "--sing"]])
def test_a_command_that_is_not_there_ends_with_code_2(capsys, words):
    with pytest.raises(SystemExit) as stopped:
        cli.main(words)
    assert stopped.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_the_package_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "promptad_tutorial", "check-data", "--root", "nowhere"],
        check=False,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("promptad-tutorial: error: ") and "nowhere" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["minifactory", "tinyclip", "ladder", "thresholds", "zero-shot"])
def test_a_command_that_moved_says_where_it_went(capsys, name):
    line = failure(capsys, name, "build", "--out", "x")
    assert f"python -m workshop {name}" in line


# --- mistakes ---------------------------------------------------------------------------------


def test_what_is_missing_is_said_in_one_line(capsys, tmp_path):
    nowhere = tmp_path / "nowhere"
    assert "expected a dataset at" in failure(capsys, "demo", "--data", nowhere)


def test_the_traceback_can_be_asked_for(capsys, caplog, tmp_path):
    with caplog.at_level("DEBUG", logger="promptad_tutorial.commands.cli"):
        failure(capsys, "--traceback", "demo", "--data", tmp_path / "nowhere")
    assert any(record.exc_info for record in caplog.records)


def test_an_unknown_backbone_is_one_line(capsys, tmp_path):
    (tmp_path / "good").mkdir()
    Image.new("RGB", (32, 32)).save(tmp_path / "good" / "0.png")
    line = failure(capsys, "demo", "--data", tmp_path, "--backbone", "ViT-B-61:random")
    assert "found 'ViT-B-61'" in line


BARS = """
import os
from promptad_tutorial.commands import cli
{more}
cli.keep_logs_short()
from tqdm.auto import tqdm
for _ in tqdm(range(5000), desc="work"):
    pass
with tqdm(total=3) as bar:
    bar.update()
print(bar.delay, bar.mininterval)
"""


@pytest.mark.parametrize("user", [{}, {"TQDM_DELAY": "0"}], ids=["as it is", "asked to show"])
def test_where_nobody_looks_a_bar_is_no_line_for_each_step(user):
    code = BARS.format(more=f"os.environ.update({user})")
    own = {name: value for name, value in os.environ.items() if not name.startswith("TQDM_")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=own
    )
    assert done.stdout == f"{float(user.get('TQDM_DELAY', 60))} 60.0\n"
    written = done.stderr.count("\r") + done.stderr.count("\n")
    assert written < 10 and bool(done.stderr) == bool(user)
