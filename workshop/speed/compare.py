"""The same training and evaluation, the released way and ours: equal results? how fast?

python -m workshop.speed.compare --backbone tiny
python -m workshop.speed.compare --backbone ViT-B-16-plus-240 --steps-released 2

Each way runs in a process of its own, one after the other, so that its peak memory can be told.
That both compute the same is checked twice: on the timed runs in float32, which says how far
rounding carries them apart, and in float64, where rounding is no excuse.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from promptad_tutorial.clip.loading import Backbone, load_backbone
from promptad_tutorial.datasets import dataset_from_environment, draw_shots
from promptad_tutorial.detectors.detector import in_fixed_order
from promptad_tutorial.detectors.promptad import PromptAD
from promptad_tutorial.learning.config import preset
from promptad_tutorial.scoring import Scores
from workshop.speed.released_way import fit_and_score

TOLERANCE = 1e-4  # of tokens, prototypes and scores, in float64
RESULTS = Path(__file__).resolve().parents[2] / "results"


@dataclass(frozen=True)
class Job:
    """What both ways do. Weights, first tokens and pictures follow from it."""

    backbone: str = "tiny"  # another name is open_clip's, with random weights
    line: str = "metal_plate"
    shots: int = 1
    test_images: int = 40
    steps: int = 100
    steps_released: int = 100  # steps after which the two are compared
    seed: int = 0

    def load(self, dtype: torch.dtype = torch.float32) -> Backbone:
        """The backbone on the CPU."""
        if self.backbone == "tiny":
            return load_backbone("tiny", device="cpu", dtype=dtype)
        return load_backbone(self.backbone, pretrained="random", device="cpu", dtype=dtype)

    def pictures(self) -> tuple[str, list[Path], list[Path]]:
        """Name of the product line, the shots, and test images spread over all its defects."""
        line = dataset_from_environment().load_preferred(self.line)
        if not 1 <= self.test_images <= len(line.test):
            raise ValueError(
                f"test images must be between 1 and the {len(line.test)} of {line.name}, got "
                f"{self.test_images}"
            )
        places = np.linspace(0, len(line.test) - 1, self.test_images).round().astype(int)
        shots = draw_shots(line.train, self.shots, self.seed)
        return line.name, [one.image for one in shots], [line.test[i].image for i in places]

    def generator(self) -> torch.Generator:
        """It draws the first tokens."""
        return torch.Generator().manual_seed(self.seed)


def run_released(job: Job) -> dict[str, Any]:
    """Train and evaluate the released way, for `steps_released` steps; the others cost the same."""
    backbone, (name, shots, test) = job.load(), job.pictures()
    config = replace(preset("paper"), steps=job.steps_released)
    stamps: dict[str, list[float]] = {}

    def stamp(level: str, step: int) -> None:
        stamps.setdefault(level, []).append(time.perf_counter())

    start = time.perf_counter()
    found = fit_and_score(backbone, name, shots, test, config, job.generator(), stamp)
    measured = time.perf_counter() - start
    step = sum(float(np.median(np.diff(times))) for times in stamps.values())
    return {
        "results": arrays(found.state, found.scores),
        "step": step,
        "total": measured + (job.steps - job.steps_released) * step,
    } | circumstances(backbone)


def run_ours(job: Job) -> dict[str, Any]:
    """The same with `PromptAD`: first for the comparison, then as many steps as wanted, timed."""
    backbone, (name, shots, test) = job.load(), job.pictures()
    config = replace(preset("paper"), steps=job.steps_released)
    detector = PromptAD(backbone, name, config).fit(shots, job.generator())
    results = arrays(detector.state(), detector.score(test))
    first = detector.learners(job.generator())
    moved = max(
        float((detector.tokens[f"{level}.{key}"] - tokens.detach()).abs().max())
        for level, learner in first.items()
        for key, tokens in learner.named_parameters()
    )
    start = time.perf_counter()
    detector = PromptAD(backbone, name, replace(config, steps=job.steps))
    features = in_fixed_order(detector.encode(shots))  # this and the next line are `fit`
    before = time.perf_counter()
    detector.fit_features(features, job.generator())
    step = (time.perf_counter() - before) / max(1, job.steps)
    detector.score(test)
    total = time.perf_counter() - start
    return {
        "results": results,
        "moved": moved,
        "step": step,
        "total": total,
    } | circumstances(backbone)


def run_exactly(job: Job) -> float:
    """The largest difference of both ways in float64, after `steps_released` steps.

    The test set is looked at once, at the end: what the released way does with it after every other
    step changes nothing.
    """
    backbone, (name, shots, test) = job.load(torch.float64), job.pictures()
    config = replace(preset("paper"), steps=job.steps_released)
    released = fit_and_score(
        backbone, name, shots, test, config, job.generator(), score_every_step=False
    )
    detector = PromptAD(backbone, name, config).fit(shots, job.generator())
    return largest_difference(
        arrays(released.state, released.scores), arrays(detector.state(), detector.score(test))
    )


def arrays(state: dict[str, torch.Tensor], scores: Scores) -> dict[str, np.ndarray]:
    """Everything that both ways must agree on, by name. The memory speaks through the scores."""
    found = {key: value.cpu().numpy() for key, value in state.items() if key != "memory"}
    return found | {"image_scores": scores.image_scores, "anomaly_maps": scores.anomaly_maps}


def largest_difference(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> float:
    """The largest absolute difference of any number. NaN where there is one."""
    if set(one) != set(other):
        raise ValueError(f"expected the results {sorted(one)}, found {sorted(other)}")
    if any(one[key].shape != other[key].shape for key in one):
        raise ValueError("the results differ in their shapes")
    return float(np.max([np.abs(one[key] - other[key]).max() for key in one if one[key].size]))


def circumstances(backbone: Backbone) -> dict[str, Any]:
    """What a figure depends on, and the peak memory of this process so far."""
    return {
        "backbone": backbone.label,
        "checksum": backbone.checksum,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "peak_gb": peak_memory(),
    }


def peak_memory() -> float:
    """The largest resident memory that this process ever had, in GB (10^9 bytes)."""
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e9  # macOS counts bytes, Linux KiB


def in_child(function: Callable[[Job], Any], job: Job) -> Any:
    """`function(job)` in a fresh process, whose memory nobody else has used before."""
    spawn = get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as pool:
        return pool.submit(function, job).result()


def write_row(path: Path, row: dict[str, Any]) -> None:
    """Put `row` into a table of one row a backbone; rows of other backbones stay as they are."""
    kept = []
    if path.exists():
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        kept = table[table["backbone"] != row["backbone"]].to_dict("records")
    path.parent.mkdir(parents=True, exist_ok=True)
    new = {key: f"{value:.4g}" if isinstance(value, float) else value for key, value in row.items()}
    pd.DataFrame([*kept, new]).to_csv(path, index=False)


def compare(job: Job, command: str) -> dict[str, Any]:
    """Run both ways; the row of the table. RuntimeError if they do not agree."""
    released, ours = in_child(run_released, job), in_child(run_ours, job)
    if released["checksum"] != ours["checksum"]:
        raise RuntimeError("the two ways had different weights")
    rounded = largest_difference(released["results"], ours["results"])
    difference = in_child(run_exactly, job)
    if not difference <= TOLERANCE:  # also true for NaN
        raise RuntimeError(f"the two ways differ by {difference:g}, more than {TOLERANCE:g}")
    return {
        "backbone": ours["backbone"],
        "shots": job.shots,
        "test_images": job.test_images,
        "steps": job.steps,
        "released_seconds_a_step": released["step"],
        "our_seconds_a_step": ours["step"],
        "released_seconds": released["total"],
        "our_seconds": ours["total"],
        "released_steps_measured": job.steps_released,
        "released_extrapolated": job.steps_released != job.steps,
        "times_faster": released["total"] / ours["total"],
        "largest_difference": difference,
        "largest_difference_float32": rounded,
        "tokens_moved": ours["moved"],
        "released_peak_gb": released["peak_gb"],
        "our_peak_gb": ours["peak_gb"],
        "threads": ours["threads"],
        "torch": ours["torch"],
        "checksum": ours["checksum"],
        "command": command,
    }


def job_parser(description: str | None, default: Job) -> argparse.ArgumentParser:
    """The options of a job, for this command and for `workshop.speed.scoring`."""
    parser = argparse.ArgumentParser(
        description=(description or "").partition("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--backbone", default=default.backbone, help="tiny, or a name of open_clip (random weights)"
    )
    parser.add_argument("--line", default=default.line, help="product line of the dataset")
    parser.add_argument("--shots", type=int, default=default.shots, help="good pictures to fit")
    parser.add_argument("--test-images", type=int, default=default.test_images, help="to score")
    parser.add_argument("--steps", type=int, default=default.steps, help="steps of a whole fit")
    parser.add_argument("--seed", type=int, default=default.seed, help="of shots and first tokens")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare, write the row, print it."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    parser = job_parser(__doc__, Job())
    parser.add_argument(
        "--steps-released", type=int, help="steps measured the released way; all if left out"
    )
    parser.add_argument("--out", type=Path, default=RESULTS / "speed.csv", help="a .csv file")
    options = vars(parser.parse_args(arguments))
    out = options.pop("out")
    options["steps_released"] = options["steps_released"] or options["steps"]
    if not 1 <= options["steps_released"] <= options["steps"]:
        parser.error("--steps-released must be between 1 and --steps")
    command = shlex.join(["python", "-m", "workshop.speed.compare", *arguments])
    row = compare(Job(**options), command)
    write_row(out, row)
    extrapolated = " (extrapolated)" if row["released_extrapolated"] else ""
    print(
        f"{row['backbone']}: {row['times_faster']:.1f} times faster, "
        f"{row['released_seconds']:.1f} s{extrapolated} and {row['our_seconds']:.2f} s, "
        f"largest difference {row['largest_difference']:.1e}: {out}"
    )


if __name__ == "__main__":
    main()
