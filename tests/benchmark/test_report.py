"""The report: the paper's 12 settings, what a run may claim, runs side by side, and safe pages."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from PIL import Image
from sklearn.metrics import roc_auc_score

from promptad_tutorial.benchmark import cases, html_report, run_folder, tasks
from promptad_tutorial.benchmark.cases import FALSE_ALARM, FOUND, MISSED, Case, worst
from promptad_tutorial.benchmark.measure import KEY
from promptad_tutorial.benchmark.published import (
    CATEGORIES,
    FROM_MEMORY,
    OTHERS,
    Part,
    cell,
    figures_of_others,
    settings_of_the_paper,
)
from promptad_tutorial.benchmark.run_folder import Run
from promptad_tutorial.benchmark.settings import RELEASED, BackboneChoice, Settings
from promptad_tutorial.benchmark.tasks import Task
from tests.browser.conftest import BROWSERS, QUIET
from tests.commands.test_cli import failure, run

ROOT = Path(__file__).resolve().parents[2]
EVIL = "<img src=x onerror=alert(1)>|\"'&`[a](http://x)`"


@pytest.fixture
def make_run(small_backbone, tmp_path):
    """A run's folder with made-up rows: image AUROC 80 + seed, unless a row says otherwise."""

    def make(
        folder: str,
        dataset: str = "mvtec",
        names: Sequence[str] = CATEGORIES["mvtec"],
        shots: Sequence[int] = (1, 2, 4),
        seeds: int = 2,
        protocol: str = "paper",
        change=lambda task: {},
        **how,
    ) -> Run:
        settings = Settings(
            dataset, tmp_path, BackboneChoice("small-plain", "random"), protocol=protocol, **how
        )
        methods = [RELEASED] if protocol == "released" else ["PromptAD", "WinCLIP+"]
        every = [
            Task(name, method, k, seed, f"{protocol} {name} {method} {k} {seed}")
            for name in names
            for method in methods
            for k in shots
            for seed in range(seeds)
        ]
        backbone = small_backbone()
        label = run_folder.run_label(settings, backbone, f"command of {folder}", tmp_path)
        found = run_folder.plan(tmp_path / folder, settings, backbone, every, label)
        run_folder.record(found)
        for task in every:
            figures = {"image_auroc": 80.0 + task.seed, "pixel_auroc": 90.0, "f1_max": 70.0}
            row = figures | {
                "average_precision": 75.0, "aupro": None, "error": None, "seconds": 1.5,
                "memory_mb": 100.0, "test_selected": protocol == "released", "commit": "abc",
            } | change(task)  # fmt: skip
            if row.get("error") != "never":
                tasks.write_row(found.folder / run_folder.ROWS, task, row)
        return found

    return make


def paper_table(page: str) -> dict[tuple[str, str, int], dict[str, str]]:
    """The 12 settings of a page, each cell by the head of its column."""
    table = BeautifulSoup(page, "html.parser").find("table")
    first, second = table.thead.find_all("tr")
    heads = [one.text for one in first.find_all("th")[:3] + second.find_all("th")]
    found = {}
    for line in table.tbody.find_all("tr"):
        cells = [one.text for one in line.find_all(["th", "td"])]
        row = dict(zip(heads, cells, strict=True))
        found[row["dataset"], row["level"], int(row["shots"])] = row
    return found


# --- figures of others ----------------------------------------------------------------------


def test_the_figures_of_others_are_those_of_the_source_with_their_marks():
    with (ROOT / "promptad_tutorial" / "benchmark" / "published.csv").open(newline="") as file:
        source = [row for row in csv.DictReader(file) if row["method"] in OTHERS]
    found = figures_of_others()
    assert list(found.index) == settings_of_the_paper() and len(found) == 12
    assert len(source) == 12 * len(OTHERS) and not found.isna().any(axis=None)
    for row in source:
        span = row["low"] if row["low"] == row["high"] else f"{row['low']}-{row['high']}"
        marked = f"{span} {FROM_MEMORY}" if row["mark"] == FROM_MEMORY else span
        assert found.loc[(row["dataset"], row["level"], int(row["shots"])), row["method"]] == marked
    assert sum("[?]" in value for value in found.to_numpy().ravel()) == 11


