"""The teacher's patch features of many pictures: computed once, kept on disk in half precision.

What the memory uses of a token is its direction. So a feature here is the token at length 1,
written in the `width` directions that hold most of such tokens (of a sample of the pictures;
nothing is centred, so that cosines stay what they are), at length 1 again.

features.npy     (n, blocks, patches, width) float16
directions.npy   (blocks, teacher's width, width) float32
features.json    how many pictures are done, and of what
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F
from tqdm.auto import tqdm

from workshop.pretraining.held_out_memory import as_pixels
from workshop.pretraining.render_set import read_note
from workshop.pretraining.teacher import Teacher

SAMPLE = 1024  # pictures whose tokens choose the directions
CHUNK = 16  # pictures that go through the teacher at once
SAVE_EVERY = 40  # chunks between two notes of how far it is


@dataclass(frozen=True)
class TaughtSet:
    """Pictures and what the teacher makes of them, opened for reading."""

    images: np.ndarray  # (n, size, size, 3) uint8
    features: np.ndarray  # (n, blocks, patches, width) float16, of length 1

    def __len__(self) -> int:
        return len(self.features)

    @classmethod
    def open(cls, images: np.ndarray, folder: Path) -> TaughtSet:
        """Raises FileNotFoundError, or ValueError where the features are not finished."""
        said = read_note(folder / "features.json", "the teacher's features", "teach")
        if said["done"] < said["pictures"] or said["pictures"] > len(images):
            raise ValueError(
                f"expected finished features of {len(images)} pictures in {folder}, found "
                f"{said['done']} of {said['pictures']}: go on with `tinyclip teach`"
            )
        features = np.load(folder / "features.npy", mmap_mode="r")
        return cls(images[: len(features)], features)


def write_features(
    teacher: Teacher,
    images: np.ndarray,
    folder: Path,
    width: int = 192,
    directions: Float[np.ndarray, "blocks wide width"] | None = None,
    bf16: bool = False,
) -> Path:
    """Write, or go on writing, the features of `images` (n, size, size, 3) into `folder`.

    `directions` are those of another set, where both shall be learnt together. A run that was
    killed continues. Raises ValueError if the folder holds features of another set.
    """
    folder.mkdir(parents=True, exist_ok=True)
    note, path = folder / "features.json", folder / "features.npy"
    patches = teacher.model.patch_embed.num_patches
    shape = (len(images), len(teacher.blocks), patches, width)
    said = {"done": 0, "pictures": len(images), "blocks": list(teacher.blocks), "width": width}
    if note.exists():
        found = json.loads(note.read_text())
        if found | {"done": 0, "kept": None} != said | {"kept": None}:
            raise ValueError(f"{folder} holds features of another set: {found}")
        said = found
        kept = np.load(path, mmap_mode="r+")
        directions = np.load(folder / "directions.npy")
    else:
        if directions is None:
            directions = main_directions(teacher, images, width, bf16)
        np.save(folder / "directions.npy", directions)
        kept = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=shape)
        said["kept"] = None
    projection = torch.from_numpy(directions)
    starts = range(said["done"], len(images), CHUNK)
    for number, start in enumerate(tqdm(starts, desc="teacher", unit=f"x{CHUNK}")):
        tokens = _unit_tokens(teacher, images[start : start + CHUNK], bf16)
        coded = tokens.flatten(1, 2) @ projection
        said["kept"] = said["kept"] or [round(float(c), 4) for c in (coded**2).sum(-1).mean(1)]
        coded = F.normalize(coded, dim=-1).unflatten(1, tokens.shape[1:3])
        kept[start : start + len(tokens[0])] = coded.transpose(0, 1).half().numpy()
        said["done"] = start + len(tokens[0])
        if number % SAVE_EVERY == 0 or said["done"] == len(images):
            kept.flush()
            note.write_text(json.dumps(said))
    return folder


def main_directions(
    teacher: Teacher, images: np.ndarray, width: int, bf16: bool = False
) -> Float[np.ndarray, "blocks wide width"]:
    """Per block the orthonormal directions that hold most of the sample's unit tokens."""
    chosen = np.linspace(0, len(images) - 1, min(SAMPLE, len(images))).round().astype(int)
    second = 0.0
    for start in range(0, len(chosen), CHUNK):
        tokens = _unit_tokens(teacher, images[chosen[start : start + CHUNK]], bf16).flatten(1, 2)
        second = second + (tokens.transpose(1, 2) @ tokens).double()
    _, vectors = torch.linalg.eigh(second)
    return vectors[..., -width:].flip(-1).float().numpy()


def _unit_tokens(
    teacher: Teacher, images: np.ndarray, bf16: bool
) -> Float[Tensor, "blocks b patches wide"]:
    pixels = as_pixels(images, images.shape[1])
    return F.normalize(teacher.tokens(pixels, bf16), dim=-1)
