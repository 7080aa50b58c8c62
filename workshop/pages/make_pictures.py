"""Draw the pictures of the README and of the cards from the data, the weights and the logs.

    python -m workshop.pages.make_pictures          all of docs/images but rooms.svg

The README's pictures carry their words as the PNG's own description, and make_readme takes its alt
texts from there. A rule chose the product line that they show, see `Ladder.middle_line`.
"""

from __future__ import annotations

import base64
import csv
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.cm import ScalarMappable
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from promptad_tutorial.clip.loading import load_backbone
from promptad_tutorial.datasets import ProductLine, Sample, draw_shots, mask_at, open_dataset
from promptad_tutorial.detectors import PromptAD
from promptad_tutorial.explorers import ShotExplorer, encode_draws
from promptad_tutorial.figures import Illustration, gallery
from promptad_tutorial.figures.diagrams import pipeline
from promptad_tutorial.figures.illustration import FONT_SIZE, blank_figure
from promptad_tutorial.figures.inputs import as_pictures
from promptad_tutorial.figures.maps import colour_scale, draw_map, inside_outside
from promptad_tutorial.figures.palette import MAP_COLOURS, PICTURE_EXTENT, bare, outline
from promptad_tutorial.figures.wording import rounded, sentences
from promptad_tutorial.learning.config import PromptADConfig
from promptad_tutorial.prompts.words import product_name
from promptad_tutorial.scoring import anomaly_maps
from workshop.pages.ladder import SHOTS, Ladder

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
SIDE = 240  # pixels of the minifactory's pictures, and of masks and maps here
SEEDS = 5  # draws of the ladder
WORDS = "Description"  # the PNG's own keyword for what it shows


