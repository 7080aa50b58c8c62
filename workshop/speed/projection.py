"""What the paper's experiment on all of MVTec AD and VisA would take: a projection, not a run.

python -m workshop.speed.projection
python -m workshop.speed.projection --backbone ViT-B-16-plus-240 --gpu-images-a-second 900 ...

The parts of a run are measured on one thread of this machine's CPU (see `parts`), for
pictures of the sizes of the real ones: 27 categories, whose numbers of pictures are public
(`dataset_sizes.csv`). The rest is arithmetic. Nothing of a GPU is known here: give its speeds, or
the row says "not measured".
"""

from __future__ import annotations

import argparse
import heapq
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from workshop.speed.compare import RESULTS, in_child
from workshop.speed.parts import measured_parts
from workshop.speed.throughput import write_rows

SIZES = Path(__file__).with_name("dataset_sizes.csv")
CLUSTER = 16  # workers
UNKNOWN = "not measured"
ONE_CORE = "measured: parts, on one thread of this CPU"
ASSUMED = {
    "1 CPU core": ONE_CORE,
    "1 CPU, 2 cores": f"{ONE_CORE}; assumed: the speed-up of results/scaling.csv, times {{}}",
    "16-worker cluster": f"{ONE_CORE}; assumed: each worker is such a core, categories and seeds "
    "are handed out in the runner's order, and the shared disk costs nothing",
    "1 GPU": "assumed: pictures and windows by --gpu-* options; reading, scoring and figures as "
    "measured on one thread of this CPU",
}


@dataclass(frozen=True)
class Experiment:
    """The default run of `benchmark`: zero-shot, WinCLIP+, memory and PromptAD."""

    shots: tuple[int, ...] = (1, 2, 4)
    seeds: int = 5
    steps: int = 100

    @property
    def few_shot(self) -> int:
        """Tasks of one category, seed and few-shot method."""
        return len(self.shots)


def group_seconds(
    test: int, seed: int, parts: Mapping[str, float], wanted: Experiment
) -> dict[str, float]:
    """Seconds of one category and seed, by part.

    The first seed encodes the test set, which the others find in the cache; each seed encodes its
    own shots (they are nested: the most of them). WinCLIP's windows of a picture are encoded beside
    its other features, and both read it. Zero-shot is measured with the first seed alone.
    """
    pictures = max(wanted.shots) + (test if seed == 0 else 0)
    scored = test * (3 * wanted.few_shot + (seed == 0))
    return {
        "reading": 2 * pictures * parts["read"],
        "encoding": pictures * parts["encode"],
        "windows": pictures * parts["windows"],
        "training": wanted.few_shot * parts["fit"],
        "scoring": scored * (parts["score"] + parts["evaluate"]),
    }


def all_groups(
    sizes: pd.DataFrame, parts: Mapping[str, float], wanted: Experiment
) -> list[dict[str, float]]:
    """Every category and seed in the order of the runner: one seed of all categories first."""
    return [
        group_seconds(int(test), seed, parts, wanted)
        for seed in range(wanted.seeds)
        for test in sizes["test"]
    ]


def finished(groups: Sequence[Mapping[str, float]], workers: int) -> float:
    """When the last of so many equal workers is done, each taking the next group when free."""
    free = [0.0] * workers
    for group in groups:
        heapq.heapreplace(free, free[0] + sum(group.values()))
    return max(free)


