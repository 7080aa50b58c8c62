"""`score`: every picture gets its row, whatever happens to the others or to the run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from promptad_tutorial.clip.out_of_memory import AT_ONCE, COPIES, bytes_at_once, largest_batch
from promptad_tutorial.commands import score as score_command
from promptad_tutorial.commands.score_folder import stream
from promptad_tutorial.commands.score_folder.page import MOST_SHOWN, write_page
from promptad_tutorial.commands.score_folder.score_table import begin_table, row_of, rows_to_keep
from promptad_tutorial.detectors import (
    KINDS,
    CoOp,
    PromptAD,
    WinCLIP,
    ZeroShot,
    kind_of,
    open_detector,
)
from promptad_tutorial.figures.heat_maps import overlay, plain_map
from promptad_tutorial.files.listing import pictures_below
from promptad_tutorial.prompts.words import single_pair
from promptad_tutorial.scoring.threshold import Promise
from tests.commands.score_folder.conftest import noise
from tests.commands.test_cli import failure, run

ORDER = ["2.jpg", "2.png", "10.png", "line a/2.png", "line b/2.png", "line b/wide.TIFF"]


@pytest.fixture
def score(capsys, saved, pictures, tmp_path, detector, monkeypatch):
    """Runs `score` on the pictures, with the backbone that the detector was fitted with."""
    monkeypatch.setattr(
        "promptad_tutorial.commands.score.backbone_loader", lambda arguments: detector_backbone
    )

    def detector_backbone():
        return detector.backbone

    def call(*words: object, images: Path = pictures, out: Path = tmp_path / "out"):
        return ("score", "--detector", saved, "--images", images, "--out", out, *words)

    return call


def table_of(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "scores.csv", keep_default_na=False)


# --- what it writes -------------------------------------------------------------------------


def test_every_picture_has_its_row_with_the_detectors_own_score(
    capsys, score, detector, pictures, tmp_path
):
    code, told, _ = run(capsys, *score())
    table = table_of(tmp_path / "out")
    expected = detector.score([pictures / name for name in ORDER]).image_scores
    assert table.columns.tolist() == [
        "image", "score", "verdict", "threshold", "backbone", "error",
    ]  # fmt: skip
    assert table["image"].tolist() == ORDER  # sorted, sub-folders included, hidden ones not
    np.testing.assert_allclose(table["score"].astype(float), expected, atol=1e-6)
    called = np.where(table["score"].astype(float) > 0.004, "anomalous", "good")
    assert table["verdict"].tolist() == called.tolist()
    assert 0 < (called == "anomalous").sum() < len(called), expected
    assert set(table["threshold"]) == {0.004} and "RANDOM WEIGHTS" in table["backbone"][0]
    assert code == 1 and f"{len(ORDER)} pictures: {(called == 'good').sum()} good" in told


def test_heat_maps_do_not_collide_and_lie_over_the_whole_picture(
    capsys, score, detector, pictures, tmp_path
):
    run(capsys, *score())
    out = tmp_path / "out"
    for kind in ("maps", "overlays"):
        found = {p.relative_to(out / kind).as_posix() for p in (out / kind).rglob("*.*")}
        assert found == {f"{name}.png" for name in ORDER}
    expected = detector.score([pictures / "line a/2.png"]).anomaly_maps[0]
    with Image.open(out / "maps/line a/2.png.png") as image:
        np.testing.assert_allclose(np.asarray(image) / 65535, expected, atol=1e-5)
    with Image.open(out / "overlays/line b/wide.TIFF.png") as image:
        assert (image.size, image.mode) == ((90, 30), "RGB")


def test_an_overlay_is_yellow_where_the_map_is_high_and_shows_the_picture():
    height = np.zeros((8, 8))
    height[:, 4:] = 1
    drawn = np.asarray(overlay(Image.new("RGB", (64, 32), (200, 200, 200)), height, (0, 1)))
    assert drawn.shape == (32, 64, 3)
    left, right = drawn[:, 10].mean(axis=0), drawn[:, 50].mean(axis=0)
    assert right[0] > left[0] + 80 and right[1] > left[1] + 80  # red and green: yellow
    darker = np.asarray(overlay(Image.new("RGB", (64, 32)), height, (0, 1)))
    assert (drawn.astype(int) - darker).min() == pytest.approx(0.45 * 200, abs=2)
    cut = np.asarray(plain_map(np.array([[-1.0, 0.25], [0.5, 2.0]])))
    assert cut.tolist() == [[0, 16384], [32768, 65535]]


def test_no_maps_means_no_maps_and_one_scale_can_be_given(capsys, score, tmp_path):
    assert run(capsys, *score("--no-maps"))[0] == 1
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["scores.csv"]
    first, second = tmp_path / "first", tmp_path / "second"
    run(capsys, *score("--scale", 0, 1, out=first))
    run(capsys, *score("--scale", 0, 0.01, out=second))
    one, other = (np.asarray(Image.open(f / "overlays/2.png.png")) for f in (first, second))
    assert not np.array_equal(one, other)
    assert "LOW below HIGH" in failure(capsys, *score("--scale", 1, 0, out=tmp_path / "third"))


# --- exit codes -----------------------------------------------------------------------------


def test_the_exit_code_is_0_where_all_is_good_and_1_where_something_is_not(capsys, score, tmp_path):
    assert run(capsys, *score("--threshold", 0.99, "--no-maps"))[0] == 0
    assert run(capsys, *score("--threshold", -1, "--no-maps", "--overwrite"))[0] == 1
    assert set(table_of(tmp_path / "out")["verdict"]) == {"anomalous"}


def test_mistakes_are_one_line_and_code_2(capsys, score, saved, detector, tmp_path):
    assert "found nothing there" in failure(capsys, *score(images=tmp_path / "nowhere"))
    (tmp_path / "empty").mkdir()
    assert "expected pictures" in failure(capsys, *score(images=tmp_path / "empty"))
    assert "finite number" in failure(capsys, *score("--threshold", "nan"))
    assert "batch size of 1 or more" in failure(capsys, *score("--batch", 0))
    words = ("--images", tmp_path / "pictures", "--out", tmp_path / "out")
    assert "found no file" in failure(capsys, "score", "--detector", tmp_path / "x", *words)
    bare = detector.fresh()
    bare.memory = detector.memory
    without = bare.save(tmp_path / "bare.safetensors")
    assert "has no threshold" in failure(capsys, "score", "--detector", without, *words)
    assert not (tmp_path / "out").exists()  # nothing was begun


def test_a_corrupt_picture_is_a_row_and_does_not_stop_the_rest(capsys, score, pictures, tmp_path):
    (pictures / "0 broken.png").write_bytes(b"no picture")
    whole = (pictures / "2.png").read_bytes()
    (pictures / "3 cut.png").write_bytes(whole[: len(whole) // 2])
    (pictures / "4 empty.jpg").touch()
    (pictures / "5 link.png").symlink_to(tmp_path / "nowhere.png")
    code, told, _ = run(capsys, *score("--threshold", 0.99))
    table = table_of(tmp_path / "out").set_index("image")
    broken = table[table["verdict"] == "error"]
    assert broken.index.tolist() == ["0 broken.png", "3 cut.png", "4 empty.jpg", "5 link.png"]
    assert (broken["score"] == "").all() and broken["error"].str.len().min() > 20
    assert set(table.index) == {*ORDER, *broken.index} and "4 could not be read" in told
    assert code == 3  # not 0: nobody has seen them
    assert run(capsys, *score("--threshold", -1, "--overwrite"))[0] == 1


def test_a_score_that_is_no_number_does_not_pass_as_good(detector, pictures, monkeypatch):
    whole = detector.score

    def broken(images):
        found = whole(images)
        found.image_scores[:] = np.nan
        return found

    monkeypatch.setattr(detector, "score", broken)
    (found,) = stream.inspect(detector, [pictures / "2.png"])
    assert found.score is None and "not finite" in found.error


# --- again ----------------------------------------------------------------------------------


def test_an_older_table_is_not_lost_and_a_killed_run_goes_on(capsys, score, pictures, tmp_path):
    run(capsys, *score("--no-maps"))
    path = tmp_path / "out" / "scores.csv"
    before = path.read_bytes()
    assert "is there already" in failure(capsys, *score())
    assert "of threshold 0.004" in failure(capsys, *score("--resume", "--threshold", 0.5))
    assert path.read_bytes() == before
    rows = before.splitlines(keepends=True)
    path.write_bytes(b"".join(rows[:4]) + rows[4][:9])  # killed in the middle of a row
    (pictures / "2.jpg").write_bytes(b"now broken")  # its row is there: it is not read again
    code, told, _ = run(capsys, *score("--no-maps", "--resume"))
    assert path.read_bytes() == before and code == 1 and "0 could not be read" in told
    assert run(capsys, *score("--no-maps", "--overwrite"))[1].count("1 could not be read") == 1
    path.write_text("something,else\n")
    assert "expected a table with columns" in failure(capsys, *score("--resume"))


def test_a_resumed_run_keeps_the_scale_of_its_colours(capsys, score, tmp_path):
    run(capsys, *score())
    out = tmp_path / "out"
    whole = {p: p.read_bytes() for p in out.rglob("*.*")}
    rows = (out / "scores.csv").read_bytes().splitlines(keepends=True)
    (out / "scores.csv").write_bytes(b"".join(rows[:3]))
    shutil.rmtree(out / "overlays" / "line b")
    run(capsys, *score("--resume"))
    assert {p: p.read_bytes() for p in out.rglob("*.*")} == whole


SLOW = """
import sys, time
from pathlib import Path
from promptad_tutorial.clip import loading
from promptad_tutorial.commands import cli, score
from promptad_tutorial.clip.out_of_memory import AT_ONCE, COPIES, bytes_at_once, largest_batch
from promptad_tutorial.commands import score as score_command
from promptad_tutorial.commands.score_folder import stream
from tests.conftest import stir, write_config

