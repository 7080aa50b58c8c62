"""`score` at 1024 pixels and on very many pictures: measured, in processes of its own.

Nothing here asserts seconds. SCORE_PICTURES=10000 measures with more than 1,000 pictures.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from promptad_tutorial.clip.loading import load_backbone
from promptad_tutorial.commands.score_folder.page import MOST_SHOWN
from promptad_tutorial.detectors import PromptAD, VisualMemory
from tests.commands.score_folder.conftest import noise
from tests.conftest import write_config
from tests.detectors.conftest import quick

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
MOST_BYTES = 2 * 10**9  # at 1024 pixels, of the whole process, Python and torch included
MANY = int(os.environ.get("SCORE_PICTURES", 1000))
LARGE = {"image_size": 32, "patch_size": 16, "head_width": 8}  # 4096 patches and 8 heads at 1024
# argv: open_clip's config, a file for what was read, the name at which to wait, and the command
PROGRAM = """
import json, resource, sys, time
import open_clip
from promptad_tutorial.commands import cli
from promptad_tutorial.commands.score_folder import stream

config, told, waits, *words = sys.argv[1:]
open_clip.add_model_config(config)
read = stream._read


def noted(detector, path, keep):
    if path.name == waits:
        time.sleep(3600)
    with open(told, "a") as file:
        file.write(path.name + "\\n")
    return read(detector, path, keep)


stream._read = noted
code = cli.main(words)
peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"code": code, "peak": peak}))
"""


class Runs:
    """`score` of one detector on one folder, in a process of its own."""

    def __init__(self, config: Path, detector: Path, images: Path, out: Path) -> None:
        self.out, self.told = out, out.with_name(f"{out.name} read.txt")
        call = ["score", "--detector", detector, "--images", images, "--out", out]
        self.start = [sys.executable, "-c", PROGRAM, config, self.told]
        self.call = [*call, "--backbone", f"{config.stem}:random"]

    def words(self, *more: object, waits: str = "") -> list[str]:
        return [*map(str, self.start), waits, *map(str, [*self.call, *more])]

    def run(self, *more: object) -> dict[str, int]:
        """Exit code and peak of memory, in bytes."""
        # a process starts with the peak of the one that starts it, so a small one does
        small = "import subprocess, sys; raise SystemExit(subprocess.call(sys.argv[1:]))"
        words = [sys.executable, "-c", small, *self.words(*more)]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def kill_at(self, name: str, rows: int) -> None:
        """SIGKILL while the picture `name` is read, when so many rows are there."""
        process = subprocess.Popen(self.words(waits=name), cwd=ROOT, stderr=subprocess.PIPE)
        try:
            until = time.monotonic() + 480  # a busy machine
            while time.monotonic() < until and process.poll() is None and len(self.rows()) < rows:
                time.sleep(0.05)
        finally:
            process.kill()
            said = process.communicate()[1].decode()
        assert len(self.rows()) == rows, said

    def rows(self) -> list[dict[str, str]]:
        path = self.out / "scores.csv"
        if not path.exists():
            return []
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))

    def read(self) -> list[str]:
        return self.told.read_text().split("\n")[:-1]


def config_of(folder: Path, name: str, **vision: int) -> Path:
    write_config(folder, name, {}, vision)
    return folder / f"{name}.json"


def test_1024_pixels_stay_below_two_gigabytes(tmp_path):
    config = config_of(tmp_path, "small-large", **LARGE)
    backbone = load_backbone("small-large", "random", "cpu", image_size=1024)
    detector = PromptAD(backbone, "nut", quick()).fit([noise(1, (900, 1300))])
    detector.threshold, detector.false_positive_rate = 0.5, 0.1
    detector.save(tmp_path / "nut.safetensors")
    images = tmp_path / "images"
    images.mkdir()
    for seed in range(8):
        noise(seed, (1100, 1500)).save(images / f"{seed}.jpg")
    runs = Runs(config, tmp_path / "nut.safetensors", images, tmp_path / "out")
    found = runs.run("--batch", 8)
    print(f"\n8 pictures at 1024 pixels: peak {found['peak'] / 1e9:.2f} GB")
    assert found["code"] in (0, 1) and len(runs.rows()) == 8
    # all weights of attention at once were 8 * 8 * 4097^2 * 4 bytes, 4.3 GB
    assert found["peak"] < MOST_BYTES


def small_pictures(folder: Path, count: int) -> Path:
    """So many JPEG files of 64 x 64 pixels; one in the middle is broken."""
    folder.mkdir()
    whole = [np.asarray(noise(seed, (64, 64))) for seed in range(16)]
    for number in range(count):
        path = folder / f"{number}.jpg"
        Image.fromarray(np.roll(whole[number % 16], number, axis=0)).save(path)
    path = folder / f"{count // 2}.jpg"
    path.write_bytes(path.read_bytes()[:200])
    return folder


@pytest.fixture(scope="module")
def saved_small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Config and file of a detector with a small random backbone."""
    folder = tmp_path_factory.mktemp("small")
    config = config_of(folder, "small-plain")
    backbone = load_backbone("small-plain", "random", "cpu")
    detector = VisualMemory(backbone, "nut", 24).fit([noise(1, (64, 64)), noise(2, (64, 64))])
    detector.threshold, detector.false_positive_rate = 0.5, 0.1
    return config, detector.save(folder / "nut.safetensors")


def test_many_pictures_take_no_more_memory_than_few(saved_small, tmp_path):
    peaks = {}
    for count in (MANY // 10, MANY):
        images = small_pictures(tmp_path / f"{count} images", count)
        runs = Runs(*saved_small, images, tmp_path / f"{count} out")
        found = runs.run()
        rows = runs.rows()
        assert [row["image"] for row in rows] == [f"{n}.jpg" for n in range(count)]
        broken = [row for row in rows if row["verdict"] == "error"]
        assert [row["image"] for row in broken] == [f"{count // 2}.jpg"]  # one row, no more
        assert broken[0]["error"] and found["code"] in (1, 3)
        page = (runs.out / "scores.html").read_text("utf-8")
        assert page.count('<li class="picture') == min(MOST_SHOWN, count - 1)
        peaks[count] = found["peak"]
    told = ", ".join(f"{count} pictures {peak / 1e6:.0f} MB" for count, peak in peaks.items())
    print(f"\npeak of memory: {told}")
    assert peaks[MANY] < 1.1 * peaks[MANY // 10], told


def test_a_kill_among_many_costs_no_row_and_no_row_is_done_again(saved_small, tmp_path):
    count = MANY // 10
    images = small_pictures(tmp_path / "images", count)
    runs = Runs(*saved_small, images, tmp_path / "out")
    whole = count * 3 // 4 // 16 * 16  # batches of 16 that are done before the picture after them
    runs.kill_at(f"{whole}.jpg", whole)
    kept = runs.rows()
    runs.told.unlink()
    runs.run("--resume")
    rows = runs.rows()
    scored = [row for row in kept if row["verdict"] != "error"]
    assert rows[: len(scored)] == scored  # as they were
    again = [f"{count // 2}.jpg"]  # an error's row is tried again
    assert runs.read() == again + [f"{n}.jpg" for n in range(whole, count)]
    assert sorted(int(row["image"][:-4]) for row in rows) == list(range(count))
    assert [row["image"] for row in rows if row["verdict"] == "error"] == again
