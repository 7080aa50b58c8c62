from __future__ import annotations

import pytest

from promptad_tutorial import exercises as checks


def test_every_exercise_has_a_check_and_every_check_an_exercise():
    functions = {name for name in checks.__all__ if name.islower()}
    assert set(checks.EXERCISES) == functions - {"exercise", "carry_on"}
    assert [each.notebook for each in checks.EXERCISES.values()] == sorted(
        each.notebook for each in checks.EXERCISES.values()
    )
    numbers = {f"{number:02}" for number in range(9)}
    assert {each.notebook for each in checks.EXERCISES.values()} == numbers


@pytest.mark.parametrize("name", list(checks.EXERCISES))
def test_the_markdown_shows_everything(name):
    text = checks.exercise(name)
    shown = text._repr_markdown_()
    for part in (
        text.title,
        text.stars,
        f"{text.minutes} minutes",
        text.statement,
        name,
        f"importance {text.importance} of 3",
    ):
        assert part in shown
    assert len(text.stars) == 3
    assert repr(text).splitlines() == [repr(text)]


def test_unknown_names_and_bad_values_are_refused():
    with pytest.raises(ValueError, match="cosine_similarity, auroc.*got 'cosine'"):
        checks.exercise("cosine")
    with pytest.raises(ValueError, match="1 .. 3 stars, got 4"):
        checks.Exercise("x", "00", "t", 4, 1, 5, "s")
    with pytest.raises(ValueError, match="minutes must be 1 or more, got 0"):
        checks.Exercise("x", "00", "t", 1, 1, 0, "s")
    with pytest.raises(ValueError, match="importance must be 1 .. 3, got 0"):
        checks.Exercise("x", "00", "t", 1, 0, 5, "s")
