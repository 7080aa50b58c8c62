"""Is the series quick enough where another program computes too? As a browser beside JupyterLab.

python -m workshop.speed.busy

Four pieces of work that a learner waits for, on TinyCLIP, on this machine as it is and beside one
process that keeps a core busy. What takes more than 1.5 times as long beside it is warned about.
Run nothing else meanwhile, or the first figure is of a busy machine as well.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd
import torch

from promptad_tutorial.clip.loading import Backbone, load_backbone
from promptad_tutorial.detectors import PromptAD
from promptad_tutorial.files.writing import write_whole
from promptad_tutorial.learning.config import preset
from workshop.speed.compare import RESULTS, Job

log = logging.getLogger(__name__)

ALLOWED = 1.5  # times what a free core takes
REPEATS = 3
PICTURES = 16
STEPS = (20, 100)
REFIT_STEPS = 60  # of an explorer's answer


def waited_for(backbone: Backbone, job: Job) -> dict[str, Callable[[], object]]:
    """What a learner waits for, by name; each call does all of it anew."""
    name, shots, test = job.pictures()
    detectors = {
        n: PromptAD(backbone, name, replace(preset("paper"), steps=n))
        for n in (*STEPS, REFIT_STEPS)
    }
    fitted = detectors[STEPS[0]].fresh().fit(shots)
    drawn, seen = fitted.encode(shots), fitted.encode(test)

    def refit() -> None:
        detectors[REFIT_STEPS].fit_features(drawn).score_features(seen)

    fits = {f"a fit of {n} steps": lambda n=n: detectors[n].fit(shots) for n in STEPS}
    return fits | {
        f"scoring {len(test)} pictures": lambda: fitted.score(test),
        f"an explorer's refit of {REFIT_STEPS} steps": refit,
    }


@contextmanager
def one_busy_process() -> Iterator[None]:
    """Another process computes within the context, and never rests."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def seconds(work: Callable[[], object], repeats: int) -> float:
    """How long `work` takes: the median of some runs."""
    taken = []
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return median(taken)


def measure(backbone: Backbone, job: Job, repeats: int = REPEATS) -> list[dict[str, Any]]:
    """A row for each piece of work, with a warning for one that suffers beside a busy process."""
    with backbone.threads():
        small = torch.get_num_threads()
    rows = []
    for what, work in waited_for(backbone, job).items():
        work()  # warms up
        free = seconds(work, repeats)
        with one_busy_process():
            busy = seconds(work, repeats)
        if busy > ALLOWED * free:
            log.warning(
                "%s takes %.1f times as long beside a busy process (%.2f s, alone %.2f s): "
                "expected at most %.1f times", what, busy / free, busy, free, ALLOWED
            )  # fmt: skip
        rows.append(
            {
                "what": what,
                "backbone": backbone.label,
                "seconds": f"{free:.3g}",
                "seconds_beside_a_busy_process": f"{busy:.3g}",
                "times_as_long": f"{busy / free:.2f}",
                "threads_of_the_tower": small,
                "threads": torch.get_num_threads(),
                "cores": os.cpu_count(),
                "processor": processor(),
                "torch": torch.__version__,
            }
        )
    return rows


def processor() -> str:
    """The processor's name, as the system tells it."""
    told = Path("/proc/cpuinfo")  # Linux
    lines = told.read_text().splitlines() if told.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, write the table, print it."""
    logging.basicConfig(format="%(levelname)s: %(message)s")
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=REPEATS, help="of which the median counts")
    parser.add_argument("--out", type=Path, default=RESULTS / "busy.csv", help="a .csv file")
    options = parser.parse_args(arguments)
    rows = measure(load_backbone("tiny"), Job(test_images=PICTURES), options.repeats)
    table = pd.DataFrame(rows)
    write_whole(options.out, table.to_csv(index=False, lineterminator="\n"))
    print(table.iloc[:, [0, 2, 3, 4]].to_string(index=False))


if __name__ == "__main__":
    main()
