"""The mark of one answer: the check of the package, on a function that lives elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from promptad_classroom.marking.cells import Question, needed_source
from promptad_classroom.marking.worker import Answer
from promptad_tutorial import exercises as checks
from promptad_tutorial.exercises import Verdict


def mark(
    question: Question,
    cells: Sequence[str],
    setup: str = "",
    hidden: Sequence[Path] = (),
    seconds: float | None = None,
) -> Verdict:
    """The verdict on the answer that a learner's `cells` hold.

    `setup` is the teacher's source for what else the check is given; it runs in this process, the
    learner's cells do not. What does run them reads nothing below the folders `hidden`, and gets
    `seconds` for each call (None: `worker.SECONDS`). Raises ValueError for an unknown exercise.
    """
    if question.exercise not in checks.EXERCISES:
        raise ValueError(
            f"expected one of {', '.join(checks.EXERCISES)}, found {question.exercise!r}"
        )
    check = getattr(checks, question.exercise)
    given: dict[str, Any] = {}
    exec(compile(setup, "<setup>", "exec"), given)
    source = needed_source(cells, (), whole=question.answer)
    if not source:
        return Verdict(False, f"no cell defines {question.answer}.")
    answer = Answer(source, question.answer, hidden, seconds)
    try:
        return check(answer.value(), *[given[name] for name in question.others])
    finally:
        answer.close()