def project(
    sizes: pd.DataFrame,
    parts: Mapping[str, float],
    wanted: Experiment,
    two_cores: float | None,
    gpu: Mapping[str, float] | None,
) -> list[dict[str, Any]]:
    """A row for each machine: hours in all and by part, and what is measured and assumed."""
    groups = all_groups(sizes, parts, wanted)
    totals = {key: sum(group[key] for group in groups) for key in groups[0]}
    whole = sum(totals.values())
    found: dict[str, tuple[float | None, Mapping[str, float]]] = {
        "1 CPU core": (whole, totals),
        "1 CPU, 2 cores": (whole / two_cores if two_cores else None, totals),
        "16-worker cluster": (finished(groups, CLUSTER), totals),
        "1 GPU": (None, {}),
    }
    if gpu is not None:
        on_gpu = all_groups(sizes, dict(parts) | dict(gpu), wanted)
        gpu_totals = {key: sum(group[key] for group in on_gpu) for key in totals}
        found["1 GPU"] = sum(gpu_totals.values()), gpu_totals
    rows = []
    for machine, (spent, by_part) in found.items():
        row: dict[str, Any] = {"machine": machine}
        row["hours"] = UNKNOWN if spent is None else spent / 3600
        row |= {f"work_hours_{k}": by_part[k] / 3600 if by_part else UNKNOWN for k in totals}
        basis = ASSUMED[machine].format(f"{two_cores:.2f}" if two_cores else f"({UNKNOWN})")
        rows.append(row | {"basis": basis})
    return rows


def measured_speed_up(path: Path) -> float | None:
    """Of two workers over one, from the table of `scaling`; None if there is none."""
    if not path.exists():
        return None
    table = pd.read_csv(path)
    found = table.loc[table["workers"] == 2, "speed_up"]
    return float(found.iloc[-1]) if len(found) else None


def _parts_of(job: tuple[str, int]) -> tuple[str, dict[str, float]]:
    return measured_parts(*job)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the parts, write both tables, print the projection."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    default = Experiment()
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--backbone", default="ViT-L-14-336", help="of open_clip, or tiny")
    parser.add_argument("--shots", nargs="+", type=int, default=default.shots, help="numbers")
    parser.add_argument("--seeds", type=int, default=default.seeds, help="how many draws")
    parser.add_argument("--gpu-images-a-second", type=float, help="encoded, measured on yours")
    parser.add_argument("--gpu-windows-a-second", type=float, help="pictures, all their windows")
    parser.add_argument("--gpu-fit-seconds", type=float, help="of one PromptAD fit")
    parser.add_argument("--sizes", type=Path, default=SIZES, help="a table of categories")
    parser.add_argument("--scaling", type=Path, default=RESULTS / "scaling.csv", help="a table")
    parser.add_argument("--out", type=Path, default=RESULTS, help="a folder")
    given = parser.parse_args(arguments)
    gpu = None
    speeds = (given.gpu_images_a_second, given.gpu_windows_a_second, given.gpu_fit_seconds)
    if any(speeds):
        if not all(speeds):
            parser.error("a GPU needs all three of --gpu-images-a-second, --gpu-windows-a-second "
                         "and --gpu-fit-seconds")  # fmt: skip
        gpu = {"encode": 1 / speeds[0], "windows": 1 / speeds[1], "fit": speeds[2]}
    wanted = Experiment(tuple(given.shots), given.seeds)
    name, parts = in_child(_parts_of, (given.backbone, wanted.steps))
    sizes = pd.read_csv(given.sizes)
    rows = project(sizes, parts, wanted, measured_speed_up(given.scaling), gpu)
    label = {"backbone": name}
    command = shlex.join(["python", "-m", "workshop.speed.projection", *arguments])
    made = {"torch": torch.__version__, "command": command}
    what = {
        "categories": len(sizes),
        "test_pictures": int(sizes["test"].sum()),
        "shots": " ".join(map(str, wanted.shots)),
        "seeds": wanted.seeds,
        "trainings": len(sizes) * wanted.seeds * wanted.few_shot,
    }
    shown = {f"{k}_seconds" if k != "cached_bytes" else k: v for k, v in parts.items()}
    write_rows(given.out / "projection_parts.csv", [label | shown | made], ["backbone"])
    write_rows(
        given.out / "projection.csv",
        [label | row | what | made for row in rows],
        ["backbone", "machine"],
    )
    hours = [row["hours"] if row["hours"] == UNKNOWN else f"{row['hours']:.1f} h" for row in rows]
    told = [f"{row['machine']} {spent}" for row, spent in zip(rows, hours, strict=True)]
    print(f"{label['backbone']}, projected: {', '.join(told)}: {given.out / 'projection.csv'}")


if __name__ == "__main__":
    main()
