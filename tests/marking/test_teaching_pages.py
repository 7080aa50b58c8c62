"""The committed page of misconceptions is what the checks' catalogue makes."""

from __future__ import annotations

from promptad_tutorial import checks
from tools.make_teaching_pages import PAGE, hints, page


def test_the_committed_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tools.make_teaching_pages"


def test_every_exercise_has_hints_and_they_are_those_that_learners_get():
    assert all(hints(name) for name in checks.EXERCISES)
    said = checks.count_by_defect(lambda samples: {s.defect: 1 for s in samples}).message
    assert any(hint in said for hint in hints("count_by_defect"))
