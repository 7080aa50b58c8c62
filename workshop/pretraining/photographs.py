"""Photographs under free licences, and random crops of them: what visual features learn from.

`photographs.csv` lists every picture with its package, author and licence; none is shipped. The
benchmark's photographs are never among them. Two are held out: only the memory is measured on them.
"""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image
from scipy.ndimage import map_coordinates
from tqdm.auto import trange

from workshop.minifactory.canvas import Canvas
from workshop.minifactory.found_surfaces import source
from workshop.minifactory.kinds import Kind
from workshop.minifactory.surface import Colour, Fault, Surface, plain

LIST = Path(__file__).with_name("photographs.csv")
LARGEST = 2560  # longer sides are shrunk to this: a photograph then takes at most 20 MB
SMALLEST_WINDOW = 90  # pixels a side
FLAT = 10.0  # a crop whose grey levels (of 255) spread less shows next to nothing


@dataclass(frozen=True)
class Photograph:
    """One line of the list."""

    name: str
    package: str  # a Debian package, scikit-image or scikit-learn
    path: str  # below the folder that the package was unpacked to, or the library's own name
    author: str
    licence: str
    use: str  # "training" or "held out"


def listed(use: str | None = None) -> list[Photograph]:
    """All photographs of the list, or those of one use."""
    with LIST.open(newline="", encoding="utf-8") as file:
        rows = [Photograph(**row) for row in csv.DictReader(file)]
    return [row for row in rows if use in (None, row.use)]


def read(one: Photograph, folder: Path) -> UInt8[np.ndarray, "h w 3"]:
    """A photograph; `folder` is where the Debian packages were unpacked.

    Raises FileNotFoundError with what to do if it is not there.
    """
    if one.package == "scikit-image":
        return np.rint(255 * source(one.path)).astype(np.uint8)
    if one.package == "scikit-learn":
        from sklearn.datasets import load_sample_image

        return load_sample_image(one.path)
    path = folder / one.path
    if not path.exists():
        raise FileNotFoundError(
            f"expected the photograph {one.name} at {path}, found nothing there; unpack its "
            f"package: apt-get download {one.package}; dpkg-deb -x {one.package}_*.deb {folder}"
        )
    picture = Image.open(path)
    picture.thumbnail((LARGEST, LARGEST))
    return np.asarray(picture.convert("RGB"))


def halvings(photograph: UInt8[np.ndarray, "h w 3"]) -> list[UInt8[np.ndarray, "_ _ 3"]]:
    """The photograph, half of it, a quarter, ...: means of 2 x 2, down to 240 pixels a side."""
    sizes = [photograph]
    while min(sizes[-1].shape[:2]) >= 480:
        sizes.append(np.asarray(Image.fromarray(sizes[-1]).reduce(2)))
    return sizes


def crop(sizes: list[np.ndarray], size: int, draw: np.random.Generator) -> np.ndarray:
    """A window of any scale and turn, at times in other colours: (size, size, 3) uint8.

    `sizes` are the photograph's `halvings`. Scales are log-uniform between SMALLEST_WINDOW pixels a
    side and the largest turned square that fits; what a pixel of the crop covers is averaged.
    """
    height, width = sizes[0].shape[:2]
    angle = draw.uniform(0.0, 2 * np.pi)
    reach = (abs(np.cos(angle)) + abs(np.sin(angle))) / 2  # half a turned side of length 1
    largest = 0.96 * (min(height, width) - 1) / (2 * reach)
    side = np.exp(draw.uniform(np.log(min(SMALLEST_WINDOW, largest)), np.log(largest)))
    row, column = (
        draw.uniform(side * reach, length - 1 - side * reach) for length in (height, width)
    )
    level = min(len(sizes) - 1, max(0, int(np.log2(side / (2 * size)))))
    shrunk = 2.0**level
    finer = max(1, int(np.ceil(side / shrunk / size)))  # samples per pixel and direction
    steps = (np.arange(size * finer) + 0.5) / (size * finer) - 0.5
    v, u = np.meshgrid(steps, steps, indexing="ij")
    rows = row + side * (v * np.cos(angle) + u * np.sin(angle))
    columns = column + side * (u * np.cos(angle) - v * np.sin(angle))
    where = [(x + 0.5) / shrunk - 0.5 for x in (rows, columns)]
    layers = [
        map_coordinates(sizes[level][..., c], where, np.float32, order=1, mode="nearest")
        for c in range(3)
    ]
    fine = np.stack(layers, axis=-1).reshape(size, finer, size, finer, 3)
    return _recoloured(fine.mean(axis=(1, 3)), draw)