folder = Path(sys.argv[1])
folder.mkdir()
write_config(folder, "small-plain")
score.backbone_loader = lambda arguments: lambda: stir(
    loading.load_backbone("small-plain", "random", "cpu")
)
read = stream._read


def slow(detector, path, keep):
    if path.name == "10.png":  # the third
        time.sleep(600)
    return read(detector, path, keep)


stream._read = slow
cli.main(sys.argv[2:])
"""


def test_a_killed_run_keeps_its_rows_and_is_resumed(capsys, score, tmp_path, saved, pictures):
    # a real SIGKILL of a real process, at the third picture
    out = tmp_path / "out"
    words = ["score", "--detector", saved, "--images", pictures, "--out", out]
    options = ["--batch", 1, "--scale", 0, 1]
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, *map(str, [tmp_path / "configs", *words, *options])],
        cwd=Path(__file__).parents[3],
        stderr=subprocess.PIPE,
    )
    try:
        until = time.monotonic() + 240  # a busy machine
        while time.monotonic() < until and process.poll() is None:
            if (out / "scores.csv").exists() and len(table_of(out)) == 2:
                break
            time.sleep(0.05)
    finally:
        process.kill()
        said = process.communicate()[1].decode()
    assert (out / "scores.csv").exists(), said
    assert table_of(out)["image"].tolist() == ["2.jpg", "2.png"], said
    (pictures / "2.jpg").write_bytes(b"now broken")  # it is not read again
    assert run(capsys, *score("--resume", "--batch", 1, "--scale", 0, 1))[0] == 1
    assert table_of(out)["image"].tolist() == ORDER and set(table_of(out)["error"]) == {""}
    assert (out / "scores.html").read_text("utf-8").count("data:image/jpeg") == len(ORDER)


# --- names, other kinds of pictures, the page ---------------------------------------------------

ODD = [
    "=1+1.png",
    "=cmd()|' /C calc'!A0.png",
    "+2.png",
    "@SUM(A1).png",
    "two\r\nlines\tand a tab.png",
    "photo\u202egnp.exe.png",
    "\u2067ltr\u2069\u200f\u061c.png",
    os.fsdecode(b"\xff\xfe=1.png"),
    "a&b <i>'\"{{ 7 * 7 }}.png",
    "划痕.png",
    os.fsdecode(b"caf\xe9.png"),
    "<script>alert(1)</script>.png",
    "a\nb.png",
]


TURN = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}  # of Unicode's marks


class PageNames(HTMLParser):
    """The names that a page of scores gives its pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names += [value or "" for name, value in attrs if name == "data-name"]


