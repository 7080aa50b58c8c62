"""Pictures a second and memory, by backbone, batch, precision and device; and how costs grow.

python -m workshop.speed.throughput
python -m workshop.speed.throughput --backbones ViT-L-14-336 --batches 1 2 --precisions float32
python -m workshop.speed.throughput --grow

`results/throughput.csv` has the bare image tower beside our encoding, which computes the V-V path
and the tokens of the memory too. `results/growth.csv` says what more categories, shots, pictures,
pixels and patches cost. Every backbone but TinyCLIP has random weights: they take the same time.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import torch
from tqdm.auto import tqdm

from promptad_tutorial.files.writing import write_whole
from workshop.speed.compare import RESULTS, circumstances
from workshop.speed.parts import bare_tower, load, pixels, seconds

BACKBONES = ("tiny", "ViT-B-32", "ViT-B-16-plus-240", "ViT-L-14-336")
GRIDS = ("ViT-B-32", "ViT-B-32-256", "ViT-B-16")  # one tower, 7 x 7, 8 x 8 and 14 x 14 patches


@dataclass(frozen=True)
class Wanted:
    """One process: a backbone in one precision on one device, with batches that grow."""

    backbone: str
    precision: str
    device: str
    batches: tuple[int, ...]
    repeats: int = 3


def measure(wanted: Wanted) -> list[dict[str, Any]]:
    """A row for each batch; the memory is the most that the process held until then."""
    backbone = load(wanted.backbone, wanted.device, wanted.precision)
    rows = []
    for batch in sorted(wanted.batches):
        ready = pixels(backbone, batch)
        bare = seconds(bare_tower(backbone, ready), wanted.device, wanted.repeats)
        ours = seconds(
            lambda ready=ready, batch=batch: backbone.encode_images(ready, batch),
            wanted.device,
            wanted.repeats,
        )
        found = circumstances(backbone)
        gpu = ""
        if backbone.device.type == "cuda":
            gpu = torch.cuda.max_memory_allocated(backbone.device) / 1e9
        rows.append(
            {
                "backbone": found["backbone"],
                "device": wanted.device,
                "precision": wanted.precision,
                "batch": batch,
                "bare_tower_images_a_second": batch / bare,
                "encode_images_a_second": batch / ours,
                "encode_over_bare": ours / bare,
                "peak_memory_gb": found["peak_gb"],
                "gpu_memory_gb": gpu,
                "threads": found["threads"],
                "torch": found["torch"],
                "checksum": found["checksum"],
            }
        )
    return rows


def growth(sizes: Sequence[int]) -> list[dict[str, Any]]:
    """Seconds of a small TinyCLIP run as one thing grows, each `sizes` times its first size.

    The run is PromptAD with 20 steps on rendered product lines: 2 categories (1 where these grow),
    1 shot, 1 seed, 12 test pictures of 120 pixels each. Features are not kept between runs.
    `patches` is the encoding of one picture by a ViT-B whose grid grows.
    """
    rows = []
    torch.set_num_threads(1)
    grown = {
        "categories": lambda n: _run_seconds(categories=n),
        "shots": lambda n: _run_seconds(shots=n),
        "test pictures": lambda n: _run_seconds(pictures=6 * n),
        "pixels a side of a picture": lambda n: _run_seconds(size=120 * n),
        "pixels a side of a map": lambda n: _run_seconds(map_size=120 * n),
    }
    base = {"categories": 1, "shots": 1, "test pictures": 12, "pixels a side of a picture": 120}
    for what, run in tqdm(grown.items(), "growth"):
        for n in sizes:
            rows.append({"what": what, "size": n * base.get(what, 120), "seconds": run(n)})
    for name in GRIDS[: len(sizes)]:
        backbone = load(name)
        ready = pixels(backbone, 1)
        spent = seconds(lambda b=backbone, r=ready: b.encode_images(r))
        patches = backbone.grid[0] * backbone.grid[1]
        rows.append({"what": "patches of a picture", "size": patches, "seconds": spent})
    first = {row["what"]: row["seconds"] for row in reversed(rows)}
    for row in rows:
        row |= {
            "times_the_first": row["seconds"] / first[row["what"]],
            "threads": 1,
            "torch": torch.__version__,
        }
    return rows


def _run_seconds(
    categories: int = 2, shots: int = 1, pictures: int = 6, size: int = 120, map_size: int = 120
) -> float:
    """Of one run on pictures that are rendered for it; rendering is not counted."""
    from promptad_tutorial.benchmark import runner, tasks
    from promptad_tutorial.benchmark.settings import BackboneChoice, Settings, loaded
    from workshop.minifactory.build import BuildPlan, build_benchmark
    from workshop.minifactory.photographs import PHOTOGRAPHS
    from workshop.minifactory.product_lines import LINES

    lines = tuple(line for line in LINES if line.kind not in PHOTOGRAPHS)[:categories]
    if len(lines) < categories:
        raise ValueError(f"expected {categories} product lines to render, found {len(lines)}")
    with TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        some = [replace(line, defects=line.defects[:1]) for line in lines]
        plan = BuildPlan(
            size=size, train_good=max(4, shots), test_good=pictures, each_defect=pictures
        )
        build_benchmark(data, plan, tuple(some), jobs=1)
        choice = BackboneChoice(device="cpu")
        settings = Settings(
            "mvtec", data, choice, ("PromptAD",), (), (shots,), 1, map_size, steps=20
        )
        dataset = settings.open()
        every = tasks.all_tasks(settings, dataset, loaded(choice))
        numbers = iter(range(100))

        def run() -> None:
            place = runner.Place(Path(folder) / f"rows{next(numbers)}", None, jobs=1)
            runner.run(settings, dataset, every, place)

        return seconds(run, repeats=1)


def write_rows(path: Path, rows: Sequence[dict[str, Any]], key: Sequence[str]) -> None:
    """Put rows into a table; those of the same `key` that were there before are replaced."""
    new = pd.DataFrame(
        [{k: f"{v:.4g}" if isinstance(v, float) else str(v) for k, v in r.items()} for r in rows]
    )
    if path.exists():
        old = pd.read_csv(path, dtype=str, keep_default_na=False)
        kept = old.merge(new[list(key)], how="left", on=list(key), indicator=True)
        new = pd.concat([old[(kept["_merge"] == "left_only").to_numpy()], new])
    write_whole(path, new.to_csv(index=False))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, write the rows, print where."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--backbones", nargs="+", default=BACKBONES, help="open_clip's, or tiny")
    parser.add_argument("--batches", nargs="+", type=int, default=(1, 4, 16), help="pictures")
    parser.add_argument("--precisions", nargs="+", default=("float32", "bfloat16"), help="of both")
    parser.add_argument("--devices", nargs="+", default=("cpu",), help="cpu, cuda or mps")
    parser.add_argument("--repeats", type=int, default=3, help="the median of so many")
    parser.add_argument("--grow", action="store_true", help="measure how costs grow instead")
    parser.add_argument("--sizes", nargs="+", type=int, default=(1, 2, 4), help="times the first")
    parser.add_argument("--out", type=Path, help="a .csv file; in results/ by default")
    given = parser.parse_args(arguments)
    command = shlex.join(["python", "-m", "workshop.speed.throughput", *arguments])
    if given.grow:
        out, rows, key = given.out or RESULTS / "growth.csv", growth(given.sizes), ["what", "size"]
    else:
        out, rows = given.out or RESULTS / "throughput.csv", []
        key = ["backbone", "device", "precision", "batch"]
        every = [
            Wanted(name, precision, device, tuple(given.batches), given.repeats)
            for name in given.backbones
            for device in given.devices
            for precision in given.precisions
        ]
        for wanted in tqdm(every, "throughput"):
            spawn = get_context("spawn")  # a fresh process, whose memory nobody else has used
            with ProcessPoolExecutor(1, mp_context=spawn) as pool:
                rows += pool.submit(measure, wanted).result()
    write_rows(out, [row | {"command": command} for row in rows], key)
    print(f"{len(rows)} rows: {out}")


if __name__ == "__main__":
    main()
