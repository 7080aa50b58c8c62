"""Few-shot memory on looks that no training saw: what the visual features are worth by themselves.

A set holds looks, and every look the same pieces in the same order: first the shots, then good
pieces, then defective ones.

images.npy  (looks, pieces, size, size, 3) uint8
masks.npy   (looks, pieces, MASK_GRID, MASK_GRID) bool: does the defect touch this cell?
looks.json  the plan, and the name of each look's kind
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, UInt8
from joblib import Parallel, delayed
from sklearn.metrics import roc_auc_score
from torch import Tensor

from promptad_tutorial.scoring.maps import anomaly_maps, highest_of_map
from promptad_tutorial.scoring.memory import visual_score
from workshop.minifactory.catalogue import KINDS, defects_of
from workshop.minifactory.kinds import Kind
from workshop.minifactory.render import render
from workshop.pretraining.render_set import HELD_OUT_STYLES, MASK_GRID, read_note, touched

FIRST_LOOK = HELD_OUT_STYLES.start + 500_000  # behind the looks of `tinyclip render --held-out`

Encode = Callable[[UInt8[np.ndarray, "n s s 3"]], Float[Tensor, "blocks n patches width"]]


@dataclass(frozen=True)
class LookPlan:
    """How much of every look, and how hard: as on the benchmark, whose looks are others."""

    shots: int = 8
    good: int = 12
    bad: int = 12
    size: int = 240
    strengths: tuple[float, float] = (0.25, 0.7)

    @property
    def pieces(self) -> int:
        return self.shots + self.good + self.bad


@dataclass(frozen=True)
class LookSet:
    """Looks, opened for reading."""

    plan: LookPlan
    kinds: list[str]  # of each look
    images: UInt8[np.ndarray, "looks pieces s s 3"]
    masks: Bool[np.ndarray, "looks pieces g g"]

    @classmethod
    def open(cls, folder: Path) -> LookSet:
        """Raises FileNotFoundError where no finished set lies."""
        said = read_note(folder / "looks.json", "a set of looks", "looks")
        plan = LookPlan(**(said["plan"] | {"strengths": tuple(said["plan"]["strengths"])}))
        images = np.load(folder / "images.npy", mmap_mode="r")
        return cls(plan, said["kinds"], images, np.load(folder / "masks.npy"))


def render_look(kind: Kind, style: int, plan: LookPlan) -> tuple[np.ndarray, np.ndarray]:
    """All pieces of one look, and where their defects are; depends on the arguments alone.

    Defects take turns, those that are held out of training among them. One that cannot be seen on
    this piece gives way to the next.
    """
    names = defects_of(kind)
    shots = [render(kind, style, piece, plan.size) for piece in range(plan.shots + plan.good)]
    for piece in range(plan.shots + plan.good, plan.pieces):
        draw = np.random.default_rng([style, piece, 8])
        strength = float(draw.uniform(*plan.strengths))
        for name in draw.permutation(names):
            try:
                shots.append(render(kind, style, piece, plan.size, str(name), strength))
                break
            except ValueError:
                continue
        else:
            raise ValueError(f"no visible defect for piece {piece} of {kind.name}, look {style}")
    masks = np.stack([touched(shot.mask, MASK_GRID) for shot in shots])
    return np.stack([shot.image for shot in shots]), masks


def render_looks(
    folder: Path, plan: LookPlan, kinds: Sequence[Kind] | None = None, jobs: int = -1
) -> Path:
    """Render one look of each kind (by default: of the whole catalogue) into `folder`."""
    kinds = list(KINDS.values()) if kinds is None else list(kinds)
    folder.mkdir(parents=True, exist_ok=True)
    made = Parallel(n_jobs=jobs)(
        delayed(render_look)(kind, FIRST_LOOK + number, plan) for number, kind in enumerate(kinds)
    )
    images, masks = zip(*made, strict=True)
    np.save(folder / "images.npy", np.stack(images))
    np.save(folder / "masks.npy", np.stack(masks))
    note = {"plan": asdict(plan), "kinds": [kind.name for kind in kinds]}
    (folder / "looks.json").write_text(json.dumps(note, indent=1) + "\n")
    return folder


def memory_table(looks: LookSet, encode: Encode, shots: Sequence[int] = (1, 4, 8)) -> pd.DataFrame:
    """Image and pixel AUROC in % of the memory alone: one row per look and number of shots.

    `encode` gives unit-norm patch tokens of the blocks that the memory reads. A picture's score is
    the largest of its map, as everywhere in this series (method section 3). Pixels are the cells of
    the masks. The first k shots of a look are its k shots.

    Raises ValueError for more shots than the looks have.
    """
    if max(shots) > looks.plan.shots:
        raise ValueError(f"expected at most {looks.plan.shots} shots, got {max(shots)}")
    anomalous = np.repeat([False, True], [looks.plan.good, looks.plan.bad])
    rows = []
    for kind, images, masks in zip(looks.kinds, looks.images, looks.masks, strict=True):
        blocks = encode(images)
        side = round(blocks.shape[2] ** 0.5)
        tests, defects = blocks[:, looks.plan.shots :], masks[looks.plan.shots :]
        for k in shots:
            visual = visual_score(tests, blocks[:, :k].flatten(1, 2)).double()
            whole = highest_of_map(visual, (side, side), 4 * MASK_GRID).numpy()
            maps = anomaly_maps(visual, (side, side), MASK_GRID)
            image = 100 * roc_auc_score(anomalous, whole)
            pixel = 100 * roc_auc_score(defects.ravel(), maps.ravel())
            rows.append((kind, k, float(image), float(pixel)))
    return pd.DataFrame(rows, columns=["kind", "shots", "image_auroc", "pixel_auroc"])


def means(table: pd.DataFrame) -> pd.DataFrame:
    """Means over looks, one row per number of shots."""
    return table.groupby("shots", as_index=False)[["image_auroc", "pixel_auroc"]].mean()


def share_of_the_way(student: float, today: float, teacher: float) -> float:
    """How far of the way from today's figure to the teacher's, in %: 0 is today, 100 the teacher.

    Raises ValueError if there is no way to go.
    """
    if teacher <= today:
        raise ValueError(f"the teacher's {teacher:.1f} is not above today's {today:.1f}")
    return 100 * (student - today) / (teacher - today)


def as_pixels(images: UInt8[np.ndarray, "n s s 3"], size: int) -> Float[Tensor, "n 3 size size"]:
    """Pictures in [0, 1] at `size` pixels a side: bicubic with antialiasing, as CLIP's own."""
    x = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float() / 255.0
    if x.shape[-1] != size:
        x = torch.nn.functional.interpolate(x, size=(size, size), mode="bicubic", antialias=True)
    return x.clamp(0.0, 1.0)
