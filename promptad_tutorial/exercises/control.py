"""Checks of a control: the run that differs from each of two others in one thing."""

from __future__ import annotations

from promptad_tutorial.exercises.answers import kind_of
from promptad_tutorial.exercises.exercises import exercise
from promptad_tutorial.exercises.verdict import Verdict, not_yet

Run = tuple[str, str]


def control(name: str, answer: object, start: Run, claimed: Run) -> Verdict:
    """The verdict on a control, a pair of texts, for the claim that `claimed` beats `start`.

    Right is the run with the first part of `start` and the second of `claimed`.
    """
    hints = exercise(name).mistakes
    pair = isinstance(answer, tuple | list) and len(answer) == 2
    if answer is None or answer is ... or (pair and all(each is ... for each in answer)):
        return not_yet("your answer is empty", "write two texts in place of the dots.")
    if not pair:
        return not_yet(f"expected a pair of texts, got {kind_of(answer)}", exercise(name).hint)
    for given, *values in zip(answer, start, claimed, strict=True):
        if not isinstance(given, str) or given not in values:
            said = " or ".join(map(repr, values))
            return not_yet(f"one of the two is not {said}", exercise(name).hint)
    run = tuple(answer)
    if run == (start[0], claimed[1]):
        return Verdict(True, "it differs from each of the two runs in one thing.")
    kind = {claimed: "claim_itself", start: "start_itself"}.get(run, "other_corner")
    return not_yet(f"{run} is not the control", hints[kind])