def test_any_name_is_scored_written_and_printed(capsys, score, detector, tmp_path):
    folder = tmp_path / "odd"
    for seed, name in enumerate(ODD):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        noise(seed).save(folder / name)
    code, told, _ = run(capsys, *score(images=folder))
    raw = (tmp_path / "out" / "scores.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf") and code in (0, 1)
    assert f"{len(ODD)} pictures" in told
    names = table_of(tmp_path / "out")["image"].tolist()
    assert {"'=1+1.png", "划痕.png", r"caf\xe9.png", r"a\nb.png"} < set(names)
    page = (tmp_path / "out" / "scores.html").read_text("utf-8")
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)&lt;/script&gt;.png" in page
    assert not [n for n in names if n.startswith(("=", "+", "@")) or not n.isprintable()]
    turn = [c for c in raw.decode("utf-8-sig") + page if unicodedata.bidirectional(c) in TURN]
    assert turn == []
    shown = PageNames()  # a browser's reading of the page: each name once, as in the table
    shown.feed(page)
    assert sorted(shown.names) == sorted(names) and len(set(names)) == len(ODD)
    assert page.count("data:image/jpeg") == len(ODD)
    assert run(capsys, *score("--resume", images=folder))[0] == code
    assert table_of(tmp_path / "out")["image"].tolist() == names  # none was scored twice


