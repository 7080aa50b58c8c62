"""Notebooks in a real JupyterLab: all cells run, explorers answer the keyboard."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import TimeoutError

pytestmark = pytest.mark.slow

# the notebook, and the label of the slider that the keyboard moves
WALKS = [
    ("01_zero_shot_clip", None),  # another product line is chosen from the list
    ("06_promptad", "shots"),
    # with ALL_SWITCHES=1 only, for the minutes that it takes
    *([("05_explicit_anomaly_margin", "margin")] if os.environ.get("ALL_SWITCHES") else []),
]
FIGURE = "img[alt]"
RUN_ALL = 1_500_000  # ms for all cells of a notebook, on a slow or busy machine
ANSWER = 300_000  # ms for an explorer, on a slow or busy machine


def open_notebook(page, lab: str, file: str) -> None:
    page.goto(f"{lab}/lab/tree/notebooks/{file}.ipynb?reset")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=300_000)
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=300_000)


PROMPTS = "[...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(x => x.textContent)"


def run_all_cells(page) -> None:
    """The menu's own Run All Cells, until no cell waits or runs any more.

    A cell that does either shows [*]. Folded cells show nothing in place of their number.
    """
    page.locator(".jp-Notebook .jp-CodeCell").first.click()
    for last in (False, False, True):  # a page that is still busy can swallow a click
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        try:
            started = f"() => {PROMPTS}.some(text => text.includes('*'))"
            page.wait_for_function(started, timeout=150_000)
            break
        except TimeoutError:
            if last:
                raise
    page.wait_for_function(f"() => !{PROMPTS}.some(text => text.includes('*'))", timeout=RUN_ALL)
    numbers = [text for text in page.evaluate(PROMPTS) if text]
    assert len(numbers) > 10 and all(re.fullmatch(r"\[\d+\]:", text) for text in numbers), numbers


def picture_and_words(explorer) -> tuple[str, str, str]:
    """The figure's bytes, its alt text, and all the text that the explorer shows."""
    figure = explorer.locator(FIGURE).first
    return figure.get_attribute("src"), figure.get_attribute("alt"), explorer.inner_text()


def answered(explorer, before: tuple[str, str, str]) -> tuple[str, str, str]:
    """What the explorer shows when its picture has changed."""
    page = explorer.page
    for _ in range(ANSWER // 200):
        now = picture_and_words(explorer) if explorer.locator(FIGURE).count() else before
        if now[0] != before[0] and "Working" not in now[2]:
            return now
        page.wait_for_timeout(200)
    raise AssertionError(f"no answer within {ANSWER / 1000:.0f} s; it shows {before[2]!r}")


@pytest.mark.slow
@pytest.mark.parametrize(("file", "control"), WALKS)
def test_all_cells_run_and_an_explorer_answers(lab, browser, tmp_path, file, control):
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        open_notebook(page, lab, file)
        run_all_cells(page)
        outputs = page.locator(".jp-Notebook .jp-OutputArea-output[data-mime-type*=error]")
        assert outputs.count() == 0, outputs.first.inner_text()
        boxes = page.locator(".jp-Notebook .widget-vbox").filter(has=page.locator(FIGURE))
        if control is not None:
            boxes = boxes.filter(has=page.locator(".widget-hslider").filter(has_text=control))
        explorer = boxes.last
        explorer.scroll_into_view_if_needed()
        before = picture_and_words(explorer)
        if control is None:
            lines = explorer.locator("select").first
            chosen = lines.evaluate("list => list.selectedIndex")
            lines.select_option(index=(chosen + 1) % lines.locator("option").count())
        else:
            row = explorer.locator(".widget-hslider").filter(has_text=control).first
            row.locator("[role=slider]").focus()
            page.keyboard.press("ArrowRight")
        now = answered(explorer, before)
        assert now[1] != before[1]  # another description
        assert "AUROC" in now[2] and now[2] != before[2]  # and another sentence with the figure
        explorer.scroll_into_view_if_needed()
        assert not errors, errors
    finally:
        keep = Path(os.environ.get("NOTEBOOK_SCREENSHOTS", tmp_path))
        keep.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=keep / f"{file}.png")
        for kernel in page.request.get(f"{lab}/api/kernels").json():  # each holds a GB or more
            page.request.delete(f"{lab}/api/kernels/{kernel['id']}")
        page.close()
