"""The pretraining pictures: rendered once, kept in flat arrays on disk, read through memory maps.

images.npy  (n, size, size, 3) uint8
masks.npy   (n, MASK_GRID, MASK_GRID) bool: does the defect touch this cell?
labels.npy  (n, 4) int16: kind, colour, defect (-1 for good), as numbers into names.json, and
            the defect's strength in % (0 for good); kind and colour are -1 for a found
            surface, which has no name
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from tqdm.auto import tqdm

from workshop.minifactory.captions import HELD_OUT_DEFECTS
from workshop.minifactory.catalogue import KINDS, defects_of
from workshop.minifactory.found_surfaces import FOUND_SURFACE
from workshop.minifactory.palette import COLOURS
from workshop.minifactory.render import render

MASK_GRID = 60  # divides into 15 x 15 and into 12 x 12 patches
GOOD_SHARE = 0.4
PIECES_A_STYLE = 4  # good and defective pieces of one look: the hardest negatives
# Looks are numbered. Pretraining, held-out measurement and the benchmark (`product_lines`) use
# ranges of their own.
PRETRAINING_STYLES = range(0, 1_000_000)
HELD_OUT_STYLES = range(1_000_000, 2_000_000)


@dataclass(frozen=True)
class RenderPlan:
    """Which pictures to render. Picture i depends on the plan and i alone."""

    pictures: int = 56_000  # of the catalogue's kinds, which take turns
    found: int = 7_000  # more pictures, of nameless surfaces cut from photographs
    size: int = 120  # pixels a side
    first_style: int = PRETRAINING_STYLES.start
    held_out_defects: bool = False  # also draw the defects that pretraining must never see
    weakest: float = 0.35  # strengths are uniform between this and 1


def pretraining_defects(kind, held_out: bool = False) -> tuple[str, ...]:
    """The defects that this kind of product shows in a render set."""
    return tuple(d for d in defects_of(kind) if held_out or d not in HELD_OUT_DEFECTS)


def render_one(plan: RenderPlan, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Picture `index`: image (size, size, 3), mask (MASK_GRID, MASK_GRID), label (4,)."""
    names = list(KINDS)
    style = plan.first_style + index // PIECES_A_STYLE
    found = index >= plan.pictures
    kind = FOUND_SURFACE if found else KINDS[names[(style - plan.first_style) % len(names)]]
    draw = np.random.default_rng([plan.first_style, index, 6])
    faulty = draw.random() >= GOOD_SHARE
    choices = pretraining_defects(kind, plan.held_out_defects)
    for _ in range(10):  # a defect that cannot be seen here gives way to another
        defect = str(draw.choice(choices)) if faulty else None
        strength = float(draw.uniform(plan.weakest, 1.0))
        try:
            shot = render(kind, style, index % PIECES_A_STYLE, plan.size, defect, strength)
            break
        except ValueError:
            continue
    else:
        raise ValueError(f"no visible defect for picture {index} ({kind.name}, style {style})")
    cells = touched(shot.mask, MASK_GRID)
    number = -1 if defect is None else all_defects().index(defect)
    percent = round(100 * strength) if faulty else 0
    name = (-1, -1) if found else (names.index(kind.name), list(COLOURS).index(shot.colour))
    return shot.image, cells, np.array([*name, number, percent], np.int16)


def all_defects() -> list[str]:
    """Every defect that any kind can have, sorted."""
    return sorted({name for kind in KINDS.values() for name in defects_of(kind)})


def touched(mask: np.ndarray, grid: int) -> np.ndarray:
    """(grid, grid) bool: the cells of a square mask that hold at least one of its pixels."""
    rows, columns = np.nonzero(mask)
    cells = np.zeros((grid, grid), dtype=bool)
    cells[rows * grid // mask.shape[0], columns * grid // mask.shape[1]] = True
    return cells


def render_set(plan: RenderPlan, folder: Path, jobs: int = -1) -> Path:
    """Render everything that is planned into `folder`, on `jobs` processes (-1: all cores)."""
    folder.mkdir(parents=True, exist_ok=True)
    n, size = plan.pictures + plan.found, plan.size
    images = np.lib.format.open_memmap(
        folder / "images.npy", mode="w+", dtype=np.uint8, shape=(n, size, size, 3)
    )
    masks = np.zeros((n, MASK_GRID, MASK_GRID), dtype=bool)
    labels = np.zeros((n, 4), dtype=np.int16)
    chunks = [range(start, min(start + 200, n)) for start in range(0, n, 200)]
    work = Parallel(n_jobs=jobs, return_as="generator")(
        delayed(lambda chunk: [render_one(plan, i) for i in chunk])(chunk) for chunk in chunks
    )
    for chunk, shots in zip(tqdm(chunks, desc="rendering", unit="x200"), work, strict=True):
        for i, (image, mask, label) in zip(chunk, shots, strict=True):
            images[i], masks[i], labels[i] = image, mask, label
    images.flush()
    np.save(folder / "masks.npy", masks)
    np.save(folder / "labels.npy", labels)
    names = {"kinds": list(KINDS), "colours": list(COLOURS), "defects": all_defects()}
    (folder / "names.json").write_text(json.dumps(names | {"plan": plan.__dict__}, indent=1))
    return folder


def read_note(path: Path, what: str, command: str) -> dict:
    """The note that lies beside a finished set. FileNotFoundError says which command makes it."""
    if not path.exists():
        raise FileNotFoundError(
            f"expected {what} in {path.parent}, found no {path.name} there; "
            f"it is made by: python -m workshop tinyclip {command}"
        )
    return json.loads(path.read_text())


@dataclass(frozen=True)
class RenderSet:
    """A rendered set, opened for reading."""

    images: np.ndarray
    masks: np.ndarray
    labels: np.ndarray
    kinds: list[str]
    colours: list[str]
    defects: list[str]
    plan: dict = field(default_factory=dict)  # the RenderPlan that made it, as plain values

    @classmethod
    def open(cls, folder: Path) -> RenderSet:
        names = read_note(folder / "names.json", "a finished render set", "render")
        return cls(
            np.load(folder / "images.npy", mmap_mode="r"),
            np.load(folder / "masks.npy"),
            np.load(folder / "labels.npy"),
            names["kinds"],
            names["colours"],
            names["defects"],
            names["plan"],
        )
