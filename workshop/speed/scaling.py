"""How much faster two processes are than one: the benchmark command itself, on an empty cache.

python -m workshop.speed.scaling
python -m workshop.speed.scaling --jobs 1 2 4 --backbone ViT-B-32 --pretrained random

Every process computes with one thread. What is timed is the whole command: the start of Python,
the processes' own start, and the report. The rows of all runs must be the same.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from workshop.speed.compare import RESULTS
from workshop.speed.throughput import write_rows

ROOT = Path(__file__).resolve().parents[2]
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
CHANGES = {"seconds", "memory_mb", "gpu_memory_mb"}  # of a row, from run to run
KEPT = ("backbone", "checksum", "dtype", "device")  # of a row, for the table


def run(words: Sequence[str], jobs: int, backend: str) -> tuple[float, dict[str, dict[str, Any]]]:
    """Seconds of the command with so many workers, and its rows without what differs."""
    with TemporaryDirectory() as folder:
        given = ["--jobs", str(jobs), "--backend", backend, "--out", folder]
        command = [sys.executable, "-m", "promptad_tutorial", "benchmark", *words, *given]
        begun = time.perf_counter()
        done = subprocess.run(
            [*command, "--cache", f"{folder}/cache"],
            cwd=ROOT,
            env=dict(os.environ) | dict.fromkeys(THREADS, "1"),
            capture_output=True,
            text=True,
        )
        spent = time.perf_counter() - begun
        if done.returncode:
            raise RuntimeError(f"the benchmark failed: {done.stderr[-2000:]}")
        found = {}
        for path in (Path(folder) / "rows").glob("*.json"):
            row = json.loads(path.read_text())
            found[path.name] = {k: v for k, v in row.items() if k not in CHANGES}
    return spent, found


def scaling(
    words: Sequence[str], numbers: Sequence[int], backend: str
) -> tuple[list[dict[str, Any]], float]:
    """A row for each number of workers, and the last speed-up. RuntimeError if rows differ."""
    found = {jobs: run(words, jobs, backend) for jobs in numbers}
    first, rows = found[numbers[0]]
    table = []
    for jobs, (spent, mine) in found.items():
        if mine != rows:
            raise RuntimeError(f"{jobs} workers made other rows than {numbers[0]}")
        some = next(iter(mine.values()))
        table.append(
            {key: some[key] for key in KEPT}
            | {
                "backend": backend,
                "workers": jobs,
                "threads_each": 1,
                "tasks": len(mine),
                "seconds": spent,
                "speed_up": first / spent,
                "cores": os.cpu_count(),
                "torch": torch.__version__,
            }
        )
    return table, first / found[numbers[-1]][0]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, write the rows, print the speed-up. Other options go to the benchmark command."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0],
        epilog="other options are those of the benchmark command",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--jobs", nargs="+", type=int, default=[1, 2], help="numbers of workers")
    parser.add_argument("--backend", default="loky", help="of joblib")
    parser.add_argument("--out", type=Path, default=RESULTS / "scaling.csv", help="a .csv file")
    given, words = parser.parse_known_args(arguments)
    words = words or ["--shots", "1", "2", "--seeds", "2", "--methods", "memory", "PromptAD"]
    table, speed_up = scaling(words, given.jobs, given.backend)
    command = shlex.join(["python", "-m", "workshop.speed.scaling", *arguments])
    key = ["backbone", "device", "dtype", "backend", "workers"]
    write_rows(given.out, [row | {"command": command} for row in table], key)
    print(
        f"{given.jobs[-1]} workers are {speed_up:.2f} times as fast as {given.jobs[0]}: {given.out}"
    )


if __name__ == "__main__":
    main()
