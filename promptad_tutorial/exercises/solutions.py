"""Going on without having solved an exercise: later cells need a function that works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from IPython.display import display

from promptad_tutorial.exercises.exercises import exercise
from promptad_tutorial.exercises.series import Note

if TYPE_CHECKING:
    from promptad_tutorial.exercises.verdict import Verdict


@dataclass(frozen=True, repr=False)
class PackageSolution:
    """What `carry_on` puts in place of an unsolved function: it works, but no check passes it."""

    name: str  # of the exercise
    function: Callable[..., Any]
    inputs: tuple[str, ...] = ()  # what the exercise calls them: solutions have their own names

    def __call__(self, *given: Any, **named: Any) -> Any:
        values = list(given)
        for name in self.inputs[len(values) :]:
            if name not in named:
                break
            values.append(named.pop(name))
        return self.function(*values, **named)

    def __repr__(self) -> str:
        return f"the package's solution of {self.name}"


def carry_on(check: Callable[[object], Verdict], fn: object) -> Callable[..., Any]:
    """`fn`, the learner's function, if it passes `check`; else the package's solution.

    That it is the package's is displayed, and no check passes it: the exercise is still to be
    solved. Raises ValueError if `check` does not ask for a function.
    """
    verdict, name = check(fn), check.__name__
    if verdict.solution is None:
        raise ValueError(f"expected a check of a function, got {name}")
    if verdict.passed:
        return fn
    display(
        Note(
            f"`{name}` is not solved yet. The cells below go on with the **package's solution**; "
            f"your own function counts as soon as you run its cell and `checks.{name}` again."
        )
    )
    return PackageSolution(name, verdict.solution, tuple(exercise(name).inputs))