def _recoloured(picture: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Channels exchanged, weighted or dropped, other brightness and contrast."""
    if draw.random() < 0.3:
        picture = picture[..., draw.permutation(3)]
    if draw.random() < 0.15:
        picture = np.repeat(picture.mean(axis=-1, keepdims=True), 3, axis=-1)
    gain = draw.uniform(0.7, 1.3, 3) if draw.random() < 0.5 else draw.uniform(0.7, 1.3)
    mean = picture.mean(axis=(0, 1))
    picture = ((picture - mean) * draw.uniform(0.8, 1.4) + mean) * gain
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def crop_set(out: Path, folder: Path, count: int, size: int = 120, seed: int = 0) -> Path:
    """Cut `count` crops of the photographs for training into `out`/images.npy.

    Large photographs are drawn from more often: by the square root of their pixels.
    """
    photographs = [halvings(read(one, folder)) for one in listed("training")]
    areas = np.sqrt([sizes[0].shape[0] * sizes[0].shape[1] for sizes in photographs])
    chances = areas / areas.sum()
    out.mkdir(parents=True, exist_ok=True)
    images = np.lib.format.open_memmap(
        out / "images.npy", mode="w+", dtype=np.uint8, shape=(count, size, size, 3)
    )
    for number in trange(count, desc="crops", unit="crop"):
        draw = np.random.default_rng([seed, number, 9])
        for _ in range(20):  # sky and walls give way to something that can be seen
            one = crop(photographs[draw.choice(len(photographs), p=chances)], size, draw)
            if one.mean(axis=-1).std() > FLAT:
                break
        images[number] = one
    images.flush()
    note = {"crops": count, "size": size, "seed": seed, "photographs": len(photographs)}
    names = [asdict(one) for one in listed("training")]
    (out / "crops.json").write_text(json.dumps(note | {"of": names}, indent=1) + "\n")
    return out


def held_out_kinds(folder: Path, each: int = 5) -> list[Kind]:
    """The photographs that training never sees, as kinds of product for `held_out_memory`."""
    return [_surface_of(one, folder) for one in listed("held out") for _ in range(each)]


def _surface_of(one: Photograph, folder: Path) -> Kind:
    """Windows of a photograph as a product: one style is one place and scale in it."""

    @cache
    def picture() -> np.ndarray:
        return read(one, folder).astype(np.float32) / 255.0

    def build(
        canvas: Canvas,
        colour: Colour,
        style: np.random.Generator,
        instance: np.random.Generator,
        fault: Fault | None = None,
    ) -> Surface:
        height, width = picture().shape[:2]
        half = style.uniform(0.08, 0.2) * min(height, width)
        centre = style.uniform(0.35, 0.65, 2) * (height, width)
        row, column = centre + instance.uniform(-0.5, 0.5, 2) * half
        where = [row + canvas.y * half, column + canvas.x * half]
        layers = [map_coordinates(picture()[..., c], where, order=1) for c in range(3)]
        # the photograph brings its own light and relief: the surface under the defect is flat
        return plain(np.stack(layers, axis=-1), canvas.u, gloss=0.1)

    return Kind(one.name, "texture", build, words=(one.name,), colours=("grey",), turn=0.0)
