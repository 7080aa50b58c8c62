"""One page to look through: every picture with its heat map, sorted by score, in one file."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

from PIL import Image

from promptad_tutorial.commands.command import fill_template
from promptad_tutorial.commands.score_folder.score_table import ERROR, Row
from promptad_tutorial.figures.heat_maps import heat_map_path
from promptad_tutorial.files.writing import write_whole

PAGE = "scores.html"
SIDE = 160  # pixels: the longer side of a picture on the page
MOST_SHOWN = 2000  # pictures on a page, the highest scores first: some 20 MB, which browsers open


def save_thumbnail(picture: Image.Image, drawn: Image.Image, out: Path, name: PurePath) -> None:
    """Keep a picture and its overlay side by side, in small, for the page at the end."""
    small = [image.copy() for image in (picture, drawn)]
    for image in small:
        image.thumbnail((SIDE, SIDE))
    width, height = small[0].size
    both = Image.new("RGB", (2 * width + 4, height), "white")
    both.paste(small[0], (0, 0))
    both.paste(small[1], (width + 4, 0))
    path = _thumbnail(out, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    both.save(path, "JPEG", quality=80)


def write_page(rows: Sequence[Row], names: Mapping[str, str], out: Path) -> Path:
    """Write `out`/scores.html from the rows of scores.csv and the thumbnails of every run.

    `names` gives the path of a picture from what the table calls it. The page needs no network and
    no other file. Errors come first, then scores from high to low, with a line at the threshold.
    """
    scored = sorted((row for row in rows if row.verdict != ERROR), key=lambda r: -float(r.score))
    page = fill_template(
        PAGE,
        counts=Counter(row.verdict for row in rows),
        threshold=float(rows[0].threshold) if rows else 0.0,
        backbone=rows[0].backbone if rows else "",
        errors=[row for row in rows if row.verdict == ERROR],
        pictures=(
            {
                "row": row,
                "score": float(row.score),
                "data": _drawn(names.get(row.image, row.image), out),
            }
            for row in scored[:MOST_SHOWN]
        ),
        left=max(0, len(scored) - MOST_SHOWN),
    )
    return write_whole(out / PAGE, page)


def _drawn(name: str, out: Path) -> str:
    try:
        return base64.b64encode(_thumbnail(out, PurePath(name)).read_bytes()).decode()
    except OSError:  # there is none: a run without maps, or a name that is too long
        return ""


def _thumbnail(out: Path, name: PurePath) -> Path:
    path = heat_map_path(out / "thumbnails", name)
    return path.with_name(f"{path.stem}.jpg")
