"""A faulty sanitize file is caught: nbval itself would accept it silently."""

from __future__ import annotations

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tests.notebooks.sanitizing import idle_pairs, sanitizer_problems

PAIR = "# name: a duration\nregex: took \\d+ s\nreplace: took DURATION\n"


def test_good_sanitize_file() -> None:
    assert sanitizer_problems(PAIR) == []
    assert sanitizer_problems("# nothing differs from run to run\n") == []


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("# name: a\nregex: took\nreplace:\n", "1 pairs are written, but nbval reads 0"),
        ("# name: a\nregex: took\n\nreplace: x\n", "1 pairs are written, but nbval reads 0"),
        ("regex: took\nreplace: x\n", "`# name: ...`"),
        ("# name: a\nregex: (took\nreplace: x\n", "no valid substitution"),
        ("# name: a\nregex: took\nreplace: \\7\n", "no valid substitution"),
        ("# name: a\nregex: \\d*\nreplace: x\n", "matches nothing at all"),
        ("# name: a\nregex: \\d+\\.\\d+\nreplace: x\n", "would hide the result 'AUROC 0.93'"),
        (PAIR + PAIR, "the same regex"),
        (PAIR + "ignore: took\n", "read by nobody"),
    ],
)
def test_faulty_sanitize_file(config: str, message: str) -> None:
    assert message in "\n".join(sanitizer_problems(config))


def test_idle_pair_is_named() -> None:
    output = new_output("stream", name="stdout", text="fitting took 12 s\n")
    notebook = new_notebook(cells=[new_code_cell("fit()", execution_count=1)])
    assert idle_pairs(PAIR, [notebook]) == [r"took \d+ s"]
    notebook.cells[0].outputs = [output]
    assert idle_pairs(PAIR, [notebook]) == []
