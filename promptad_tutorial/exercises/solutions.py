"""Going on without having solved an exercise: later cells need a function that works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from IPython.display import display

from promptad_tutorial.exercises.series import Note

if TYPE_CHECKING:
    from promptad_tutorial.exercises.verdict import Verdict


@dataclass(frozen=True, repr=False)
class PackageSolution:
    """What `carry_on` puts in place of an unsolved function: it works, but no check passes it."""

    name: str  # of the exercise
    function: Callable[..., Any]

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        return self.function(*inputs, **named)

    def __repr__(self) -> str:
        return f"the package's solution of {self.name}"


def carry_on(check: Callable[[object], Verdict], fn: object) -> Callable[..., Any]:
    """`fn`, the learner's function, if it passes `check`; else the package's solution.

    That it is the package's is displayed, and no check passes it: the exercise is still to be
    solved. Raises ValueError if `check` does not ask for a function.
    """
    verdict = check(fn)
    if verdict.solution is None:
        raise ValueError(f"expected a check of a function, got {check.__name__}")
    if verdict.passed:
        return fn
    name = check.__name__
    display(
        Note(
            f"`{name}` is not solved yet. The cells below go on with the **package's solution**; "
            f"your own function counts as soon as you run its cell and `checks.{name}` again."
        )
    )
    return PackageSolution(name, verdict.solution)
