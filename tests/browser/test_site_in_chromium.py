"""The built site in a real browser, opened as files: nothing else is asked, all can be read."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

NARROW = {"width": 390, "height": 844}
WIDE = {"width": 1280, "height": 900}
QUICK = {"resultTypes": ["violations"], "preload": False}  # no stylesheet is asked for again
GRAVE = ("serious", "critical")
# Pages of the reference have one form: axe reads these in full, and all with ALL_SWITCHES=1.
REFERENCE = ("index", "backbone", "learning", "checks", "figures")
FORMULAS = """async () => {
    if (window.MathJax) await MathJax.startup.promise;
    const wanted = document.querySelectorAll('.math:not(.math .math)').length;
    const drawn = document.querySelectorAll('.math mjx-container > svg').length;
    return [wanted, drawn, document.querySelectorAll('[data-mjx-error]').length];
}"""
# One element of each kind of text: contrast depends on the colours, the size and the weight only.
KINDS = """known => {
    const found = [];
    for (const one of document.querySelectorAll('[data-kind]')) one.removeAttribute('data-kind');
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim() || !element.checkVisibility()) continue;
        const style = getComputedStyle(element);
        let below = element, ground = '';
        for (; below; below = below.parentElement) {
            ground = getComputedStyle(below).backgroundColor;
            if (ground !== 'rgba(0, 0, 0, 0)') break;
        }
        const kind = [style.color, ground, style.fontSize, style.fontWeight, style.opacity].join();
        if (known.includes(kind) || found.includes(kind)) continue;
        found.push(kind);
        element.setAttribute('data-kind', '');
    }
    return found;
}"""


@dataclass
class Seen:
    """What one page did and showed."""

    asked: list[str] = field(default_factory=list)  # requests that left the folder
    said: list[str] = field(default_factory=list)  # errors on the console
    formulas: tuple[int, int, int] = (0, 0, 0)  # wanted, drawn, wrong
    too_wide: int = 0  # pixels beyond a narrow window
    violations: list[str] = field(default_factory=list)


def named(result: dict[str, Any]) -> list[str]:
    return [
        f"{one['id']}: {node['html'][:120]} {node['failureSummary'][:200]}"
        for one in result["violations"]
        if one["impact"] in GRAVE
        for node in one["nodes"][:3]
    ]


@pytest.fixture(scope="session")
def walk(site: Path, browser) -> dict[str, Seen]:
    """Every page once: narrow, wide, light and dark."""
    axe = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
    context = browser.new_context(viewport=WIDE)
    tab = context.new_page()
    seen: dict[str, Seen] = {}
    kinds: dict[str, list[str]] = {"light": [], "dark": []}
    for path in sorted(site.rglob("*.html")):
        now = seen[path.relative_to(site).as_posix()] = Seen()

        def asked(request: Any, now: Seen = now) -> None:
            if not request.url.startswith(("data:", "blob:", site.as_uri())):
                now.asked.append(request.url)

        def said(message: Any, now: Seen = now) -> None:
            if message.type in ("error", "warning"):
                now.said.append(message.text)

        tab.on("request", asked)
        tab.on("console", said)
        tab.emulate_media(color_scheme="light")
        tab.set_viewport_size(NARROW)
        tab.goto(path.as_uri())
        now.formulas = tuple(tab.evaluate(FORMULAS))
        now.too_wide = tab.evaluate("document.documentElement.scrollWidth - innerWidth")
        tab.set_viewport_size(WIDE)
        tab.evaluate(axe)
        for scheme, known in kinds.items():
            tab.emulate_media(color_scheme=scheme)
            if new := tab.evaluate(KINDS, known):
                known += new
                only = {"runOnly": ["color-contrast"], **QUICK}
                what = {"include": ["[data-kind]"]}
                result = tab.evaluate("([what, only]) => axe.run(what, only)", [what, only])
                now.violations += [f"{scheme}: {one}" for one in named(result)]
        if path.parent.name != "api" or path.stem in REFERENCE or os.environ.get("ALL_SWITCHES"):
            rules = {"color-contrast": {"enabled": False}}
            options = {"rules": rules, **QUICK}
            now.violations += named(tab.evaluate("options => axe.run(document, options)", options))
        tab.remove_listener("request", asked)
        tab.remove_listener("console", said)
    context.close()
    assert len(seen) > 30 and all(len(known) > 10 for known in kinds.values())
    return seen


def test_no_page_asks_for_anything_outside_of_its_folder_or_reports_an_error(walk):
    assert {page: one.asked + one.said for page, one in walk.items() if one.asked + one.said} == {}


def test_axe_finds_no_serious_or_critical_violation_light_or_dark(walk):
    found = [f"{page}: {one}" for page, seen in walk.items() for one in seen.violations]
    assert not found, "\n".join(found[:20])


def test_every_formula_is_drawn(walk):
    for page, seen in walk.items():
        wanted, drawn, wrong = seen.formulas
        assert wanted == drawn and wrong == 0, (page, seen.formulas)
    assert walk["notebooks/05_explicit_anomaly_margin.html"].formulas[0] > 20


def test_on_a_narrow_screen_no_page_scrolls_sideways(walk):
    assert {page: one.too_wide for page, one in walk.items() if one.too_wide > 0} == {}


def test_the_keyboard_skips_to_the_text_searches_and_opens_what_it_finds(site, browser):
    context = browser.new_context(viewport=WIDE)
    tab = context.new_page()
    tab.goto((site / "notebooks" / "01_zero_shot_clip.html").as_uri())
    tab.keyboard.press("Tab")
    focused = "document.activeElement"
    assert tab.evaluate(f"{focused}.textContent") == "Skip to content"
    tab.keyboard.press("Enter")
    assert tab.url.endswith("#furo-main-content")
    tab.goto((site / "index.html").as_uri())
    for _ in range(10):
        tab.keyboard.press("Tab")
        if tab.evaluate(f"{focused}.name") == "q":
            break
    assert tab.evaluate(f"{focused}.getAttribute('aria-label') || {focused}.placeholder")
    tab.keyboard.type("harmonic fusion")
    tab.keyboard.press("Enter")
    found = tab.locator("#search-results ul a[href*='06_promptad.html']").first
    found.wait_for(timeout=200_000)
    found.press("Enter")
    tab.wait_for_url("**/06_promptad.html*")
    context.close()


@pytest.mark.parametrize(
    "query, first, said, reference",
    [
        ("margin", "05_explicit_anomaly_margin.html", "margin", True),
        ("harmonic fusion", "06_promptad.html", "harmonic", True),
        ("语义", "docs/glossary.html", "语义", False),
    ],
)
def test_search_puts_notebooks_first_and_shows_the_place(
    site, browser, query, first, said, reference
):
    context = browser.new_context(viewport=WIDE)
    tab = context.new_page()
    tab.goto((site / "search.html").as_uri() + f"?q={query}")
    results = tab.locator("ul.search > li")
    results.first.locator("p.context mark").wait_for(timeout=200_000)
    assert first in results.first.locator("a").get_attribute("href")
    assert results.first.locator("mark").inner_text().lower() == said
    if reference:  # Sphinx shows one result after the other
        tab.wait_for_function(
            "document.querySelector('.search-summary')?.textContent.includes('finished')",
            timeout=200_000,
        )
    kinds = ["docs/api/" in a.get_attribute("href") for a in results.locator("> a").all()]
    assert any(kinds) == reference and kinds == sorted(kinds), "the reference comes last"
    context.close()


def test_what_scrolls_takes_the_focus_and_dark_is_dark(site, browser):
    context = browser.new_context(viewport=NARROW, color_scheme="dark")
    tab = context.new_page()
    tab.goto((site / "notebooks" / "07_honest_benchmark.html").as_uri())
    tab.wait_for_load_state()
    unreachable = tab.evaluate(
        "[...document.querySelectorAll('pre, .table-scroll, .table-wrapper')]"
        ".filter(box => box.scrollWidth > box.clientWidth + 1 && box.tabIndex !== 0).length"
    )
    scrolling = tab.evaluate("document.querySelectorAll('[tabindex=\"0\"]').length")
    assert unreachable == 0 and scrolling > 5
    colour = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(map(int, colour.removeprefix("rgb(").rstrip(")").split(","))) < 60
    context.close()
