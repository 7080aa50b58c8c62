"""The teacher's pages: hints are the checks' own, and the minutes of the plans add up."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from promptad_tutorial import exercises as checks
from workshop.pages.make_labs import LABS
from workshop.pages.make_teaching_pages import PAGE, hints, last, page

PLANS = {PAGE.with_name(f"lab{i}.md"): numbers for i, numbers in enumerate(LABS.values(), 1)}
LENGTHS = (50, 90, 180)
lab_pages = pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)


def test_the_committed_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), "run workshop.pages.make_teaching_pages"


def test_every_exercise_has_hints_and_they_are_those_that_learners_get():
    assert all(hints(name) for name in checks.EXERCISES)
    said = checks.count_by_defect(lambda samples: {s.defect: 1 for s in samples}).message
    assert any(hint in said for hint in hints("count_by_defect"))


def test_hints_that_are_made_while_a_check_runs_are_on_the_page_with_blanks():
    found = hints("noise_optimism")
    for answer in ([0.5, 0.6, 0.7], [50, 50, 50], [500, 60, 70], [50, 90, 80], [50, 55, 58]):
        said = checks.noise_optimism(answer).message
        assert any(hint in said for hint in found), said
    assert "one AUROC in % for each of {detectors} detectors." in found
    said = checks.count_by_defect(lambda samples: {"good": -1}).message
    assert last("count_by_defect")[0] in said
    # exercises that are no functions have a hint for every wrong answer
    assert {name for name in checks.EXERCISES if not last(name)} == {
        "spot_the_defects",
        "noise_optimism",
    }


def plan(path: Path) -> list[list[str]]:
    """The rows of the minute plan: what, then a cell for each length of the lesson."""
    lines = path.read_text(encoding="utf-8").splitlines()
    table = lines[lines.index("| minutes | 50 | 90 | 180 |") + 2 :]
    rows = table[: table.index("")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def minutes(cell: str) -> int:
    return int(re.match(r"\d+", cell)[0])


def in_notebooks(numbers: list[str] | tuple[str, ...]) -> dict[str, int]:
    """Exercise -> its minutes, as the checks state them."""
    return {name: e.minutes for name, e in checks.EXERCISES.items() if e.notebook in numbers}


@lab_pages
def test_the_minutes_of_a_plan_add_up(path):
    for column, length in enumerate(LENGTHS, 1):
        assert sum(minutes(row[column]) for row in plan(path)) == length


@lab_pages
def test_the_exercises_of_a_plan_leave_a_third_of_its_minutes_for_reading_and_running(path):
    for what, *cells in plan(path):
        mine = in_notebooks(re.findall(r"notebook (\d\d)", what))
        for cell in cells:
            named = set(re.findall(r"`(\w+)`", cell))
            assert named <= set(mine), (what, named)
            chosen = mine if re.search(r": all\b", cell) else named
            work = sum(mine[name] for name in chosen)
            assert work <= minutes(cell) * 2 / 3, (what, cell, work)


@lab_pages
def test_every_lab_page_has_its_parts_and_each_exercise_has_a_place(path):
    text = path.read_text(encoding="utf-8")
    for part in (
        "**Outcomes.**",
        "**Before.**",
        "**For the quick ones**",
        "**When time runs short, cut**",
        "**Questions, with answers**",
        "**Misconceptions**",
    ):
        assert part in text
    assert all(f"`{name}`" in text for name in in_notebooks(PLANS[path]))


@lab_pages
def test_what_is_cut_is_in_no_plan_of_fifty_minutes(path):
    (cut,) = re.findall(r"\*\*When time runs short, cut\*\* (.*?)\.", path.read_text("utf-8"))
    named = set(re.findall(r"`(\w+)`", cut))
    assert named and named <= set(checks.EXERCISES)
    assert not any(named & set(re.findall(r"`(\w+)`", row[1])) for row in plan(path))


def test_links_between_the_pages_lead_somewhere():
    for path in PAGE.parent.glob("*.md"):
        for link in re.findall(r"\]\(([^):#]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / link).exists(), (path.name, link)
