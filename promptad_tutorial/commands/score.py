"""`score`: a saved detector looks at a folder of pictures; the exit code says what it found."""

from __future__ import annotations

import argparse
import csv
import logging
import math
from pathlib import Path

from promptad_tutorial.commands.command import (
    Actions,
    Result,
    add_command,
    add_device,
    backbone_loader,
)

log = logging.getLogger(__name__)
ANOMALIES, NOT_READ = 1, 3  # exit codes beside 0 (all good) and 2 (a user's mistake)


def add_to(groups: Actions) -> None:
    """Add the command `score` to the command line."""
    score = add_command(groups, "score", run_score, "score a folder of pictures with a detector")
    score.epilog = (
        "exit code: 0 all pictures are good, 1 anomalies were found, 2 a mistake in the call, "
        "3 no anomaly but pictures that could not be read"
    )
    score.add_argument("--detector", type=Path, required=True, help="a file that `save` wrote")
    score.add_argument(
        "--images", type=Path, required=True, help="a folder of pictures, sub-folders included"
    )
    score.add_argument(
        "--out",
        type=Path,
        required=True,
        help="a folder for scores.csv, scores.html, overlays/ and maps/",
    )
    score.add_argument("--backbone", help="tiny, MODEL:TAG or MODEL:FILE; else $PROMPTAD_BACKBONE")
    add_device(score)
    score.add_argument("--threshold", type=float, help="in place of the detector's own")
    score.add_argument("--batch", type=int, default=16, help="pictures in memory at a time")
    score.add_argument("--no-maps", action="store_true", help="scores.csv only")
    score.add_argument(
        "--scale",
        nargs=2,
        type=float,
        metavar=("LOW", "HIGH"),
        help="map values at the ends of the overlays' colours; else of the first 16 pictures",
    )
    again = score.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="score what scores.csv lacks")
    again.add_argument("--overwrite", action="store_true", help="replace an older scores.csv")


def run_score(arguments: argparse.Namespace) -> Result:
    """Score the pictures; returns the counts, and 1 as exit code where there are anomalies."""
    from promptad_tutorial.commands.score_folder.pictures import pictures_under
    from promptad_tutorial.commands.score_folder.score_folder import TABLE, Plan, score_folder
    from promptad_tutorial.commands.score_folder.score_table import ANOMALOUS, ERROR, GOOD
    from promptad_tutorial.detectors import open_detector
    from promptad_tutorial.detectors.saving import read_note
    from promptad_tutorial.scoring.threshold import drift

    plan = Plan(
        arguments.batch,
        not arguments.no_maps,
        tuple(arguments.scale) if arguments.scale else None,
        arguments.resume,
        arguments.overwrite,
    )
    # what is quick to find out comes before a large backbone is loaded
    note = read_note(arguments.detector)
    threshold = _chosen_threshold(note["threshold"], arguments)
    pictures_under(arguments.images, leave_out=arguments.out)
    # pictures are read as those were that the detector learnt from
    arguments.image_size, arguments.resize = note["image_size"], note["resize"]
    backbone = backbone_loader(arguments)()
    detector = open_detector(arguments.detector, backbone)
    counts = score_folder(detector, arguments.images, arguments.out, threshold, plan)
    told = ""
    if detector.promise is not None and arguments.threshold is None:
        told = f"; {detector.promise}"
        with (arguments.out / TABLE).open(encoding="utf-8-sig", newline="") as file:
            scores = [float(row["score"]) for row in csv.DictReader(file) if row["score"]]
        moved = drift(detector.promise, scores, threshold)
        if moved:
            log.warning("warning: %s", moved)
    code = ANOMALIES if counts[ANOMALOUS] else NOT_READ if counts[ERROR] else 0
    return Result(
        f"{counts.total()} pictures: {counts[GOOD]} good, {counts[ANOMALOUS]} anomalous, "
        f"{counts[ERROR]} could not be read; threshold {threshold:.4g}{told}, {backbone.label}: "
        f"{arguments.out / TABLE}",
        code,
    )


def _chosen_threshold(own: float | None, arguments: argparse.Namespace) -> float:
    wanted = own if arguments.threshold is None else arguments.threshold
    if wanted is None:
        raise ValueError(
            f"the detector in {arguments.detector} has no threshold, so there is no verdict: call "
            "calibrate(shots) before save, or give --threshold"
        )
    if not math.isfinite(wanted):
        raise ValueError(f"--threshold must be a finite number, got {wanted}")
    return float(wanted)