def test_two_files_of_one_printed_name_are_both_scored_after_a_kill(capsys, score, tmp_path):
    folder = tmp_path / "alike"
    folder.mkdir()
    for seed, name in enumerate((r"caf\xe9.png", os.fsdecode(b"caf\xe9.png"), "z.png")):
        noise(seed).save(folder / name)
    run(capsys, *score(images=folder))
    whole = table_of(tmp_path / "out").sort_values(["image", "score"], ignore_index=True)
    assert whole["image"].tolist() == 2 * [r"caf\xe9.png"] + ["z.png"]
    path = tmp_path / "out" / "scores.csv"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    run(capsys, *score("--resume", images=folder))
    again = table_of(tmp_path / "out").sort_values(["image", "score"], ignore_index=True)
    pd.testing.assert_frame_equal(again, whole)


def test_a_label_with_any_name_in_it_is_written_and_known_again(tmp_path):
    label = f"small-plain (weights from {os.fsdecode(b'caf')}\udce9.safetensors)"
    path = tmp_path / "scores.csv"
    row = row_of("a.png", 0.5, 0.4, label, "")
    begin_table(path, [row]).close()
    assert rows_to_keep(path, 0.4, label, resume=True) == [row]
    assert row.backbone == r"small-plain (weights from caf\xe9.safetensors)"


def test_what_nobody_can_read_is_a_row_and_not_good(capsys, score, pictures, tmp_path):
    noise(3).save(pictures / "a.jfif", "JPEG")
    noise(3).save(pictures / "b.gif", save_all=True, append_images=[noise(4)])
    noise(3).save(pictures / "photo.jpg_large", "JPEG")
    for name in ("c.svg", "d.CR2", "e.jxl"):
        (pictures / name).write_bytes(b"something")
    for name in ("Thumbs.db", "desktop.ini", "~$a.png"):
        (pictures / name).write_bytes(b"x")
    code, told, _ = run(capsys, *score("--threshold", 0.99))
    table = table_of(tmp_path / "out").set_index("image")
    assert {"a.jfif", "b.gif", "photo.jpg_large"} <= set(table.index[table["verdict"] == "good"])
    broken = table[table["verdict"] == "error"]
    assert broken.index.tolist() == ["c.svg", "d.CR2", "e.jxl"] and code == 3
    assert "3 could not be read" in told and len(table) == len(ORDER) + 6


