"""What scoring costs over the bare forward pass of the image tower, and what a whole fit takes.

python -m workshop.speed.scoring --backbone tiny
python -m workshop.speed.scoring --backbone ViT-B-16-plus-240 --fits 1

The forward pass is open_clip's own `model.encode_image`, on the same pixels, ready for the tower.
Measurements take turns, so that a busy moment of the machine does not fall on one of them alone.
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
from tqdm.auto import trange

from promptad_tutorial.detectors.promptad import PromptAD
from promptad_tutorial.learning.config import preset
from workshop.speed.compare import RESULTS, Job, circumstances, in_child, job_parser, write_row

BATCH = 16  # what `Backbone.encode_images` takes at once


@dataclass(frozen=True)
class ScoringJob(Job):
    """What is measured."""

    shots: int = 4
    test_images: int = 32
    repeats: int = 15  # of the scoring
    fits: int = 3  # of the whole fit


def seconds(work: Callable[[], object]) -> float:
    """How long `work` takes, once."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def run_scoring(job: ScoringJob) -> dict[str, Any]:
    """Milliseconds an image of three things, and seconds of a fit; medians.

    `forward` is the bare image tower, `encode` our features (V-V path and memory tokens with it),
    `score` a whole `detector.score`, down to maps.
    """
    backbone, (name, shots, test) = job.load(), job.pictures()
    detector = PromptAD(backbone, name, replace(preset("paper"), steps=job.steps))
    pixels = torch.stack([backbone.preprocess(one) for one in test]).to(backbone.device)

    @torch.no_grad()
    def forward() -> None:
        for part in pixels.split(BATCH):
            backbone.model.encode_image(part)

    def fit() -> None:
        detector.fit(shots, job.generator())

    PromptAD(backbone, name, replace(preset("paper"), steps=1)).fit(shots, job.generator())
    whole = [seconds(fit) for _ in trange(job.fits, desc="fits", leave=False)]
    work = {
        "forward": forward,
        "encode": lambda: detector.encode(pixels),
        "score": lambda: detector.score(pixels),
    }
    taken: dict[str, list[float]] = {key: [] for key in work}
    for run in trange(job.repeats + 1, desc="scoring", leave=False):
        for key, one in work.items():
            spent = seconds(one)
            if run:  # the first round warms up
                taken[key].append(spent)
    each = {key: 1000 * median(times) / len(test) for key, times in taken.items()}
    return {"milliseconds": each, "fit": median(whole)} | circumstances(backbone)


def measure(job: ScoringJob, command: str) -> dict[str, Any]:
    """The row of the table."""
    found = in_child(run_scoring, job)
    each = found["milliseconds"]
    return {
        "backbone": found["backbone"],
        "shots": job.shots,
        "images": job.test_images,
        "forward_ms_an_image": each["forward"],
        "encode_ms_an_image": each["encode"],
        "score_ms_an_image": each["score"],
        "scoring_adds_percent": 100 * (each["score"] / each["forward"] - 1),
        "steps": job.steps,
        "fit_seconds": found["fit"],
        "peak_gb": found["peak_gb"],
        "threads": found["threads"],
        "torch": found["torch"],
        "checksum": found["checksum"],
        "command": command,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, write the row, print it."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    default = ScoringJob()
    parser = job_parser(__doc__, default)
    parser.add_argument("--repeats", type=int, default=default.repeats, help="of the scoring")
    parser.add_argument("--fits", type=int, default=default.fits, help="how many fits are timed")
    parser.add_argument(
        "--out", type=Path, default=RESULTS / "speed_scoring.csv", help="a .csv file"
    )
    options = vars(parser.parse_args(arguments))
    out = options.pop("out")
    if min(options["repeats"], options["fits"]) < 1:
        parser.error("--repeats and --fits must be 1 or more")
    command = shlex.join(["python", "-m", "workshop.speed.scoring", *arguments])
    row = measure(ScoringJob(**options), command)
    write_row(out, row)
    print(
        f"{row['backbone']}: scoring {row['score_ms_an_image']:.1f} ms an image, "
        f"{row['scoring_adds_percent']:.0f} % over the forward pass; a fit of {row['steps']} steps "
        f"{row['fit_seconds']:.2f} s, peak {row['peak_gb']:.2f} GB: {out}"
    )


if __name__ == "__main__":
    main()
