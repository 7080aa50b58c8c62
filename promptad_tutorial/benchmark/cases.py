"""The worst mistakes of a detector, and its clearest find, as small pictures beside a row.

They lie in a folder of their own, so rows stay small; a report is made without the data, the
backbone or a GPU.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int
from PIL import Image
from scipy.ndimage import binary_dilation, binary_erosion

from promptad_tutorial.benchmark.settings import name_in
from promptad_tutorial.benchmark.tasks import Task
from promptad_tutorial.benchmark.test_set import TestSet
from promptad_tutorial.datasets import ProductLine
from promptad_tutorial.figures.heat_maps import overlay
from promptad_tutorial.files.pictures import read_image, seen_part
from promptad_tutorial.files.writing import write_whole
from promptad_tutorial.scoring import Scores

FALSE_ALARM, MISSED, FOUND = "false alarm", "missed defect", "found defect"
SIDE = 128  # pixels of the longer side of a picture
GAP = 4  # white pixels between a picture and its map


@dataclass(frozen=True)
class Case:
    """One picture, on the wrong side of pictures of the other kind or clearly on the right one."""

    kind: str  # FALSE_ALARM, MISSED or FOUND
    picture: str  # its file, relative to the category's folder
    defect: str  # "good" for a false alarm
    score: float  # image score
    wrong: float  # share of the pictures of the other kind that it is on the wrong side of
    others: int  # how many pictures of the other kind there are
    masked: float | None  # share of the picture that its mask covers; None without a mask
    jpeg: str  # picture and map side by side, base64

    @property
    def words(self) -> str:
        """What the picture shows: a caption, and the text for those who cannot see it."""
        if self.kind == FALSE_ALARM:
            told = f"good, score {self.score:.3f}, not below {self.wrong:.0%} of {self.others} "
            return f"{told}defective pictures"
        above = "above all" if self.kind == FOUND else f"not above {self.wrong:.0%} of"
        told = f"{self.defect}, score {self.score:.3f}, {above} {self.others} "
        area = "no mask" if self.masked is None else f"the mask covers {self.masked:.1%}"
        return f"{told}good pictures; {area}"


def worst(
    labels: Int[np.ndarray, " n"], scores: Float[np.ndarray, " n"], count: int
) -> list[tuple[str, int, float]]:
    """At most `count` of the worst false alarms and of the most-missed defects: (kind, index, w).

        w_i = share of the other kind's pictures that i is on the wrong side of, a tie counting 1/2

    The mean of w over all good pictures, and over all defective ones, is 1 - AUROC. Pictures with
    w = 0 are no mistakes and left out. The worst comes first; of equal ones the first picture. The
    last is the defect of the highest score, as FOUND, if it is above all good pictures.
    """
    found = []
    for kind, label in ((FALSE_ALARM, 0), (MISSED, 1)):
        mine, others = np.flatnonzero(labels == label), scores[labels != label]
        sign = 1 if label == 0 else -1  # a good picture is wrong above, a defective one below
        lead = sign * (scores[mine][:, None] - others[None, :])
        wrong = ((lead > 0) + 0.5 * (lead == 0)).mean(axis=1)
        order = np.argsort(-wrong, kind="stable")[:count]
        found += [(kind, int(mine[i]), float(wrong[i])) for i in order if wrong[i] > 0]
    highest = int(np.argmax(np.where(labels == 1, scores, -np.inf)))
    if scores[highest] > scores[labels == 0].max():
        found.append((FOUND, highest, 0.0))
    return found


def worst_cases(
    line: ProductLine, test: TestSet, scores: Scores, count: int, resize: str = "squash"
) -> tuple[Case, ...]:
    """The worst mistakes as pictures: each beside its map, the mask outlined on both.

    The colours of all maps of a category go from its lowest to its highest value, so they can be
    compared. Raises ImageError for a picture that cannot be read.
    """
    labels, maps = test.labels, scores.anomaly_maps
    limits = (float(maps.min()), float(maps.max()))
    cases = []
    for kind, i, wrong in worst(labels, scores.image_scores, count):
        sample = test.samples[i]
        mask = test.masks[i] if test.masks is not None and sample.label == 1 else None
        masked = None if mask is None else float(mask.mean())
        small = _thumbnail(read_image(sample.image), maps[i], mask, limits, resize)
        score, others = float(scores.image_scores[i]), int((labels != labels[i]).sum())
        name = name_in(line, sample.image)
        cases.append(Case(kind, name, sample.defect, score, wrong, others, masked, _jpeg(small)))
    return tuple(cases)


def write_cases(folder: Path, task: Task, cases: Sequence[Case]) -> Path:
    """Keep the cases of a task in one file of its row's name, written in one move."""
    whole = {"key": task.key, "cases": [asdict(case) for case in cases]}
    return write_whole(folder / task.file, json.dumps(whole, indent=1) + "\n")


def read_cases(folder: Path, task: Task) -> tuple[Case, ...] | None:
    """The cases of a task; None if none were kept, or their file is damaged."""
    try:
        whole = json.loads((folder / task.file).read_text(encoding="utf-8"))
        if whole["key"] != task.key:
            return None
        cases = tuple(Case(**case) for case in whole["cases"])
        for case in cases:  # only a JPEG may get into a page
            if not base64.b64decode(case.jpeg, validate=True).startswith(b"\xff\xd8"):
                return None
            if case.kind not in (FALSE_ALARM, MISSED, FOUND) or not case.words:
                return None
    except (OSError, ValueError, TypeError, KeyError, binascii.Error):
        return None
    return cases


def _thumbnail(
    picture: Image.Image,
    height: Float[np.ndarray, "s s"],
    mask: Bool[np.ndarray, "s s"] | None,
    limits: tuple[float, float],
    resize: str,
) -> Image.Image:
    small = seen_part(picture, resize).convert("RGB")  # a map may be of the central square alone
    share = SIDE / max(small.size)
    shape = tuple(max(1, round(length * share)) for length in small.size)
    small = small.resize(shape, Image.Resampling.LANCZOS)
    sides = [_outlined(one, mask) for one in (small, overlay(small, height, limits))]
    both = Image.new("RGB", (2 * small.width + GAP, small.height), "white")
    both.paste(sides[0], (0, 0))
    both.paste(sides[1], (small.width + GAP, 0))
    return both


def _outlined(picture: Image.Image, mask: Bool[np.ndarray, "s s"] | None) -> Image.Image:
    """The mask's border as a white line with a black one around it."""
    if mask is None or not mask.any():
        return picture
    grey = Image.fromarray(mask.astype(np.uint8) * 255)
    # box: a mask thinner than a pixel of the small picture does not vanish
    inside = np.asarray(grey.resize(picture.size, Image.Resampling.BOX)) > 0
    pixels = np.array(picture)
    pixels[binary_dilation(inside, iterations=1) & ~inside] = 0
    pixels[inside & ~binary_erosion(inside, border_value=0)] = 255
    return Image.fromarray(pixels)


def _jpeg(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, format="JPEG", quality=80)
    return base64.b64encode(file.getvalue()).decode()
