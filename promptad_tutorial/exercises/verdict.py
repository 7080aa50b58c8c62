"""What a check says of a learner's function, and how it finds out.

The function runs on random inputs next to the right answer. Where it is wrong, its outputs are
held against a catalogue of typical mistakes, so that the hint is for the mistake that was made.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from promptad_tutorial.exercises.answers import kind_of, same, tidy


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
class Mistake:
    """One typical mistake: how its outputs are recognised, and the hint for it."""

    hint: str
    ways: tuple[Callable[..., bool], ...]  # (output, *inputs) -> could this mistake have made it?


@dataclass(frozen=True)
class Task:
    """Everything that a check knows about one function that the learner writes."""

    inputs: tuple[str, ...]  # the names of the function's inputs, as messages call them
    cases: tuple[tuple[Any, ...], ...]  # the inputs of each call
    solution: Callable[..., Any]  # the right answer
    trouble: Callable[[Any, Any], str | None]  # (got, expected) -> what is wrong, None if right
    mistakes: tuple[Mistake, ...]  # the first that explains every output gives the hint
    hint: str  # for a mistake that is not in the catalogue


@dataclass(frozen=True)
class Outcome:
    """What one call of a learner's function came to."""

    output: Any = None
    error: Exception | None = None


def mistake(hint: str, *implementations: Callable[..., Any]) -> Mistake:
    """The mistake of writing one of `implementations`: recognised by giving the same outputs."""

    def recogniser(implementation: Callable[..., Any]) -> Callable[..., bool]:
        return lambda output, *inputs: same(output, implementation(*deepcopy(inputs)))

    return Mistake(hint, tuple(recogniser(each) for each in implementations))


def not_yet(what: str, hint: str) -> Verdict:
    """The verdict on an answer that is not right: what is wrong (no full stop), and a hint."""
    return Verdict(False, f"{what}. Hint: {hint}")


def call(fn: Callable[..., Any], inputs: Sequence[Any]) -> Outcome:
    """Call a learner's function on copies of `inputs`; an error is caught, a warning dropped.

    A warning would print the path of a temporary file; what it warns of shows in the output.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return Outcome(output=fn(*deepcopy(tuple(inputs))))
        except Exception as error:
            return Outcome(error=error)


def check_function(fn: object, task: Task) -> Verdict:
    """Judge a learner's function by the cases of a task. Whatever it does, this does not raise."""
    return replace(_judge(fn, task), solution=task.solution)


def _judge(fn: object, task: Task) -> Verdict:
    if not callable(fn):
        return not_yet(
            f"expected a function, got {kind_of(fn)}",
            "define the function with def, then pass its name without brackets after it.",
        )
    outputs: list[Any] = []
    first = ""
    for inputs in task.cases:
        outcome = call(fn, inputs)
        if outcome.error is not None:
            return _stopped(outcome.error, task, inputs)
        if outcome.output is None or outcome.output is ...:
            return _unwritten(f"your function returns {kind_of(outcome.output)}")
        outputs.append(outcome.output)
        trouble = task.trouble(outcome.output, task.solution(*deepcopy(inputs)))
        if trouble is not None and not first:
            first = f"with {describe_inputs(task.inputs, inputs)}, {trouble}"
    if first:
        return not_yet(first, _hint(task, outputs))
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
        elif isinstance(value, list):
            words.append(f"{len(value)} {name}")
        else:
            words.append(f"{name} = {value}")
    return " and ".join([*([", ".join(words[:-1])] if words[1:] else []), words[-1]])


def _hint(task: Task, outputs: Sequence[Any]) -> str:
    """The hint of the first mistake that explains all outputs, or the task's general hint."""
    for each in task.mistakes:
        for way in each.ways:
            if all(way(out, *inputs) for inputs, out in zip(task.cases, outputs, strict=True)):
                return each.hint
    return task.hint


def _stopped(error: Exception, task: Task, inputs: Sequence[Any]) -> Verdict:
    if isinstance(error, NotImplementedError):
        return _unwritten("your function raises NotImplementedError")
    text = tidy(str(error)).rstrip(".")
    return not_yet(
        f"with {describe_inputs(task.inputs, inputs)}, your function stopped with "
        f"{type(error).__name__}{': ' if text else ''}{text}",
        f"it is called with ({', '.join(task.inputs)}); {task.hint}",
    )


def _unwritten(what: str) -> Verdict:
    return not_yet(what, "write the body in place of the dots, and end it with a return.")
