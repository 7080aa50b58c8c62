"""The locked cell of a lab that is worth points: how it is written, and how it is read again."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from promptad_classroom.marking.cells import Question

TEMPLATE = """\
# {points} point{s}. Marked in a process of its own, which reads the cells above and not the kernel.
import json, subprocess, sys

task = {{"call": {call!r}, "setup": {setup!r}, "cells": In[:-1]}}
marked = subprocess.run(
    [sys.executable, "-P", "-m", "promptad_classroom.marking"],
    input=json.dumps(task), capture_output=True, text=True,
)
assert marked.returncode == 0, marked.stdout or marked.stderr
"""


@dataclass(frozen=True)
class GradedCell:
    """What a graded cell asks for."""

    call: str  # the call of the check, as checks.auroc(auroc)
    setup: str  # the teacher's source for what else the check is given
    points: int

    @property
    def question(self) -> Question:
        """The call, read. Raises ValueError if it is none."""
        return Question.parse(self.call)

    def source(self) -> str:
        """The cell. A learner sees the same; her own kernel marks nothing that counts."""
        plural = "" if self.points == 1 else "s"
        text = TEMPLATE.format(points=self.points, s=plural, call=self.call, setup=self.setup)
        return text.rstrip()

    @classmethod
    def read(cls, source: str) -> GradedCell:
        """From the source of a cell; nothing of it is run.

        Raises ValueError where it is not, letter by letter, what `source` writes.
        """
        try:
            (task,) = (
                node.value
                for node in ast.parse(source).body
                if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "task"
            )
            call, setup = (ast.literal_eval(value) for value in task.values[:2])
            found = cls(call, setup, int(source.split(maxsplit=2)[1]))
        except (ValueError, SyntaxError, AttributeError, IndexError) as error:
            raise ValueError("expected a graded cell as make_labs writes it") from error
        if found.source() != source.rstrip():
            raise ValueError("expected a graded cell as make_labs writes it, found changes")
        return found
