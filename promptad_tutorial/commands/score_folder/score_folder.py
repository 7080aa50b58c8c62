"""A folder of pictures in, scores.csv and heat maps out."""

from __future__ import annotations

import errno
import json
import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from tqdm.auto import tqdm

from promptad_tutorial.commands.score_folder.page import save_thumbnail, write_page
from promptad_tutorial.commands.score_folder.score_table import ScoreTable
from promptad_tutorial.commands.score_folder.stream import Inspected, inspect
from promptad_tutorial.detectors import Detector
from promptad_tutorial.figures.heat_maps import heat_map_path, overlay, plain_map, save_png
from promptad_tutorial.files.listing import pictures_below
from promptad_tutorial.files.names import cell

log = logging.getLogger(__name__)
TABLE, SCALE = "scores.csv", "scale.json"
SCALE_FROM = 16  # pictures that the colours' scale is taken from, whatever the batch


@dataclass(frozen=True)
class Plan:
    """How a folder is scored. Raises ValueError for settings that do not fit."""

    batch_size: int = 16  # pictures in memory
    maps: bool = True  # write heat maps
    limits: tuple[float, float] | None = None  # of the colours; from the first pictures if None
    resume: bool = False  # keep the rows that are there
    overwrite: bool = False  # begin again

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"expected a batch size of 1 or more, got {self.batch_size}")
        if self.limits is not None and not self.limits[0] < self.limits[1]:
            raise ValueError(f"expected a scale LOW HIGH with LOW below HIGH, got {self.limits}")
        if self.resume and self.overwrite:
            raise ValueError("expected resume or overwrite, got both")


def score_folder(
    detector: Detector, images: Path, out: Path, threshold: float, plan: Plan = Plan()
) -> Counter[str]:
    """Score every picture under `images`; returns how many verdicts there are of each kind.

    Writes `out`/scores.csv row by row and, with maps, `out`/overlays and `out`/maps: for each
    picture one PNG in either, under the picture's own path (see `heat_maps`). All overlays have one
    scale, so that they can be compared: `plan.limits`, or the lowest and the highest value in the
    maps of the first 16 pictures. It is kept in `out`/scale.json, for a resumed run.

    Raises FileNotFoundError, NotADirectoryError or ValueError for `images`, and what
    `ScoreTable` raises for a table that is there already.
    """
    paths = pictures_below(images, leave_out=out)
    root = images.expanduser().absolute()
    names = {path: path.relative_to(root).as_posix() for path in paths}
    label = detector.backbone.label
    with ScoreTable(
        out / TABLE, threshold, label, resume=plan.resume, overwrite=plan.overwrite
    ) as table:
        todo = [path for path in paths if cell(names[path]) not in table.done]
        found = inspect(detector, todo, plan.batch_size, keep_pictures=plan.maps)
        if plan.maps:
            found = _with_maps(found, root, out, plan)
        animated = 0
        for one in tqdm(found, "pictures", len(todo), leave=False):
            table.add(names[one.path], one.score, one.error)
            animated += one.frames > 1
        if animated:
            log.warning("%d files have several frames: the first of each was scored", animated)
        if plan.maps:
            write_page(table.rows(), {cell(n): n for n in names.values()}, out)
    return table.counts


def _with_maps(
    found: Iterator[Inspected], root: Path, out: Path, plan: Plan
) -> Iterator[Inspected]:
    """The same stream, each picture handed on after its heat maps are written."""
    known = plan.limits is not None or (plan.resume and (out / SCALE).is_file())
    first = [] if known else list(islice(found, SCALE_FROM))
    limits = _limits(first, out, plan)
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


def _limits(first: list[Inspected], out: Path, plan: Plan) -> tuple[float, float]:
    kept = out / SCALE
    if plan.limits is not None:
        limits = plan.limits
    elif plan.resume and kept.is_file():
        return _read_scale(kept)
    else:
        maps = [one.anomaly_map for one in first if one.anomaly_map is not None]
        limits = (
            min((float(m.min()) for m in maps), default=0.0),
            max((float(m.max()) for m in maps), default=1.0),
        )
    kept.write_text(json.dumps({"low": limits[0], "high": limits[1]}) + "\n", encoding="utf-8")
    return limits


def _read_scale(path: Path) -> tuple[float, float]:
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
        return float(note["low"]), float(note["high"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged: remove it, or give --scale LOW HIGH") from error
