"""What a check says of a learner's function, and how it finds out.

The function runs on random inputs next to the right answer. Where it is wrong, its outputs are
held against a catalogue of typical mistakes, so that the hint is for the mistake that was made.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from promptad_tutorial.exercises import answers
from promptad_tutorial.exercises.answers import kind_of, same, tidy
from promptad_tutorial.exercises.current_cell import left_behind
from promptad_tutorial.exercises.exercises import Exercise
from promptad_tutorial.exercises.solutions import PackageSolution


@dataclass(frozen=True, repr=False)
class Verdict:
    """Passed or not yet, and why, in one line. True in an `if` when passed."""

    passed: bool
    message: str  # one line: what is wrong and a hint, or what was tested
    # what a learner's function was compared with; the same verdict may be reached with another
    solution: Callable[..., Any] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", " ".join(self.message.split()))

    def __bool__(self) -> bool:
        return self.passed

    def __repr__(self) -> str:
        return f"{'pass' if self.passed else 'not yet'}: {self.message}"


@dataclass(frozen=True)
class Sign:
    """How a typical mistake shows in an output, where it is no single wrong function."""

    seen: Callable[..., bool]  # (output, *inputs) -> could this mistake have made it?


Way = Callable[..., Any] | Sign  # a wrong function, known by giving the same outputs; or a sign


@dataclass(frozen=True)
class Task:
    """Everything that a check knows about one function that the learner writes.

    Raises ValueError unless `mistakes` and the hints of the text have the same names in the same
    order.
    """

    text: Exercise  # with the inputs' names and the hints
    cases: Sequence[tuple[Any, ...]]  # the inputs of each call
    solution: Callable[..., Any]  # the right answer
    # name -> ways to make the mistake; the first that explains every output gives the hint
    mistakes: Mapping[str, Way | tuple[Way, ...]]
    # (got, expected) -> what is wrong, None if right
    trouble: Callable[[Any, Any], str | None] = answers.trouble
    alike: Callable[[Any, Any], bool] = same  # whether an output is that of a wrong function

    def __post_init__(self) -> None:
        if list(self.mistakes) != list(self.text.mistakes):
            raise ValueError(
                f"expected the hints of {self.text.name} to be named {', '.join(self.mistakes)}, "
                f"found {', '.join(self.text.mistakes)}"
            )

    def judge(self, fn: object) -> Verdict:
        """The verdict on a learner's function. Whatever the function does, this does not raise."""
        return replace(_judge(fn, self), solution=self.solution)

    def hint(self, outputs: Sequence[Any]) -> str:
        """The hint of the first mistake that explains all outputs, or the general one."""
        for name, ways in self.mistakes.items():
            for way in ways if isinstance(ways, tuple) else (ways,):
                made = zip(outputs, self.cases, strict=True)
                if all(self._explains(way, output, inputs) for output, inputs in made):
                    return self.text.mistakes[name]
        return self.text.hint

    def _explains(self, way: Way, output: Any, inputs: tuple[Any, ...]) -> bool:
        if isinstance(way, Sign):
            return way.seen(output, *inputs)
        return self.alike(output, way(*deepcopy(inputs)))


def not_yet(what: str, hint: str) -> Verdict:
    """The verdict on an answer that is not right: what is wrong (no full stop), and a hint."""
    return Verdict(False, f"{what}. Hint: {hint}")


def call(fn: Callable[..., Any], inputs: tuple[Any, ...]) -> tuple[Any, Exception | None]:
    """What a learner's function returns for copies of `inputs`, and the error that it raised.

    A warning is dropped: it would print the path of a temporary file, and what it warns of shows
    in the output.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return fn(*deepcopy(inputs)), None
        except Exception as error:
            return None, error


def _judge(fn: object, task: Task) -> Verdict:
    if isinstance(fn, PackageSolution):
        return not_yet(
            f"this is {fn}, which carry_on put in place of yours",
            "run your own cell, the one that defines the function, then this check.",
        )
    if not callable(fn):
        return not_yet(
            f"expected a function, got {kind_of(fn)}",
            "define the function with def, then pass its name without brackets after it.",
        )
    if left_behind(fn):
        return not_yet(
            "your cell has a syntax error, so it did not run: the function here is an earlier one",
            "fix the line that Python points to below that cell, run it, then this check.",
        )
    outputs: list[Any] = []
    first = ""
    for inputs in task.cases:
        output, error = call(fn, inputs)
        if error is not None:
            return _stopped(error, task, inputs)
        if output is None or output is ...:
            return _unwritten(f"your function returns {kind_of(output)}")
        outputs.append(output)
        trouble = task.trouble(output, task.solution(*deepcopy(inputs)))
        if trouble is not None and not first:
            first = f"with {describe_inputs(task.text.inputs, inputs)}, {trouble}"
    if first:
        return not_yet(first, task.hint(outputs))
    return Verdict(True, f"right on {len(task.cases)} random inputs of different sizes.")


def describe_inputs(names: Sequence[str], inputs: Sequence[Any]) -> str:
    """The inputs of a call in words: shapes of arrays, lengths of lists, other values as they are.

    >>> describe_inputs(("samples", "grid"), ([1, 2], (3, 4)))
    '2 samples and grid = (3, 4)'
    """
    words = []
    for name, value in zip(names, inputs, strict=True):
        if hasattr(value, "shape"):
            words.append(f"{name} of shape {tuple(value.shape)}")
        else:
            words.append(f"{len(value)} {name}" if isinstance(value, list) else f"{name} = {value}")
    return " and ".join([*([", ".join(words[:-1])] if words[1:] else []), words[-1]])


def _stopped(error: Exception, task: Task, inputs: Sequence[Any]) -> Verdict:
    if isinstance(error, NotImplementedError):
        return _unwritten("your function raises NotImplementedError")
    text, hint = tidy(str(error)).rstrip("."), task.text.hint
    return not_yet(
        f"with {describe_inputs(task.text.inputs, inputs)}, your function stopped with "
        f"{type(error).__name__}{': ' if text else ''}{text}",
        f"it is called with ({', '.join(task.text.inputs)}); {hint}",
    )


def _unwritten(what: str) -> Verdict:
    return not_yet(what, "write the body in place of the dots, and end it with a return.")
