"""The slides in headless Chromium, from a plain folder: every one fits, and nothing is fetched."""

from __future__ import annotations

import pytest

from workshop.pages.make_slides import SIZE, export, talk_notebook
from workshop.pages.talk import read_talk

pytestmark = pytest.mark.slow

LOOK = """() => {
  const slide = Reveal.getCurrentSlide(), scale = Reveal.getScale();
  const shown = [...slide.querySelectorAll('h1, h2, p, li, img, math')].filter(
    (one) => !one.closest('aside'));
  const words = shown.filter((one) => one.matches('p, li') && one.innerText.trim());
  return {
    right: Math.max(...shown.map((one) => one.getBoundingClientRect().right)),
    bottom: Math.max(...shown.map((one) => one.getBoundingClientRect().bottom)),
    smallest: Math.min(...words.map((one) => parseFloat(getComputedStyle(one).fontSize)), 99),
    pictures: shown.filter((one) => one.matches('img')).map(
      (one) => [one.complete && one.naturalWidth > 0, one.getBoundingClientRect().height / scale]),
    formulas: shown.filter((one) => one.matches('math')).map(
      (one) => [one.getBoundingClientRect().width, one.namespaceURI]),
    notes: (Reveal.getSlideNotes() || '').length,
    overlaps: shown.filter((one) => one.matches('p, li, h2, math') && one.innerText !== '').some(
      (one) => shown.some((other) => {
        if (!other.matches('img')) return false;
        const range = document.createRange(); range.selectNodeContents(one);
        const a = range.getBoundingClientRect(), b = other.getBoundingClientRect();
        return !one.contains(other) && a.right > b.left + 2 && a.left < b.right - 2
          && a.bottom > b.top + 2 && a.top < b.bottom - 2;
      })),
  };
}"""


@pytest.mark.slow
def test_every_slide_fits_is_large_and_needs_no_network(browser, tmp_path):
    talk = read_talk()
    index = export(talk_notebook(talk), tmp_path / "slides")
    page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
    asked: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("requestfailed", lambda request: wrong.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    try:
        page.goto(index.as_uri())
        page.wait_for_function("window.Reveal && Reveal.isReady()", timeout=200_000)
        assert page.evaluate("Reveal.getTotalSlides()") == len(talk)
        for number, slide in enumerate(talk):
            page.evaluate(f"Reveal.slide({number})")
            seen = page.evaluate(LOOK)
            assert seen["right"] <= SIZE[0] and seen["bottom"] <= SIZE[1], (slide.title, seen)
            assert not seen["overlaps"], slide.title
            assert seen["smallest"] >= 22, (slide.title, seen)  # the line that names the notebook
            assert len(seen["pictures"]) == (slide.figure is not None)
            assert all(loaded and height >= 250 for loaded, height in seen["pictures"]), seen
            assert len(seen["formulas"]) == slide.text.count("$$") / 2
            assert all(width > 50 and "MathML" in space for width, space in seen["formulas"])
            assert seen["notes"] > 60
        page.keyboard.press("Home")
        page.keyboard.press("ArrowRight")
        assert page.evaluate("Reveal.getIndices().h") == 1
    finally:
        page.close()
    assert wrong == []
    assert asked and all(url.startswith(("file:", "data:")) for url in asked)