def test_a_figure_of_a_run_stands_beside_them_only_where_the_run_is_whole():
    def part(names, seeds=(0, 1), planned=2, method="PromptAD", dataset="mvtec"):
        rows = [(n, method, 1, s, 80.0 + s, 90.0) for n in names for s in seeds]
        table = pd.DataFrame(rows, columns=[*KEY, "image_auroc", "pixel_auroc"])
        table = table.assign(average_precision=0.0, f1_max=0.0, aupro=np.nan)
        return Part(dataset, table, {(n, method, 1): planned for n in names})

    here, names = ("MVTec", "image", 1), CATEGORIES["mvtec"]
    assert str(cell([part(names)], here, "PromptAD")) == "80.5 ± 0.7 (2 seeds)"
    assert str(cell([part(names)], ("MVTec", "pixel", 1), "PromptAD")) == "90.0 ± 0.0 (2 seeds)"
    assert str(cell([part(names, (0,), 1)], here, "PromptAD")) == "80.0 (one seed)"
    for setting in (("MVTec", "image", 2), ("VisA", "image", 1)):
        assert str(cell([part(names)], setting, "PromptAD")) == ""
    assert str(cell([part(names)], here, "WinCLIP+")) == ""
    assert str(cell([part(names, method="SC + EAM")], here, "PromptAD")) == ""
    assert str(cell([part(names, method=RELEASED)], here, "PromptAD")).startswith("80.5")
    assert "incomplete: 3 of 15" in str(cell([part(names[:3])], here, "PromptAD"))
    assert "incomplete: 0 of 15" in str(cell([part(names, (0,), 2)], here, "PromptAD"))
    assert "other categories (nut)" in str(cell([part(("nut",))], here, "PromptAD"))
    assert str(cell([part(names, dataset="minifactory")], here, "PromptAD")) == ""
    lost = part(names)
    lost.table.loc[lost.table["product_line"] == "screw", "pixel_auroc"] = np.nan
    assert "14 of 15" in str(cell([lost], ("MVTec", "pixel", 1), "PromptAD"))
    assert str(cell([lost], here, "PromptAD")).startswith("80.5")


# --- runs side by side ----------------------------------------------------------------------


def test_two_datasets_of_one_label_share_a_column_and_fill_the_twelve_settings(
    capsys, make_run, tmp_path
):
    make_run("m")
    make_run("v", "visa", CATEGORIES["visa"], change=lambda t: {"image_auroc": 70.0})
    code, said, _ = run(
        capsys, "benchmark-report", tmp_path / "m", tmp_path / "v", "--out", tmp_path / "r"
    )
    assert code == 0 and "TEST" not in said
    page = (tmp_path / "r" / "report.html").read_text()
    table = paper_table(page)
    assert list(table) == settings_of_the_paper()
    for (dataset, level, _), row in table.items():
        expected = {"image": "80.5 ± 0.7 (2 seeds)", "pixel": "90.0 ± 0.0 (2 seeds)"}[level]
        if (dataset, level) == ("VisA", "image"):
            expected = "70.0 ± 0.0 (2 seeds)"
        assert row["PromptAD: run A"] == row["WinCLIP+: run A"] == expected
    assert table["MVTec", "image", 1]["PromptAD, paper"] == "94.6"
    assert "run B" not in page and "INCOMPLETE" not in page
    own = pd.read_csv(tmp_path / "r" / "paper_settings.csv").query("source != 'published'")
    assert len(own) == 24 and set(own["protocol"]) == {"paper"}
    assert own["low"].isin([70.0, 80.5, 90.0]).all()
    text = (tmp_path / "r" / "report.md").read_text()
    assert "80.5 ± 0.7 (2 seeds)" in text and "command of m" in text and "command of v" in text