def test_the_page_shows_every_picture_from_high_to_low(capsys, score, pictures, tmp_path):
    (pictures / "0 broken.png").write_bytes(b"no picture")
    run(capsys, *score())
    page = (tmp_path / "out" / "scores.html").read_text("utf-8")
    table = table_of(tmp_path / "out")
    scored = table[table["verdict"] != "error"].astype({"score": float})
    order = scored.sort_values("score", ascending=False)["image"].tolist()
    places = [page.index(f'data-name="{name}"') for name in order]
    assert places == sorted(places)
    line = page.index("what follows is called good")
    above = (scored["score"] > 0.004).sum()
    assert places[above - 1] < line < places[above]
    assert "0 broken.png</b>: could not read" in page and page.count("data:image/jpeg") == 6
    outside = [word for word in ("http://", "https://", 'src="/', "@import") if word in page]
    assert not outside


def test_ten_thousand_rows_make_a_page_of_bounded_size(tmp_path):
    rows = [row_of(f"{i}.png", i / 1e4, 0.5, "b", "") for i in range(10_000)]
    path = write_page(rows, {}, tmp_path)
    page = path.read_text("utf-8")
    assert page.count('<li class="picture') == MOST_SHOWN and path.stat().st_size < 3e6
    assert f"{10_000 - MOST_SHOWN} lower ones are in scores.csv only" in page


def test_a_name_that_is_too_long_for_its_heat_map_is_scored(capsys, score, tmp_path):
    folder = tmp_path / "long"
    folder.mkdir()
    noise(1).save(folder / f"{'x' * 250}.png")
    noise(2).save(folder / "b.png")
    code, told, said = run(capsys, *score("--threshold", 0.99, images=folder))
    assert code == 0, (told, said)
    assert set(table_of(tmp_path / "out")["verdict"]) == {"good"}


def test_the_promise_is_repeated_and_a_moved_line_is_told(
    capsys, score, detector, saved, tmp_path, caplog
):
    folder = tmp_path / "many"
    folder.mkdir()
    for seed in range(24):
        noise(seed).save(folder / f"{seed}.png")
    scores = sorted(map(float, detector.score(list(folder.iterdir())).image_scores))
    path = tmp_path / "promising.safetensors"
    told = {}
    for name, calibration in (("same", scores), ("lower", [s / 100 for s in scores])):
        detector.promise = Promise("student", 0.1, tuple(calibration))
        detector.threshold, before = 1.0, detector.threshold
        detector.save(path)
        detector.threshold, detector.promise = before, None
        words = list(score("--no-maps", images=folder, out=tmp_path / name))
        words[2] = path
        caplog.clear()
        assert "a share 0.1 of false alarms if good" in run(capsys, *words)[1]
        told[name] = "".join(r.getMessage() for r in caplog.records)
    assert "the line has moved" in told["lower"] and "moved" not in told["same"]


# --- the parts ------------------------------------------------------------------------------


def test_what_is_written_among_the_pictures_is_not_scored(capsys, score, pictures):
    out = pictures / "found"
    run(capsys, *score(out=out))
    run(capsys, *score("--overwrite", out=out))
    assert table_of(out)["image"].tolist() == ORDER


def test_folders_that_link_in_a_circle_are_walked_once(pictures):
    (pictures / "line a" / "up").symlink_to(pictures)
    found = [p.relative_to(pictures).as_posix() for p in pictures_below(pictures)]
    assert found == ORDER


@pytest.mark.parametrize("batch", [1, 4, 16])
def test_the_size_of_the_batch_changes_nothing_and_bounds_what_is_in_memory(
    detector, pictures, monkeypatch, batch
):
    held, most = 0, 0
    read = stream._read

    def counted(*arguments):
        nonlocal held, most
        held += 1
        most = max(most, held)
        return read(*arguments)

    monkeypatch.setattr(stream, "_read", counted)
    scores = []
    for one in stream.inspect(detector, pictures_below(pictures), batch):
        scores.append(one.score)
        held -= 1
    assert most == min(batch, len(ORDER))
    expected = detector.score(list(pictures_below(pictures))).image_scores
    np.testing.assert_allclose(scores, expected, atol=1e-6)


