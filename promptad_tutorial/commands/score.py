"""`score`: a saved detector looks at a folder of pictures; the exit code says what it found."""

from __future__ import annotations

import argparse
import logging
import math
from collections import Counter

from promptad_tutorial.clip.backbone import Backbone
from promptad_tutorial.clip.out_of_memory import TooLittleMemoryError, bytes_at_once
from promptad_tutorial.commands.command import Result, backbone_loader
from promptad_tutorial.commands.computer import GB, free_memory
from promptad_tutorial.commands.score_folder.score_folder import TABLE, score_folder
from promptad_tutorial.commands.score_folder.score_table import ANOMALOUS, ERROR, GOOD
from promptad_tutorial.detectors import open_detector
from promptad_tutorial.detectors.saving import read_note
from promptad_tutorial.files.listing import pictures_below
from promptad_tutorial.scoring.threshold import drift

log = logging.getLogger(__name__)
ANOMALIES, NOT_READ = 1, 3  # exit codes beside 0 (all good) and 2 (a user's mistake)


def run(arguments: argparse.Namespace) -> Result:
    """Score the pictures; returns the counts, and 1 as exit code where there are anomalies."""
    # what is quick to find out comes before a large backbone is loaded
    note = read_note(arguments.detector)
    threshold = _chosen_threshold(note["threshold"], arguments)
    limits = tuple(arguments.scale) if arguments.scale else None
    if limits and not limits[0] < limits[1]:
        raise ValueError(f"expected a scale LOW HIGH with LOW below HIGH, got {limits}")
    if arguments.batch < 1:
        raise ValueError(f"expected a batch size of 1 or more, got {arguments.batch}")
    pictures_below(arguments.images, leave_out=arguments.out)
    # pictures are read as those were that the detector learnt from
    arguments.image_size, arguments.resize = note["image_size"], note["resize"]
    backbone = backbone_loader(arguments)()
    detector = open_detector(arguments.detector, backbone)
    rows = score_folder(
        detector,
        arguments.images,
        arguments.out,
        threshold,
        batch_size=fitting_batch(backbone, arguments.batch),
        maps=not arguments.no_maps,
        limits=limits,
        resume=arguments.resume,
        overwrite=arguments.overwrite,
    )
    told = ""
    if detector.promise is not None and arguments.threshold is None:
        told = f"; {detector.promise}"
        moved = drift(detector.promise, [float(row.score) for row in rows if row.score], threshold)
        if moved:
            log.warning("warning: %s", moved)
    counts = Counter(row.verdict for row in rows)
    code = ANOMALIES if counts[ANOMALOUS] else NOT_READ if counts[ERROR] else 0
    return Result(
        f"{len(rows)} pictures: {counts[GOOD]} good, {counts[ANOMALOUS]} anomalous, "
        f"{counts[ERROR]} could not be read; threshold {threshold:.4g}{told}, {backbone.label}: "
        f"{arguments.out / TABLE}",
        code,
    )


def fitting_batch(backbone: Backbone, wanted: int) -> int:
    """The largest batch, halving from `wanted`, that fits into free memory by an estimate.

    A system kills a process that takes too much, and the process cannot say so: it is foreseen
    here. A GPU says when it is full (see `HalvingBatches`). Raises TooLittleMemoryError where one
    picture does not fit.
    """
    if backbone.device.type != "cpu":
        return wanted
    visual, free, batch = backbone.model.visual, free_memory(), wanted
    while batch > 1 and bytes_at_once(visual, batch) > free:
        batch //= 2
    needed = bytes_at_once(visual, batch)
    told = f"{free / GB:.1f} GB of memory are free"
    if needed > free:
        raise TooLittleMemoryError(
            f"expected {needed / GB:.1f} GB of free memory for one picture of "
            f"{backbone.image_size} px, found that {told}: close other programs, or fit the "
            "detector with smaller pictures or a smaller backbone"
        )
    if batch < wanted:
        log.warning("%s: going on with batches of %d (about %.1f GB)", told, batch, needed / GB)
    return batch


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