def test_rows_of_the_two_protocols_never_mix_and_the_mixed_report_is_branded(
    capsys, make_run, tmp_path
):
    make_run("paper")
    make_run("released", protocol="released", change=lambda t: {"image_auroc": 99.0})
    folders = (tmp_path / "paper", tmp_path / "released")
    code, said, _ = run(capsys, "benchmark-report", *folders, "--out", tmp_path / "r")
    assert code == 0 and "TEST-SELECTED" in said
    files = sorted(p.name for p in (tmp_path / "r").iterdir())
    assert len(files) == 5 and all("test-selected" in name for name in files)
    page = (tmp_path / "r" / "report_test-selected.html").read_text()
    row = paper_table(page)["MVTec", "image", 4]
    assert row["PromptAD: run A"] == "80.5 ± 0.7 (2 seeds)"
    assert row["PromptAD: run B, TEST-SELECTED"] == "99.0 ± 0.0 (2 seeds)"
    assert page.count("TEST-SELECTED") > 4 and "TEST-SELECTED" in page.split("</title>")[0]
    means = pd.read_csv(tmp_path / "r" / "summary_test-selected.csv")
    assert set(means.query("protocol == 'paper'")["image_auroc_mean"]) == {80.5}
    assert set(means.query("protocol == 'test-selected'")["image_auroc_mean"]) == {99.0}
    own = pd.read_csv(tmp_path / "r" / "paper_settings_test-selected.csv")
    assert set(own[own["low"] == 99.0]["mark"]) == {"test-selected"}
    text = (tmp_path / "r" / "report_test-selected.md").read_text()
    assert text.startswith("# Benchmark, TEST-SELECTED")


def test_a_run_shared_out_over_two_folders_is_one_and_must_not_contradict_itself(
    capsys, make_run, tmp_path
):
    names = CATEGORIES["mvtec"]
    make_run("a", names=names[:9])
    make_run("b", names=names[7:])  # two categories are in both
    words = ("benchmark-report", tmp_path / "a", tmp_path / "b", "--out", tmp_path / "r")
    assert run(capsys, *words)[0] == 0
    table = paper_table((tmp_path / "r" / "report.html").read_text())
    assert table["MVTec", "image", 1]["PromptAD: run A"] == "80.5 ± 0.7 (2 seeds)"
    path = tmp_path / "b" / run_folder.FILE
    path.write_text(path.read_text().replace("paper capsule", "other").replace(
        f"paper {names[8]}", "other pictures"))  # fmt: skip
    assert "other pictures of" in failure(capsys, *words)


def test_another_precision_is_another_column(make_run, tmp_path):
    first, second = make_run("a"), make_run("b", change=lambda t: {"image_auroc": 60.0})
    other = replace(second, deciding=second.deciding | {"computed": ["cuda", "bfloat16"]})
    html_report.write_report(tmp_path / "r", [first, other])
    row = paper_table((tmp_path / "r" / "report.html").read_text())["MVTec", "image", 2]
    assert row["PromptAD: run A"].startswith("80.5") and row["PromptAD: run B"].startswith("60.0")


def test_failed_and_missing_tasks_are_named_and_no_figure_is_claimed(capsys, make_run, tmp_path):
    def change(task):
        if task.product_line == "screw":
            return {"error": "ImageError: 003.png is damaged", "image_auroc": None}
        return {"error": "never"} if task.product_line == "zipper" else {}

    made = make_run("a", shots=(1,), change=change)
    code, said, _ = run(capsys, "benchmark-report", made.folder)
    assert code == 1 and "4 failed, 4 were not run" in said
    page, text = ((made.folder / f"report.{kind}").read_text() for kind in ("html", "md"))
    for shown in (page, text):
        assert "INCOMPLETE: 52 of 60 tasks" in shown and "003.png is damaged" in shown
        assert "not run" in shown and "zipper" in shown
    assert paper_table(page)["MVTec", "image", 1]["PromptAD: run A"] == (
        "incomplete: 13 of 15 categories"
    )
    assert len(pd.read_csv(made.folder / "paper_settings.csv").query("source != 'published'")) == 0
    assert pd.read_csv(made.folder / "summary.csv")["lacking"].tolist() == [4, 4]