def middle(samples: list[Sample], scores: np.ndarray) -> int:
    """The place of the sample with the median score: neither best nor worst."""
    return int(np.argsort(scores, kind="stable")[len(samples) // 2])


def promptad(line: ProductLine, detector: PromptAD) -> Illustration:
    """The whole method on one good and one defective piece: what words say, what memory says, and
    both together. Each kind of map has its own colours, the same for both pieces.
    """
    test = {label: [s for s in line.test if s.label == label] for label in (0, 1)}
    shown, values = [], []
    for label, samples in test.items():
        scores = detector.score([sample.image for sample in samples]).image_scores
        place = middle(samples, scores)
        shown.append(samples[place])
        values.append((("good", "defective")[label], float(scores[place])))
    columns = maps_of_the_branches(detector, shown)
    masks = [mask_at(sample, (SIDE, SIDE)) for sample in shown]

    figure = blank_figure(8.2, 4.3)
    grid = figure.subplots(2, 1 + len(columns))
    rows = zip(grid, as_pictures([s.image for s in shown]), masks, values, strict=True)
    for row, picture, mask, (kind, score) in rows:
        row[0].imshow(picture, extent=PICTURE_EXTENT)
        outline(row[0], mask)
        row[0].set_ylabel(f"{kind}\nscore {rounded(score)}", fontsize=FONT_SIZE)
    grid[0, 0].set_title("picture", fontsize=FONT_SIZE)
    for column, (name, maps) in zip(grid.T[1:], columns.items(), strict=True):
        norm = colour_scale(list(maps), None)
        for axes, height, mask in zip(column, maps, masks, strict=True):
            draw_map(axes, height, norm, mask)
        column[0].set_title(name, fontsize=FONT_SIZE)
        bar = figure.colorbar(
            ScalarMappable(norm, MAP_COLOURS), ax=column[1], orientation="horizontal"
        )
        bar.ax.tick_params(labelsize=FONT_SIZE)
        bar.ax.locator_params(nbins=3)
    for axes in grid.ravel():
        bare(axes)
    facts = []
    for name, maps in columns.items():
        pair = inside_outside(masks[1], maps[1])
        assert pair is not None  # a defective piece has a mask
        facts.append(f"{name}: {rounded(pair[0])} inside the mask and {rounded(pair[1])} outside")
    (_, good), (_, bad) = values
    caption = sentences(
        f"PromptAD after {SHOTS} good pictures of {product_name(line.name)}, the product line with "
        "the median image AUROC. Shown are the good and the defective test piece with the median "
        f"score ({rounded(good)} and {rounded(bad)}), the defect ({shown[1].defect}) outlined",
        f"Backbone: {detector.backbone.label}",
    )
    return Illustration(figure, sentences(caption, *facts), caption)


def maps_of_the_branches(detector: PromptAD, shown: list[Sample]) -> dict[str, np.ndarray]:
    """The maps of the text branch, of the memory, and of both fused."""
    features = detector.encode([sample.image for sample in shown])
    patches = {
        "words (text map)": detector.side_score(features.patches, "pixel"),
        "memory (visual map)": detector.visual_score(features),
    }
    config, grid = detector.config, detector.backbone.grid
    found = {
        name: anomaly_maps(scores, grid, config.map_size, config.sigma)
        for name, scores in patches.items()
    }
    return found | {"PromptAD (fused)": detector.score_features(features).anomaly_maps}


def fitted(line: ProductLine, backbone: Any) -> PromptAD:
    """PromptAD after the first draw of the ladder: seed 0 of shots and of the random start."""
    shots = [sample.image for sample in draw_shots(line.train, SHOTS, 0)]
    return PromptAD(backbone, line.name).fit(shots, torch.Generator().manual_seed(0))


def explorer(line: ProductLine, backbone: Any) -> tuple[bytes, str]:
    """A still of the explorer of shots after a look at every draw of the ladder, and its words."""
    drawn = {line.name: encode_draws(backbone, line, shots=(SHOTS,), seeds=SEEDS)}
    asked = ShotExplorer(backbone, drawn)
    for seed in (*range(1, SEEDS), 0):
        asked.seed.value = seed
    bundle = asked._repr_mimebundle_()
    return base64.b64decode(bundle["image/png"]), bundle["text/plain"]


def save_with_words(png: bytes, words: str, path: Path) -> None:
    """Write a PNG that says in its own description what it shows."""
    note = PngInfo()
    note.add_itxt(WORDS, words)
    with Image.open(BytesIO(png)) as picture:
        picture.save(path, format="png", pnginfo=note, optimize=True)


def words_of(path: Path) -> str:
    """The description that a PNG carries. ValueError if it has none."""
    with Image.open(path) as picture:
        picture.load()
        words = picture.info.get(WORDS)
    if not words:
        raise ValueError(
            f"expected {path.name} to say what it shows, found no {WORDS}: draw it again with "
            "python -m workshop.pages.make_pictures"
        )
    return str(words)


def factory() -> Illustration:
    """A good piece and two defective ones of every product line."""
    dataset = open_dataset(ROOT / "data" / "minifactory")
    lines = [dataset.load(name) for name in dataset.product_lines]
    shown = []
    for line in lines:
        bad = [sample for sample in line.test if sample.label == 1]
        shown += [(line.name, s) for s in (line.train[0], bad[0], bad[len(bad) // 2])]
    return gallery(
        [sample.image for _, sample in shown],
        titles=[f"{name}: {sample.defect}".replace("_", " ") for name, sample in shown],
        columns=6,
        caption="A good piece and two defective ones of every product line of the minifactory.",
    )


def training_curves(log: Path) -> Illustration:
    """The three losses and the temperature over the steps of pretraining.

    A loss that a step did not use stands as 0 in the log, and is not drawn there.
    """
    with log.open(newline="") as file:
        rows = list(csv.DictReader(file))
    figure = blank_figure(8.0, 5.0)
    facts = []
    for axes, name in zip(
        figure.subplots(2, 2).ravel(),
        ("contrastive", "states", "naming", "temperature"),
        strict=True,
    ):
        used = [row for row in rows if float(row[name])]
        steps = np.array([int(row["step"]) for row in used])
        values = np.array([float(row[name]) for row in used])
        width = min(25, len(values))
        smooth = np.convolve(values, np.ones(width) / width, mode="valid")
        axes.plot(steps, values, linewidth=0.5, color="0.75")
        axes.plot(steps[width - 1 :], smooth, color="black")
        axes.set_title(name)
        axes.set_xlabel("step")
        facts.append(f"{name} from {smooth[0]:.2f} to {smooth[-1]:.2f}")
    return Illustration(
        figure,
        f"Pretraining of TinyCLIP over {rows[-1]['step']} steps, running means: "
        f"{'; '.join(facts)}.",
    )


def main() -> int:
    """Write every picture to docs/images."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    line = open_dataset(ROOT / "data" / "minifactory").load(Ladder.read().middle_line())
    backbone = load_backbone("tiny")
    shown = promptad(line, fitted(line, backbone))
    save_with_words(shown.png, shown.alt, IMAGES / "promptad.png")
    save_with_words(*explorer(line, backbone), IMAGES / "explorer.png")
    whole = pipeline(backbone, PromptADConfig())
    save_with_words(whole.png, whole.alt, IMAGES / "method.png")
    factory().save(IMAGES / "minifactory.png")
    training_curves(ROOT / "results" / "tinyclip" / "log.csv").save(
        IMAGES / "tinyclip_training.png"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
