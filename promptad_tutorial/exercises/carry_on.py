"""Going on without having solved an exercise: later cells need a function that works."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from promptad_tutorial.exercises.verdict import Verdict


def carry_on(check: Callable[[object], Verdict], fn: object) -> Callable[..., Any]:
    """`fn`, the learner's function, if it passes `check`; else one that does.

    The other one is what the check compares answers with. Raises ValueError if `check` does not
    ask for a function.
    """
    if callable(fn) and check(fn).passed:
        return fn
    solution = check(lambda *inputs: None).solution
    if solution is None:
        raise ValueError(f"expected a check of a function, got {check.__name__}")
    return solution