def test_large_pictures_are_kept_small(detector, tmp_path):
    Image.new("RGB", (3000, 1500)).save(tmp_path / "large.png")
    (found,) = stream.inspect(detector, [tmp_path / "large.png"])
    assert found.picture.size == (1024, 512)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_detector_of_any_kind_is_opened_by_the_word_in_its_file(
    small_backbone, tmp_path, kind, detector
):
    from tests.detectors.conftest import quick

    backbone = small_backbone()
    made = {
        "zero-shot": lambda: ZeroShot(backbone, "nut", single_pair("nut"), 24),
        "coop": lambda: CoOp(backbone, "nut", quick()),
        "winclip": lambda: WinCLIP(backbone, "nut", single_pair("nut"), 24),
        "promptad": lambda: PromptAD(backbone, "nut", quick()),
        "visual-memory": lambda: detector,
    }[kind]()
    path = made.fit([noise(1), noise(2)]).save(tmp_path / "one.safetensors")
    assert kind_of(path) is type(made)
    again = open_detector(path, backbone)
    images = [noise(3)]
    np.testing.assert_allclose(
        again.score(images).image_scores, made.score(images).image_scores, atol=1e-7
    )


def test_every_kind_of_detector_can_be_opened():
    from promptad_tutorial import detectors

    kinds = {getattr(detectors, name) for name in detectors.__all__} - {detectors.Detector}
    assert set(KINDS.values()) == kinds


def test_a_kind_that_nobody_knows_is_named(saved, tmp_path, monkeypatch):
    monkeypatch.delitem(KINDS, "visual-memory")
    with pytest.raises(ValueError, match="found 'visual-memory': a newer release"):
        kind_of(saved)
    (tmp_path / "junk").write_bytes(b"\x80\x04junk")
    with pytest.raises(ValueError, match="damaged, or no saved detector"):
        kind_of(tmp_path / "junk")
    torch.save({}, tmp_path / "pickled")
    with pytest.raises(ValueError, match="damaged, or no saved detector"):
        kind_of(tmp_path / "pickled")


# --- memory is foreseen ---------------------------------------------------------------------


def test_a_batch_that_does_not_fit_is_halved_before_the_run(detector, monkeypatch, caplog):
    backbone = detector.backbone
    needed = bytes_at_once(backbone.model.visual, 4)
    monkeypatch.setattr(score_command, "free_memory", lambda: needed)
    assert score_command.fitting_batch(backbone, 3) == 3 and not caplog.records
    assert score_command.fitting_batch(backbone, 16) == 4
    assert "going on with batches of 4" in caplog.text


def test_a_picture_that_does_not_fit_is_told_before_the_run(score, capsys, monkeypatch):
    monkeypatch.setattr(score_command, "free_memory", lambda: 100e6)
    told = failure(capsys, *score())
    assert "expected 0.5 GB of free memory for one picture of 32 px" in told
    assert "found that 0.1 GB of memory are free" in told


def test_the_estimate_of_a_batch_holds_pixels_tokens_and_what_the_tower_needs():
    visual = torch.nn.Module()
    visual.positional_embedding = torch.nn.Parameter(torch.zeros(17, 64))
    visual.image_size = (32, 32)
    kept = 24 * (17 * 64 + 2 * 32 * 32)  # bytes per picture, in double precision
    in_the_tower = 17 * 64 * 4 * COPIES
    for images in (1, 5):
        expected = images * (kept + in_the_tower) + AT_ONCE // 2
        assert bytes_at_once(visual, images) == expected
    many = 10 * largest_batch(visual)
    expected = many * kept + largest_batch(visual) * in_the_tower + AT_ONCE // 2
    assert bytes_at_once(visual, many) == expected