def test_a_run_without_a_single_row_has_a_report_too(capsys, make_run):
    made = make_run("a", shots=(1,), change=lambda task: {"error": "never"})
    code, said, _ = run(capsys, "benchmark-report", made.folder)
    assert code == 1 and "no figures" in said
    assert "No task has figures" in (made.folder / "report.html").read_text()


# --- the page itself ------------------------------------------------------------------------


class Page(HTMLParser):
    """What a browser would make of a page: elements with their attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def evil_run(make_run):
    """Names, errors and labels as somebody wrote them who wants a page to run code."""

    def change(task):
        return {"error": f"ImageError: {EVIL}"} if task.seed else {}

    made = make_run("a", "folder", ("nut", EVIL), shots=(1,), change=change)
    made = replace(made, label=made.label | {"dataset": EVIL})
    file = io.BytesIO()
    Image.new("RGB", (9, 5)).save(file, "JPEG")
    picture = base64.b64encode(file.getvalue()).decode()
    for task in made.tasks:
        case = Case(MISSED, EVIL, EVIL, 0.25, 0.5, 4, 0.1, picture)
        cases.write_cases(made.folder / run_folder.CASES, task, [case])
    html_report.write_report(made.folder, [made])
    return made


def test_nothing_in_a_name_becomes_part_of_the_page(evil_run):
    page = Page((evil_run.folder / "report.html").read_text())
    assert EVIL in page.text
    chart, *pictures = page.all("img")
    assert chart["class"] == "chart" and chart["src"].startswith("data:image/png;base64,")
    # two methods, two categories, the failed tasks have none; two of them at the opening as well
    assert len(pictures) == 6
    assert all(set(one) == {"src", "alt"} and EVIL in one["alt"] for one in pictures)
    assert not [a for _, a in page.elements if any(name.startswith("on") for name in a)]
    text = (evil_run.folder / "report.md").read_text()
    assert "<img" not in text and not re.search(r"(?<!\\)\]\(http", text)
    tables = [part for part in text.split("\n\n") if part.lstrip().startswith("|")]
    assert len(tables) > 4
    for table in tables:  # a bar in a name makes no column
        bars = [len(re.findall(r"(?<!\\)\|", line)) for line in table.strip().splitlines()]
        assert len(set(bars)) == 1, table


def test_the_page_is_whole_in_one_file_and_readable_without_eyes_or_mouse(evil_run):
    text = (evil_run.folder / "report.html").read_text()
    page = Page(text)
    assert not page.all("script") and not page.all("link") and not page.all("iframe")
    assert all(a["href"].startswith("#") for a in page.all("a"))
    assert all(one["src"].startswith("data:image/") for one in page.all("img"))
    assert all(one["alt"].strip() for one in page.all("img"))
    assert page.all("html") == [{"lang": "en"}]
    assert "url(" not in text and "@import" not in text and "color-scheme: light dark" in text
    assert all(one.get("scope") in ("col", "row", "colgroup") for one in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table")) > 4
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids)) and {a["href"][1:] for a in page.all("a")} <= set(ids)
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    steps = np.diff(levels)
    assert levels[0] == 1 and steps.max() <= 1


@pytest.mark.slow
def test_axe_finds_nothing_in_light_or_dark_and_the_page_asks_for_no_other_file(evil_run):
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is missing")
    found = [path for name in BROWSERS if (path := shutil.which(name))]
    if not found:
        pytest.skip("there is no Chromium")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=found[0], args=list(QUIET))
        for scheme in ("light", "dark"):
            page = browser.new_context(color_scheme=scheme).new_page()
            asked: list[str] = []
            page.on("request", lambda request, asked=asked: asked.append(request.url))
            page.goto((evil_run.folder / "report.html").as_uri())
            page.locator("details").first.evaluate("one => one.open = true")
            wrong = axe.Axe().run(page).response["violations"]
            assert [one["id"] for one in wrong] == []
            assert [url for url in asked if not url.startswith(("data:", "file:"))] == []
            assert len([url for url in asked if url.startswith("file:")]) == 1
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.className") == "skip"
        browser.close()


# --- the opening ----------------------------------------------------------------------------------


def first_of_the_run(page: str) -> BeautifulSoup:
    """What stands between the heading of the first run and its first table."""
    found = BeautifulSoup(page, "html.parser").find("main")
    part = next(s for s in found.find_all("section") if s.h2.text.startswith("Run"))
    for table in part.find_all("table"):
        table.decompose()
    return part


def test_a_report_of_own_data_opens_with_the_run_and_claims_nothing_of_the_paper(make_run):
    auroc = {"nut": 95.0, "bolt": 60.0}

    def change(task):
        better = 2.0 if task.method == "PromptAD" else 0.0
        return {"image_auroc": auroc[task.product_line] + better + task.shots + task.seed}

    made = make_run("a", "folder", ("nut", "bolt"), (1, 2), 2, change=change)
    html_report.write_report(made.folder, [made])
    page = (made.folder / "report.html").read_text()
    main = BeautifulSoup(page, "html.parser").find("main")
    assert main.find("h2").text == "Run A, folder" and main.find(["img", "table"]).name == "img"
    assert "12 settings" not in page and "paper_settings.csv" in page
    told = first_of_the_run(page).text
    assert "Best: nut, PromptAD, 2 shots: 99.5 ± 0.7 %" in told
    assert "Worst: bolt, WinCLIP+, 1 shot: 61.5 ± 0.7 %" in told
    chart = main.find("img", class_="chart")
    picture = Image.open(io.BytesIO(base64.b64decode(chart["src"].split(",")[1])))
    assert min(picture.size) > 200 and np.asarray(picture.convert("L")).std() > 5
    assert "99.5 ± 0.7" in chart["alt"] and "61.5 ± 0.7" in chart["alt"]
    text = (made.folder / "report.md").read_text()
    assert "Best: **nut, PromptAD, 2 shots: 99.5 ± 0.7 %**" in text and "12 settings" not in text


def test_a_name_of_any_bytes_is_reported(make_run):
    made = make_run("a", "folder", ("caf\udce9", "=1+1"), shots=(1,))
    html_report.write_report(made.folder, [made])
    for kind in ("html", "md"):
        assert "caf\\udce9" in (made.folder / f"report.{kind}").read_text(encoding="utf-8")
    names = pd.read_csv(made.folder / "per_category.csv")["product_line"]
    assert set(names) == {"caf\\xe9", "'=1+1"}  # no formula for a spreadsheet


def test_the_picture_has_a_line_for_each_method_with_its_spread(make_run):
    from promptad_tutorial.benchmark.opening import PANELS, _panels, opening
    from promptad_tutorial.benchmark.report_tables import category_table
    from promptad_tutorial.benchmark.sections import sections

    names = [f"part $_{number}" for number in range(PANELS + 2)]
    made = make_run("a", "folder", names, change=lambda t: {"image_auroc": 50.0 + 9 * t.seed})
    (part,) = sections([made])
    table = category_table(part.table)
    figure = _panels(table, names[:3])
    (first, *_) = (axes for axes in figure.axes if axes.get_title())
    assert first.get_title() == names[0] and len(first.containers) == 2
    line, _, (bars,) = first.containers[0].lines
    assert line.get_ydata().tolist() == [54.5] * 3
    low, high = bars.get_segments()[0][:, 1]
    assert (low, high) == pytest.approx((54.5 - 9 / 2**0.5, 54.5 + 9 / 2**0.5))
    found = opening(part, table)
    assert f"the {PANELS} hardest of {PANELS + 2}" in found.alt
    assert opening(part, table.iloc[:0]) is None


def test_the_opening_shows_what_was_found_and_what_went_wrong(make_run):
    made = make_run("a", "folder", ("nut",), shots=(1,), seeds=1)
    file = io.BytesIO()
    Image.new("RGB", (9, 5)).save(file, "JPEG")
    picture = base64.b64encode(file.getvalue()).decode()
    for task in made.tasks:
        several = [
            Case(FALSE_ALARM, "good.png", "good", 0.5, 0.25, 4, None, picture),
            Case(FOUND, "found.png", "crack", 0.9, 0.0, 8, 0.1, picture),
            Case(MISSED, "missed.png", "crack", 0.1, 0.75, 8, 0.1, picture),
        ]
        cases.write_cases(made.folder / run_folder.CASES, task, several)
    html_report.write_report(made.folder, [made])
    opened = first_of_the_run((made.folder / "report.html").read_text())
    first = [one.text for one in opened.find("ul", class_="gallery").find_all("figcaption")]
    assert [one.split(":")[0].split()[1] for one in first] == [
        "found.png",
        "missed.png",
        "good.png",
    ]
    assert "above all 8 good pictures" in first[0]
    assert len(opened.find_all("figcaption")) == 3 + 4  # the failure gallery has mistakes alone


# --- the gallery ----------------------------------------------------------------------------


def test_the_worst_are_ranked_by_their_share_of_the_auroc_that_is_lost():
    generator = np.random.default_rng(0)
    labels = np.array([0] * 12 + [1] * 9)
    scores = np.round(generator.random(21), 1)  # with ties
    found = worst(labels, scores, 21)
    assert {kind for kind, _, _ in found} == {FALSE_ALARM, MISSED}  # the best defect is a tie
    for kind, label in ((FALSE_ALARM, 0), (MISSED, 1)):
        wrong = [w for k, _, w in found if k == kind]
        assert wrong == sorted(wrong, reverse=True) and min(wrong) > 0
        lost = sum(wrong) / (labels == label).sum()
        assert lost == pytest.approx(1 - roc_auc_score(labels, scores))
        assert all(labels[i] == label for k, i, _ in found if k == kind)
    assert [i for _, i, _ in worst(labels, scores, 1)] == [
        next(i for k, i, _ in found if k == kind) for kind in (FALSE_ALARM, MISSED)
    ]
    assert worst(labels, labels + scores / 9, 5) == [(FOUND, 12 + scores[12:].argmax(), 0.0)]


def test_a_case_shows_picture_map_and_mask_at_the_pictures_own_shape():
    mask = np.zeros((40, 40), dtype=bool)
    mask[10:20, 20:30] = True
    height = np.where(mask, 1.0, 0.0)
    picture = Image.new("RGB", (400, 200), (200, 30, 30))
    both = np.asarray(cases._thumbnail(picture, height, mask, (0.0, 1.0), "squash"))
    assert both.shape == (64, 2 * 128 + cases.GAP, 3)
    left, right = both[:, :128], both[:, -128:]
    white = (left == 255).all(axis=2)
    rows, columns = np.nonzero(white)
    assert (rows.min(), rows.max()) == (16, 31) and (columns.min(), columns.max()) == (64, 95)
    assert (left[20:28, 70:90] == (200, 30, 30)).all()  # an outline hides nothing inside
    assert right[24, 80, 1] > right[50, 10, 1] + 50  # yellow where the map is high
    crop = np.asarray(cases._thumbnail(picture, height, mask, (0.0, 1.0), "crop"))
    assert crop.shape == (128, 2 * 128 + cases.GAP, 3)
    bare = np.asarray(cases._thumbnail(picture, height, None, (0.0, 1.0), "squash"))
    assert (bare[:, :128] == (200, 30, 30)).all()


def test_damaged_or_foreign_files_of_cases_are_left_out(evil_run):
    folder, task = evil_run.folder / run_folder.CASES, evil_run.tasks[0]
    assert len(cases.read_cases(folder, task)) == 1
    path = folder / task.file
    good = json.loads(path.read_text())
    for name, value in {
        "jpeg": base64.b64encode(b"<svg onload=alert(1)>").decode(),
        "score": "high",
        "kind": "other",
    }.items():
        path.write_text(json.dumps(good | {"cases": [good["cases"][0] | {name: value}]}))
        assert cases.read_cases(folder, task) is None, name
    path.write_text(json.dumps(good | {"key": "other"}))
    assert cases.read_cases(folder, task) is None
    path.write_text("[")
    assert cases.read_cases(folder, task) is None


def test_the_gallery_is_limited_and_the_hardest_category_does_not_fill_it(make_run, tmp_path):
    from promptad_tutorial.benchmark.sections import sections

    made = make_run("a", names=CATEGORIES["mvtec"][:6], shots=(1, 2))
    for number, task in enumerate(made.tasks):
        several = [
            Case(FALSE_ALARM, f"{i}.png", "good", 0.5, 1 / (1 + number + i / 9), 4, None, "/9g=")
            for i in range(5)
        ]
        cases.write_cases(made.folder / run_folder.CASES, task, several)
    (part,) = sections([made])
    groups = part.gallery(limit=8)
    assert [title.split(":")[0] for title, _ in groups] == [
        "PromptAD, 2 shots",
        "WinCLIP+, 2 shots",
    ]
    for _, shown in groups:
        assert len(shown) == 8 and all(task.shots == 2 and task.seed == 0 for task, _ in shown)
        lines = [task.product_line for task, _ in shown]
        assert max(lines.count(name) for name in lines) == 2
        assert [c.wrong for _, c in shown] == sorted((c.wrong for _, c in shown), reverse=True)


# --- run.json -------------------------------------------------------------------------------


def test_a_folder_takes_more_shots_and_refuses_other_settings(make_run, tmp_path):
    make_run("a", shots=(1,))
    more = make_run("a", shots=(2,))
    assert {task.shots for task in more.tasks} == {1, 2}
    before = (tmp_path / "a" / run_folder.FILE).read_bytes()
    for how, expected in {
        ("map_size", 120): "map_size 240 there, 120 now",
        ("steps", 5): "config.steps 100 there, 5 now",
        ("resize", "crop"): "resize squash there, crop now",
        ("protocol", "released"): "protocol paper there, released now",
    }.items():
        with pytest.raises(ValueError, match="holds a run with other settings") as caught:
            make_run("a", **dict([how]))
        assert expected in str(caught.value) and "another --out" in str(caught.value)
    assert (tmp_path / "a" / run_folder.FILE).read_bytes() == before


def test_what_is_no_run_or_a_damaged_one_is_one_line(capsys, make_run, tmp_path):
    made = make_run("a", shots=(1,))
    assert "no such folder" in failure(capsys, "benchmark-report", tmp_path / "x")
    (tmp_path / "y").mkdir()
    assert "no such file" in failure(capsys, "benchmark-report", tmp_path / "y")
    words = ("benchmark-report", made.folder, tmp_path / "y")
    assert "expected --out" in failure(capsys, *words)
    path = made.folder / run_folder.FILE
    whole = path.read_text()
    for text in (whole[: len(whole) // 2], "[]", "{}", whole.replace('"paper"', '"best"')):
        path.write_text(text)
        assert "is damaged" in failure(capsys, "benchmark-report", made.folder)
    path.write_text(whole)
    (tmp_path / "file").write_text("")
    words = ("benchmark-report", made.folder, "--out", tmp_path / "file" / "r")
    assert "cannot write the report" in failure(capsys, *words)
