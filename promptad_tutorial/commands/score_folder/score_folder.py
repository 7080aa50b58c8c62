"""A folder of pictures in, scores.csv and heat maps out."""

from __future__ import annotations

import csv
import errno
import json
import logging
from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from tqdm.auto import tqdm

from promptad_tutorial.commands.score_folder.page import save_thumbnail, write_page
from promptad_tutorial.commands.score_folder.score_table import (
    Row,
    begin_table,
    row_of,
    rows_to_keep,
)
from promptad_tutorial.commands.score_folder.stream import Inspected, inspect
from promptad_tutorial.detectors import Detector
from promptad_tutorial.figures.heat_maps import heat_map_path, overlay, plain_map, save_png
from promptad_tutorial.files.listing import pictures_below
from promptad_tutorial.files.names import cell
from promptad_tutorial.files.writing import write_whole

log = logging.getLogger(__name__)
TABLE, SCALE = "scores.csv", "scale.json"
SCALE_FROM = 16  # pictures that the colours' scale is taken from, whatever the batch
Limits = tuple[float, float]


def score_folder(
    detector: Detector,
    images: Path,
    out: Path,
    threshold: float,
    *,
    batch_size: int = 16,
    maps: bool = True,
    limits: Limits | None = None,
    resume: bool = False,
    overwrite: bool = False,
) -> list[Row]:
    """Score every picture under `images`; returns the rows of `out`/scores.csv.

    They are written one by one, and with `maps` `out`/overlays and `out`/maps: for each picture one
    PNG in either, under the picture's own path (see `heat_maps`), and one page of them all. All
    overlays have one scale, so that they can be compared: `limits`, or the lowest and the highest
    value in the maps of the first 16 pictures. It is kept in `out`/scale.json, for a resumed run.

    Raises FileNotFoundError, NotADirectoryError or ValueError for `images`, and what
    `rows_to_keep` raises for a table that is there already.
    """
    paths = pictures_below(images, leave_out=out)
    root = images.expanduser().absolute()
    names = {path: path.relative_to(root).as_posix() for path in paths}
    called = Counter(map(cell, names.values()))
    label = detector.backbone.label
    older = rows_to_keep(out / TABLE, threshold, label, resume=resume, overwrite=overwrite)
    rows = [row for row in older if called[row.image] < 2]  # else: of which of two files?
    done = {row.image for row in rows}
    todo = [path for path in paths if cell(names[path]) not in done]
    animated = 0
    with begin_table(out / TABLE, rows) as table:
        writer = csv.writer(table)
        found = inspect(detector, todo, batch_size, keep_pictures=maps)
        if maps:
            found = _with_maps(found, root, out, limits, resume)
        for one in tqdm(found, "pictures", len(todo), leave=False):
            rows.append(row_of(names[one.path], one.score, threshold, label, one.error))
            writer.writerow(rows[-1])
            animated += one.frames > 1
    if animated:
        log.warning("%d files have several frames: the first of each was scored", animated)
    if maps:
        write_page(rows, {cell(n): n for n in names.values()}, out)
    return rows


def _with_maps(
    found: Iterator[Inspected], root: Path, out: Path, limits: Limits | None, resume: bool
) -> Iterator[Inspected]:
    """The same stream, each picture handed on after its heat maps are written."""
    first: list[Inspected] = []
    if limits is None and resume and (out / SCALE).is_file():
        limits = _read_scale(out / SCALE)
    elif limits is None:
        first = list(islice(found, SCALE_FROM))
        heights = [one.anomaly_map for one in first if one.anomaly_map is not None]
        lowest = min((float(height.min()) for height in heights), default=0.0)
        limits = lowest, max((float(height.max()) for height in heights), default=1.0)
    write_whole(out / SCALE, json.dumps({"low": limits[0], "high": limits[1]}) + "\n")
    for one in chain(first, found):
        if one.anomaly_map is not None and one.picture is not None:
            name = one.path.relative_to(root)
            drawn = overlay(one.picture, one.anomaly_map, limits)
            try:
                save_png(plain_map(one.anomaly_map), heat_map_path(out / "maps", name))
                save_png(drawn, heat_map_path(out / "overlays", name))
                save_thumbnail(one.picture, drawn, out, name)
            except OSError as error:  # its name with .png behind is too long: the score counts
                if error.errno != errno.ENAMETOOLONG:
                    raise
        yield one


def _read_scale(path: Path) -> Limits:
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        return float(note["low"]), float(note["high"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged: remove it, or give --scale LOW HIGH") from error
